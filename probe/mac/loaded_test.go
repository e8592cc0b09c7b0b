package mac

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const (
	kmutilTool   = "/usr/bin/kmutil"
	kextstatTool = "/usr/sbin/kextstat"

	tableHead = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
	tableRows = `    1  141 0                  0          0          com.apple.kpi.bsd (19.6.0) 7B4D6A1F-2A5B-3D84-8E2B-6F1C1B0F8E5A <>
  163    0 0xffffff7f84210000 0x27000    0x27000    com.parallels.kext.hypervisor (14.0.1 45154) 0AA1A5B8-3C7F-3E7D-8C51-9E7C2D4C5E11 <5 4 3 1>
  164    3 0xffffff7f8423a000 0x9000     0x9000     com.example.x (1.0)
`
)

var tableKexts = []probe.LoadedKext{
	{BundleID: "com.apple.kpi.bsd", Version: "19.6.0"},
	{BundleID: "com.parallels.kext.hypervisor", Version: "14.0.1 45154"},
	{BundleID: "com.example.x", Version: "1.0"},
}

func TestParseLoaded(t *testing.T) {
	for name, out := range map[string]string{
		"rows alone":    tableRows,
		"head":          tableHead + tableRows,
		"macOS 11":      "Executing: /usr/bin/kmutil showloaded\nNo variant specified, falling back to release\n" + tableHead + tableRows,
		"kmutil":        "No variant specified, falling back to release\n" + tableHead + tableRows,
		"words after":   tableHead + tableRows + "Executing: /usr/bin/kmutil showloaded\nNo variant specified, falling back to release\n",
		"no last break": strings.TrimSuffix(tableRows, "\n"),
		"CRLF":          strings.ReplaceAll(tableRows, "\n", "\r\n"),
		"rubbish between": "com.evil (1.0)\n1 2 3 4 5 com.evil\n1 2 x 4 5 com.evil (1.0)\n1 2 3 4 5 com.evil\x1b (1.0)\n" +
			"1 2 3 4 5 com.evil (1.0\n1 2 3 4 5 com.evil (\x00)\n\x00\xff\n" + strings.Repeat("9", 10000) + "\n" + tableRows,
	} {
		got, err := parseLoaded([]byte(out))
		if err != nil || !got.Known || !slices.Equal(got.Kexts, tableKexts) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The forms of a row from macOS 10.13 to 26.
func TestParseLoadedRow(t *testing.T) {
	const id = "com.parallels.kext.hypervisor"
	for row, version := range map[string]string{
		"   26    1 0xffffff7f84210000 0x27000    0x27000    " + id + " (1.0) UUID <5 4 3 1>":                           "1.0",
		"   26    1 0xffffff7f84210000 0x27000    0x27000    " + id + " (14.0.1 45154) " + testSession + " <5 4 3 1>":   "14.0.1 45154",
		"  163    0 0                  0x27000    0x27000    " + id + " (18.1.1 53328) " + testSession + " <5 4 3 1>":   "18.1.1 53328",
		"  163    0 0                  0          0          " + id + " (26.4.1 57516) " + testSession + " <>":          "26.4.1 57516",
		"  163    0 0x0                0x0        0x0        " + id + " (26.4.1 57516)":                                 "26.4.1 57516",
		"    1  141 0xffffff800a200000 0x1af50    0x1af50    " + id + " (999.1.1d1)":                                    "999.1.1d1",
		"12345 1234 0xffffff7f84210000 0xffffffff 0xffffffff " + id + " (1.0.0b2 rc-3_x+y) " + testSession + " <1 2 3>": "1.0.0b2 rc-3_x+y",
		"1 2 3 4 5 " + id + " (1)":                       "1",
		"Executing: /usr/bin/kmutil showloaded":          "",
		"No variant specified, falling back to release":  "",
		strings.TrimSuffix(tableHead, "\n"):              "",
		id + " (1.0)":                                    "",
		"26 1 0xffffff7f84210000 0x27000 " + id + " (1)": "",
		"26 1 0xg 0x27000 0x27000 " + id + " (1)":        "",
		"x 26 1 0 0 0 " + id + " (1)":                    "",
		"26 1 0 0 0 " + id + " ()":                       "",
		"26 1 0 0 0 " + id + " 1.0":                      "",
		"26 1 0 0 0 com.parallels/kext (1)":              "",
	} {
		got, err := parseLoaded([]byte(row + "\n"))
		if version == "" {
			if err == nil || got.Known {
				t.Errorf("%q: %+v", row, got)
			}
			continue
		}
		if want := []probe.LoadedKext{{BundleID: id, Version: version}}; err != nil || !slices.Equal(got.Kexts, want) {
			t.Errorf("%q: %+v, %v", row, got, err)
		}
	}
}

func TestLongestLoadedRow(t *testing.T) {
	longID, longVersion := strings.Repeat("i", 255), strings.Repeat("1", 64)
	for name, row := range map[string]struct {
		id, version string
		valid       bool
	}{
		"longest":          {longID, longVersion, true},
		"too long ID":      {longID + "i", longVersion, false},
		"too long version": {longID, longVersion + "1", false},
	} {
		got, err := parseLoaded([]byte(tableRows + "1 2 3 4 5 " + row.id + " (" + row.version + ")\n"))
		want := slices.Clone(tableKexts)
		if row.valid {
			want = append(want, probe.LoadedKext{BundleID: row.id, Version: row.version})
		}
		if err != nil || !slices.Equal(got.Kexts, want) {
			t.Errorf("%s: %+v, %v", name, got.Kexts, err)
		}
	}
}

func TestInvalidListIsNotEmptyList(t *testing.T) {
	for name, out := range map[string]string{
		"nothing":  "",
		"head":     tableHead,
		"words":    "Executing: /usr/bin/kmutil showloaded\n",
		"too many": strings.Repeat("1 2 3 4 5 com.example (1)\n", loadedLimit+1),
	} {
		if got, err := parseLoaded([]byte(out)); err == nil || got.Known || got.Kexts != nil {
			t.Errorf("%s: %d, %v", name, len(got.Kexts), err)
		}
	}
	if got, err := parseLoaded([]byte(strings.Repeat("1 2 3 4 5 com.example (1)\n", loadedLimit))); err != nil || len(got.Kexts) != loadedLimit {
		t.Errorf("at the limit: %d, %v", len(got.Kexts), err)
	}
}

func TestLoadedUsesToolOfMacOSVersion(t *testing.T) {
	table := "cat <<'END'\n" + tableRows + "END\n"
	old, current := probe.OSVersion{Version: "10.15.7"}, probe.OSVersion{Version: "11.0"}
	const wrong = "exit 70"
	for name, c := range map[string]struct {
		os               probe.OSVersion
		kmutil, kextstat string
		err              string
	}{
		"macOS 11":               {current, `[ "$*" = "showloaded --list-only" ] || exit 1; ` + table, wrong, ""},
		"macOS 11, no kmutil":    {current, "", `[ "$*" = -l ] || exit 1; ` + table, ""},
		"macOS 10.15":            {old, wrong, `[ "$*" = -l ] || exit 1; ` + table, ""},
		"10.15, no kextstat":     {old, table, "", ""},
		"unknown macOS":          {probe.OSVersion{}, wrong, table, ""},
		"neither":                {current, "", "", "does not exist"},
		"fails":                  {current, table + "echo sorry >&2; exit 1", table, "sorry"},
		"says so on stdout":      {current, "echo 'Executing: /usr/bin/kmutil showloaded'; echo 'No variant specified, falling back to release'; " + table, wrong, ""},
		"prints to stderr":       {current, "echo 'No variant specified' >&2; " + table, wrong, ""},
		"prints only to stderr":  {current, "{ " + table + "\n} >&2", wrong, "no valid row"},
		"prints nothing, exit 0": {old, table, "true", "no valid row"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			if c.kmutil != "" {
				mactest.AddTool(t, m.Root, kmutilTool, c.kmutil)
			}
			if c.kextstat != "" {
				mactest.AddTool(t, m.Root, kextstatTool, c.kextstat)
			}
			got, err := ReadLoaded(t.Context(), m, c.os)
			wantError(t, err, c.err)
			if got.Known != (c.err == "") || got.Known && !slices.Equal(got.Kexts, tableKexts) {
				t.Errorf("%+v", got)
			}
			if name == "neither" && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

// A kext that was loaded is blocked: its approval is gone. An attempt shows that it was
// unloaded meanwhile. Its old answer would hide the window.
func TestWhatWasLoadedIsQueriedAgainAfterAnAttempt(t *testing.T) {
	for name, gone := range map[string]string{
		"a row that blocks it": `UPDATE kext_policy SET allowed = 0`,
		"no row":               `DELETE FROM kext_policy`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSnapshotStory(t, "10.15.7", "16.5.1")
			addKext(t, s.m, hypervisorPath, hypervisorID, "16.5.1 49187")
			mactest.AddTool(t, s.m.Root, kextstatTool, "echo '1 2 3 4 5 "+hypervisorID+" (16.5.1 49187)'")
			s.sql(`INSERT INTO kext_policy VALUES ('4C6364ACXT', '`+hypervisorID+`', 1, 'Parallels', 1)`,
				`INSERT INTO kext_load_history_v3 VALUES ('`+hypervisorPath+`', '4C6364ACXT', '`+hypervisorID+`', '', '2026-07-01 18:00:00', '2026-07-01 18:00:00', 0)`)
			loaded := func() bool {
				snap := s.prober.Snapshot(t.Context(), snapshotAt, Options{})
				return slices.ContainsFunc(snap.Loaded.Kexts, func(k probe.LoadedKext) bool { return k.BundleID == hypervisorID })
			}
			if !loaded() {
				t.Fatal("it is not listed as loaded")
			}
			s.sql(gone)
			if !loaded() {
				t.Error("without the approval it is not listed as loaded, and nothing unloaded it")
			}
			mactest.AddTool(t, s.m.Root, kextstatTool, "echo '1 2 3 4 5 com.apple.kpi.bsd (19.6.0)'")
			s.sql(`UPDATE kext_load_history_v3 SET last_seen = '2026-07-01 20:59:00'`)
			if loaded() {
				t.Error("after an attempt it is still listed as loaded")
			}
		})
	}
}

func FuzzParseLoaded(f *testing.F) {
	f.Add([]byte(tableHead + tableRows))
	f.Add([]byte("Executing: /usr/bin/kmutil showloaded\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		got, err := parseLoaded(out)
		if (err == nil) != got.Known || got.Known != (len(got.Kexts) > 0) || len(got.Kexts) > loadedLimit {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, k := range got.Kexts {
			if !bytes.Contains(out, fmt.Appendf(nil, "%s (%s)", k.BundleID, k.Version)) || probe.Printable(k.Version) != strings.TrimSpace(k.Version) {
				t.Errorf("%+v was not printed", k)
			}
		}
	})
}

func BenchmarkParseLoaded(b *testing.B) {
	table := []byte(strings.Repeat(tableRows, 70)) // as long as a real one
	for b.Loop() {
		if _, err := parseLoaded(table); err != nil {
			b.Fatal(err)
		}
	}
}
