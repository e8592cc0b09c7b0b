package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe/mactest"
)

// newerMemory is a memory with the schema 7. Its values have other types than
// ours, so it does not decode as a memory of this version.
const newerMemory = `<plist><dict><key>Schema</key><integer>7</integer><key>Memory</key><array><string>new</string></array></dict></plist>`

// A memory of a newer program is not damaged: it keeps a name of its own, and
// the agent starts with an empty memory and reports it.
func TestMemoryOfANewerProgramIsKept(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Memory, newerMemory)
	now := time.Date(2026, 5, 6, 6, 0, 0, 0, time.UTC)
	st, warnings := Open(p, now)
	kept := p.Memory + ".newer-20260506T060000Z"
	if len(warnings) != 1 || !strings.Contains(warnings[0], kept) || !strings.Contains(warnings[0], "schema 7") ||
		!strings.Contains(warnings[0], "starts with an empty memory") || strings.Contains(warnings[0], "damaged") {
		t.Errorf("warnings %q, want one that names %s and the empty memory", warnings, kept)
	}
	if got := mactest.Content(kept); got != newerMemory {
		t.Errorf("%s has %q, want the file of the newer program", kept, got)
	}
	if damaged, _ := filepath.Glob(p.Memory + ".damaged-*"); len(damaged) > 0 {
		t.Errorf("%q: a newer file is named damaged", damaged)
	}
	if !reflect.DeepEqual(st.Memory.Memory, approval.Memory{}) {
		t.Errorf("memory %+v, want an empty one", st.Memory.Memory)
	}
	if wrote, err := st.Save(fullMemory()); !wrote || err != nil {
		t.Errorf("wrote %v, %v; want the agent to save its own memory", wrote, err)
	}
	if _, warnings := Open(p, now.Add(time.Minute)); len(warnings) > 0 {
		t.Errorf("warnings %q at the second start, want none", warnings)
	}
}

// While a newer memory cannot be renamed, it is not overwritten.
func TestMemoryOfANewerProgramThatCannotBeRenamed(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Memory, newerMemory)
	now := time.Now()
	mactest.WriteFile(t, filepath.Join(p.Memory+".newer-"+now.UTC().Format("20060102T150405Z"), "occupied"), "")
	st, _ := Open(p, now)
	if wrote, _ := st.Save(fullMemory()); wrote || mactest.Content(p.Memory) != newerMemory {
		t.Error("the newer memory was overwritten")
	}
}

// A command that only reads the memory leaves a newer one in place and says
// what to do.
func TestGapOfANewerMemory(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Memory, newerMemory)
	_, err := ReadMemory(p.Memory)
	if err == nil {
		t.Fatal("a memory of schema 7 was read")
	}
	gap := MemoryGap(p, err)
	if !strings.Contains(gap.Err, "schema 7") || !strings.Contains(gap.Next, "newer version of kextwatch") {
		t.Errorf("gap %+v, want the schema and the newer version as the next step", gap)
	}
	if _, err := os.Stat(p.Memory); err != nil {
		t.Error(err)
	}
}

// An older memory passes each migration from its schema on, in order.
func TestMemoryIsMigrated(t *testing.T) {
	const older = `<plist><dict><key>Schema</key><integer>1</integer><key>Events</key><array><string>a</string></array></dict></plist>`
	steps := []migration{
		func(values map[string]any) error {
			values["Waiting"] = values["Events"]
			return nil
		},
		func(values map[string]any) error {
			values["Pending"] = values["Waiting"]
			return nil
		},
	}
	m, err := decodeMemory([]byte(older), steps)
	if err != nil || m.Schema != 3 || !reflect.DeepEqual(m.Pending, []string{"a"}) {
		t.Errorf("migrated to %+v, %v; want schema 3 and the pending event", m, err)
	}
	newest := strings.Replace(older, ">1<", ">3<", 1)
	if m, err := decodeMemory([]byte(newest), steps); err != nil || m.Schema != 3 || m.Pending != nil {
		t.Errorf("read %+v, %v; want schema 3 as it is", m, err)
	}
	steps[1] = func(map[string]any) error { return errors.New("no list") }
	if _, err := decodeMemory([]byte(older), steps); !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), "no list") {
		t.Errorf("error %v, want the reason of the migration", err)
	}
}

// Schema 1 remembered products by their names. Those of two developers with one name
// had the team added. What was announced about each still counts.
func TestProductsAreRememberedByTeam(t *testing.T) {
	tests := []struct{ name, window, want string }{
		{"Parallels Desktop", "4C6364ACXT /Applications/Parallels Desktop.app 2", "4C6364ACXT com.parallels.kext."},
		{"Parallels Access", "", "4C6364ACXT com.parallels.virtual"},
		{"VirtualBox", "", "VB5E2TV963"},
		{"Acme Inc.", "TEAMACME01 /Library/Extensions 1", "TEAMACME01"},
		{"Acme Inc. (TEAMACME02)", "", "TEAMACME02"},
		{"Team TEAMACME03", "", "TEAMACME03"},
		{"Nobody Knows", "", "Nobody Knows"},
	}
	for _, tt := range tests {
		windows := ""
		if tt.window != "" {
			windows = "<string>" + tt.window + "</string>"
		}
		const form = `<plist><dict><key>Schema</key><integer>1</integer><key>Memory</key><dict>` +
			`<key>Told</key><dict><key>NAME</key><dict><key>Verdict</key><string>blocked-open</string><key>Windows</key><array>WINDOWS</array></dict></dict>` +
			`<key>Versions</key><dict><key>NAME</key><string>1-2</string></dict></dict></dict></plist>`
		m, err := decodeMemory([]byte(strings.NewReplacer("NAME", tt.name, "WINDOWS", windows).Replace(form)), migrations)
		if err != nil || m.Memory.Announced[tt.want].Verdict != approval.BlockedOpen || m.Memory.Versions[tt.want] != "1-2" || len(m.Memory.Announced) != 1 {
			t.Errorf("%s became %+v, %v; want the ID %s", tt.name, m.Memory, err, tt.want)
		}
	}
}
