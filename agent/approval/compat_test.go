package approval

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
)

func TestBuiltInTable(t *testing.T) {
	rows := Compat().Rows
	if len(rows) != 13 || rows[0].Major != 10 || rows[12].Major != 27 {
		t.Fatalf("the built-in table has %d rows", len(rows))
	}
	for _, row := range rows {
		if row.Source == "" || !strings.HasPrefix(row.LastBuild, strconv.Itoa(row.Major)+".") {
			t.Errorf("row %+v, want a source and a last build of that major version", row)
		}
		if row.MinMacOS != "" && row.Confidence == Unsure {
			t.Errorf("an unsure row has a minimum: %+v", row)
		}
	}
}

func TestMadeForOlder(t *testing.T) {
	for _, c := range []struct {
		parallels, macOS string
		older            bool
		confidence       Confidence
	}{
		{"15.1.5", "10.15.7", false, Likely},
		{"15.1.5", "11.0", true, Likely},
		{"14.1.3", "10.14.6", false, Likely},
		{"14.1.3-45485", "10.15", true, Likely},
		{"16.5.1", "11.7.10", false, Likely},
		{"16.5.1", "12.0.1", true, Likely},
		{"16.5.1", "10.13.6", false, Likely},
		{"26.4.1", "26.2", false, Sure},
		{"26.4.1", "27.0", true, Sure},
		{"26.4.1", "", false, Sure},
		{"26.4.1", "rubbish", false, Sure},
		{"11.2.3", "10.13.6", true, Unsure},
	} {
		row, ok := Compat().For(c.parallels)
		older, confidence := row.MadeForOlder(probe.OSVersion{Version: c.macOS})
		if !ok || older != c.older || confidence != c.confidence {
			t.Errorf("Parallels %s on macOS %q: %v, %v, %v", c.parallels, c.macOS, ok, older, confidence)
		}
	}
	for _, version := range []string{"", "21.0.0", "9", "rubbish", "-18.1.1", "0"} {
		if row, ok := Compat().For(version); ok {
			t.Errorf("%q is in the table: %+v", version, row)
		}
	}
}

// The newest version that was made for a macOS and a processor. The notes of an older
// one, or of one for the other processor, would lead nowhere.
func TestNewest(t *testing.T) {
	for _, c := range []struct {
		macOS string
		arch  probe.Arch
		major int // 0: none is known
	}{
		{"10.13.6", probe.Intel, 17}, {"10.15.7", probe.Intel, 18}, {"11.7.10", probe.Intel, 18}, {"12.7.6", probe.Intel, 20},
		{"13.7.2", probe.Intel, 26}, {"26.2", probe.Intel, 26}, {"26.2", probe.AppleSilicon, 27}, {"26.2", "", 26},
		{"14.6", probe.AppleSilicon, 26}, {"14.7", probe.AppleSilicon, 27}, {"27.0", probe.AppleSilicon, 27},
		{"27.0", probe.Intel, 0}, {"28.0", probe.AppleSilicon, 0}, {"", probe.Intel, 0},
	} {
		row, known := Compat().Newest(probe.OSVersion{Version: c.macOS}, c.arch)
		if row.Major != c.major || known != (c.major > 0) {
			t.Errorf("macOS %q, %q: version %d, want %d", c.macOS, c.arch, row.Major, c.major)
		}
	}
	guess := Table{[]Row{{Major: 30, MaxMacOS: "30", Confidence: Unsure}, {Major: 29, MaxMacOS: "29", Confidence: Likely}, {Major: 13, MaxMacOS: "10.13", Confidence: Likely}}}
	for macOS, want := range map[string]int{"30.1": 0, "29.1": 29, "28.1": 0, "10.13.6": 13, "10.12.6": 0} {
		if row, _ := guess.Newest(probe.OSVersion{Version: macOS}, probe.Intel); row.Major != want {
			t.Errorf("without a known oldest macOS, %s: version %d, want %d", macOS, row.Major, want)
		}
	}
}

const oneRow = `{"schema": 1, "rows": [{"major": 18, "min_macos": "10.14", "max_macos": "13", "confidence": "likely", "last_build": "18.3.4-53630", "release_notes": "https://kb.parallels.com/129060", "source": "x"}]}`

func TestParseTableIsStrict(t *testing.T) {
	if _, err := ParseTable([]byte(oneRow)); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseTable([]byte(`{"schema": 1, "rows": [{"major": 18, "max_macos": "13", "confidence": "sure"}]}`)); err != nil {
		t.Errorf("a table with only the required keys: %v", err)
	}
	for _, change := range [][2]string{
		{`"schema": 1`, `"schema": 2`},
		{`"schema": 1, `, ``},
		{`"schema": 1`, `"schema": 1, "extra": 1`},
		{`"source": "x"`, `"source": "x", "extra": 1`},
		{`]}`, `]} {}`},
		{`]}`, ``},
		{`18,`, `0,`},
		{`18,`, `"18",`},
		{`"13"`, `""`},
		{`"13"`, `"0"`},
		{`"13"`, `"13; rm"`},
		{`"10.14"`, `"Mojave"`},
		{`"likely"`, `"certain"`},
		{`"likely"`, `"likely", "arch": "ppc"`},
		{`"18.3.4-53630"`, `"18.3.4"`},
		{`https://kb`, `http://kb`},
		{`https://kb.parallels.com/129060`, `https://kb.parallels.com/$(id)`},
		{`129060`, strings.Repeat("1", 400)},
		{`"x"`, `"x\u001b[31m"`},
		{`"x"`, `"` + strings.Repeat("x", 301) + `"`},
		{`{"major": 18`, `{"major": 18, "max_macos": "12", "confidence": "sure"}, {"major": 18`},
		{`{"schema"`, strings.Repeat(" ", 256<<10) + `{"schema"`},
	} {
		changed := strings.Replace(oneRow, change[0], change[1], 1)
		if changed == oneRow {
			t.Fatalf("the table does not contain %q, so this test cannot change it", change[0])
		}
		if _, err := ParseTable([]byte(changed)); err == nil {
			t.Errorf("ParseTable accepts %q in place of %q", change[1][:min(60, len(change[1]))], change[0])
		}
	}
}

// A table at the limits that the errors name is accepted.
func TestParseTableAtItsLimits(t *testing.T) {
	var rows []string
	for major := 1; major < 200; major++ {
		rows = append(rows, fmt.Sprintf(`{"major": %d, "max_macos": "13", "confidence": "sure"}`, major))
	}
	const notes = "https://kb.parallels.com/"
	rows = append(rows, fmt.Sprintf(`{"major": 999, "max_macos": "13", "confidence": "sure", "release_notes": %q, "source": %q}`,
		notes+strings.Repeat("1", 400-len(notes)), strings.Repeat("x", 300)))
	table := `{"schema": 1, "rows": [` + strings.Join(rows, ", ") + `]}`
	table += strings.Repeat(" ", 256<<10-len(table))
	if parsed, err := ParseTable([]byte(table)); err != nil || len(parsed.Rows) != 200 {
		t.Errorf("%d rows, %v", len(parsed.Rows), err)
	}
}

// An administrator who wrote the table finds the row that an error names.
func TestErrorsNameTheRow(t *testing.T) {
	const first = `{"schema": 1, "rows": [{"major": 17, "max_macos": "12", "confidence": "sure"}, {"major": `
	for _, second := range []string{
		`18, "max_macos": "Ventura", "confidence": "sure"}]}`,
		`17, "max_macos": "13", "confidence": "sure"}]}`,
	} {
		if _, err := ParseTable([]byte(first + second)); err == nil || !strings.Contains(err.Error(), "row 2:") {
			t.Errorf("%s: %v, want an error about row 2", second, err)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(oneRow))
	f.Add(compat)
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		table, err := ParseTable(data)
		if (err == nil) != (len(table.Rows) > 0) {
			t.Fatalf("%d rows, %v", len(table.Rows), err)
		}
		for _, row := range table.Rows {
			if found, ok := table.For(strconv.Itoa(row.Major)); !ok || found != row {
				t.Errorf("For does not find %+v: %+v", row, found)
			}
			if older, _ := row.MadeForOlder(probe.OSVersion{Version: row.MaxMacOS}); older {
				t.Errorf("%+v was not made for its own newest macOS", row)
			}
		}
	})
}
