package policy

import (
	"context"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Inspection is what Inspect found in a copy of the policy database.
type Inspection struct {
	Header  []byte   // the first 100 bytes of the file, fewer if it is shorter
	Results []Result // in the order of the queries; fewer if Err is set
	Err     error    // why the copy could not be opened or read
}

// Result is the result of one query.
type Result struct {
	Rows []string
	Err  error
}

// Inspect runs queries with one text column each on a verified copy of Apple's
// policy database. It copies the database like ReadDatabase. It does not check the
// structure or the schema, so it can describe a database that ReadDatabase refuses.
// The inspection is valid only if the state of the source is probe.OK: then the copy
// was made.
func Inspect(ctx context.Context, m root.FS, queries []string) (Inspection, probe.Source) {
	var in Inspection
	copied := false
	err := withCopy(ctx, m, func(ctx context.Context, c databaseCopy) error {
		copied = true
		in.Header = c[0][:min(headerSize, len(c[0]))]
		in.Err = inCopy(ctx, c, func(c *connection) error {
			for _, query := range queries {
				rows, err := selectAll(ctx, c, query, values.first)
				in.Results = append(in.Results, Result{rows, err})
			}
			return nil
		})
		return nil
	})
	if !copied {
		return Inspection{}, databaseProblem(err)
	}
	return in, probe.Source{Name: probe.Database, State: probe.OK}
}
