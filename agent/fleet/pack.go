package fleet

import (
	"encoding/json"
	"fmt"
	"strings"
)

// PackFormat is a form of the queries that a tool takes.
type PackFormat struct {
	Name    string // on the command line
	Meaning string
	Pack    func() string
}

// PackFormats lists the forms, the default first.
var PackFormats = []PackFormat{
	{"fleet", "YAML documents for fleetctl apply", fleetPack},
	{"gitops", "a YAML file for Fleet's GitOps, named with path below queries", gitopsPack},
	{"osquery", "a pack of osquery as JSON", osqueryPack},
}

// packInterval is the time between two runs of a query, in seconds. A server with 100,000
// Macs gets 222 answers a second: docs/fleet.md, "At scale".
const packInterval = 3600

// PackNamed returns the form with a name.
func PackNamed(name string) (PackFormat, bool) {
	for _, f := range PackFormats {
		if f.Name == name {
			return f, true
		}
	}
	return PackFormat{}, false
}

// fleetPack has a document for each query, in the form of Fleet's documentation of
// fleetctl apply.
func fleetPack() string {
	var b strings.Builder
	for _, q := range Queries() {
		b.WriteString("---\napiVersion: v1\nkind: query\nspec:\n")
		b.WriteString(indented("  ", q.yaml()))
	}
	return b.String()
}

// gitopsPack has a list of queries, in the form of Fleet's documentation of YAML files.
func gitopsPack() string {
	var b strings.Builder
	for _, q := range Queries() {
		b.WriteString("- " + strings.TrimPrefix(indented("  ", q.yaml()), "  "))
	}
	return b.String()
}

// yaml returns the keys of a query. A snapshot has all rows of each run: Fleet shows the
// last one of each host. It is not sent to a log, which would get a line for each run.
func (q Query) yaml() string {
	return fmt.Sprintf(`name: %s
description: %q
query: |
%splatform: darwin
interval: %d
observer_can_run: true
automations_enabled: false
logging: snapshot
discard_data: false
`, q.Name, q.Meaning, indented("  ", q.SQL+"\n"), packInterval)
}

func indented(by, lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(by + line)
	}
	return b.String()
}

// osqueryPack is a pack in the form of osquery's documentation of its configuration. osquery
// logs the rows that appear or disappear, so a Mac that is well logs nothing.
func osqueryPack() string {
	type query struct {
		Query       string `json:"query"`
		Description string `json:"description"`
		Interval    int    `json:"interval"`
	}
	pack := struct {
		Platform string           `json:"platform"`
		Queries  map[string]query `json:"queries"`
	}{"darwin", map[string]query{}}
	for _, q := range Queries() {
		pack.Queries[q.Name] = query{strings.Join(strings.Fields(q.SQL), " "), q.Meaning, packInterval}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(pack) // plain data
	return b.String()
}
