package approval

import (
	"bytes"
	_ "embed" // the built-in table
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"kextwatch/probe"
)

// Table maps each major version of Parallels Desktop to the macOS versions that it
// was made for.
type Table struct {
	Rows []Row
}

// Row is one major version of Parallels Desktop.
type Row struct {
	Major        int        `json:"major"`
	MinMacOS     string     `json:"min_macos"`     // the oldest it runs on; empty if unknown
	MaxMacOS     string     `json:"max_macos"`     // the newest it was made for: "10.15", or "13" for all of 13
	Arch         probe.Arch `json:"arch"`          // the only processor it runs on; empty: both, or unknown
	Confidence   Confidence `json:"confidence"`    // in MaxMacOS
	LastBuild    string     `json:"last_build"`    // "18.3.4-53630"; empty if unknown
	ReleaseNotes string     `json:"release_notes"` // an https URL; empty if unknown
	Source       string     `json:"source"`        // the origin of MaxMacOS and MinMacOS
}

// Confidence is how reliable a row is.
type Confidence string

// The confidences. An unsure row must not decide anything.
const (
	Sure   Confidence = "sure"
	Likely Confidence = "likely"
	Unsure Confidence = "unsure"
)

// MadeForOlder reports whether this version of Parallels was made for an older
// macOS, and how reliable that is. It may still run.
func (r Row) MadeForOlder(os probe.OSVersion) (bool, Confidence) {
	return os.After(r.MaxMacOS), r.Confidence
}

// fits reports whether this version was made for a macOS and runs on it. If the oldest
// macOS is unknown, only the newest one counts.
func (r Row) fits(os probe.OSVersion) bool {
	if older, confidence := r.MadeForOlder(os); older || confidence == Unsure {
		return false
	}
	if r.MinMacOS == "" {
		newest := probe.OSVersion{Version: r.MaxMacOS}
		return os.Major() == newest.Major() && (os.Major() > 10 || os.Minor() == newest.Minor())
	}
	oldest := probe.OSVersion{Version: r.MinMacOS}
	return os.AtLeast(oldest.Major(), oldest.Minor())
}

// Newest returns the newest version that fits a macOS and a processor.
func (t Table) Newest(os probe.OSVersion, arch probe.Arch) (Row, bool) {
	var newest Row
	for _, row := range t.Rows {
		if row.Major > newest.Major && os.Known() && row.fits(os) && (row.Arch == "" || row.Arch == arch) {
			newest = row
		}
	}
	return newest, newest.Major > 0
}

// MadeForOlder reports whether the installed version was made for an older macOS
// than this one, as far as the table has a row for it.
func (p Product) MadeForOlder(os probe.OSVersion) bool {
	if p.Made == nil {
		return false
	}
	older, _ := p.Made.MadeForOlder(os)
	return older
}

// For returns the row for an installed version such as "18.1.1".
func (t Table) For(version string) (Row, bool) {
	major := probe.OSVersion{Version: version}.Major()
	for _, row := range t.Rows {
		if row.Major == major {
			return row, true
		}
	}
	return Row{}, false
}

//go:embed compat.json
var compat []byte

// Compat returns the built-in table.
func Compat() Table { return builtIn() }

var builtIn = sync.OnceValue(func() Table {
	t, err := ParseTable(compat)
	if err != nil {
		panic(err) // a test parses the embedded table
	}
	return t
})

var (
	macOSForm = probe.Form{Expr: `^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$`}
	buildForm = probe.Form{Expr: `^[0-9]{1,3}(\.[0-9]{1,3}){1,2}-[0-9]{1,9}$`}
	urlForm   = probe.Form{Expr: `^https://[0-9A-Za-z.-]+/[0-9A-Za-z._~/?=&%#-]*$`}
)

// ParseTable parses a table with the format of compat.json. It rejects unknown
// keys and invalid values, because advice for users depends on the table.
func ParseTable(data []byte) (Table, error) {
	const largest, most = 256 << 10, 200 // bytes, rows
	if len(data) > largest {
		return Table{}, fmt.Errorf("the compatibility table is larger than %d bytes", largest)
	}
	var file struct {
		Schema int   `json:"schema"`
		Rows   []Row `json:"rows"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Table{}, fmt.Errorf("the compatibility table: %w", err)
	}
	_, err := decoder.Token()
	switch {
	case err != io.EOF:
		return Table{}, errors.New("the compatibility table: unexpected data after the JSON object")
	case file.Schema != 1:
		return Table{}, fmt.Errorf("the compatibility table: unknown schema %d, want 1", file.Schema)
	case len(file.Rows) == 0 || len(file.Rows) > most:
		return Table{}, fmt.Errorf("the compatibility table: %d rows, want 1 to %d", len(file.Rows), most)
	}
	seen := map[int]bool{}
	for i, row := range file.Rows {
		if err := row.check(); err != nil {
			return Table{}, fmt.Errorf("the compatibility table, row %d: %w", i+1, err)
		}
		if seen[row.Major] {
			return Table{}, fmt.Errorf("the compatibility table, row %d: a second row for version %d", i+1, row.Major)
		}
		seen[row.Major] = true
	}
	return Table{file.Rows}, nil
}

func (r Row) check() error {
	optional := func(form *probe.Form, value string) bool { return value == "" || form.MatchString(value) }
	switch {
	case r.Major < 1 || r.Major > 999:
		return fmt.Errorf("invalid major version %d of Parallels Desktop", r.Major)
	case !macOSForm.MatchString(r.MaxMacOS) || probe.OSVersion{Version: r.MaxMacOS}.Major() == 0:
		return fmt.Errorf("invalid macOS version %q in max_macos", r.MaxMacOS)
	case !optional(&macOSForm, r.MinMacOS):
		return fmt.Errorf("invalid macOS version %q in min_macos", r.MinMacOS)
	case r.Arch != "" && r.Arch != probe.Intel && r.Arch != probe.AppleSilicon:
		return fmt.Errorf("unknown processor %q in arch, want %s or %s", r.Arch, probe.Intel, probe.AppleSilicon)
	case r.Confidence != Sure && r.Confidence != Likely && r.Confidence != Unsure:
		return fmt.Errorf("invalid confidence %q, want sure, likely or unsure", r.Confidence)
	case !optional(&buildForm, r.LastBuild):
		return fmt.Errorf("invalid last_build %q, want the form 18.3.4-53630", r.LastBuild)
	case !optional(&urlForm, r.ReleaseNotes) || len(r.ReleaseNotes) > 400:
		return fmt.Errorf("invalid https URL %q in release_notes", r.ReleaseNotes)
	case len(r.Source) > 300 || strings.ContainsFunc(r.Source, func(c rune) bool { return !unicode.IsPrint(c) }):
		return errors.New("invalid source: want one printable line of at most 300 bytes")
	}
	return nil
}
