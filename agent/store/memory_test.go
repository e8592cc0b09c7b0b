package store

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mactest/size"
)

// An earlier version wrote testdata/memory.plist. It kept the last eight
// announced windows of a product, several of them of one item. The memory is
// read, and nothing in it is announced again.
func TestMemoryOfAnEarlierVersion(t *testing.T) {
	m, err := ReadMemory("testdata/memory.plist")
	if err != nil {
		t.Fatal(err)
	}
	want := fullMemory()
	const item = "4C6364ACXT /Applications/Parallels Desktop.app"
	announced := want.Announced["4C6364ACXT com.parallels.kext."]
	announced.Verdict, announced.Before, announced.BeforeUnknown = approval.Unknown, approval.NotAsked, approval.NotAsked
	announced.Windows = []string{item + " 1", "4C6364ACXT /Library/Extensions 1", item + " 2", item + " 3"}
	announced.Lead = item + " 3"
	want.Announced["4C6364ACXT com.parallels.kext."] = announced
	if !reflect.DeepEqual(m.Memory, want) || len(m.Pending) != 1 || m.Schema != 2 {
		t.Fatalf("read %+v, want %+v", m, want)
	}
	m.Memory.Snoozed = time.Time{}
	window := approval.Window{Number: 3, Left: 7 * time.Minute}
	status := approval.Status{At: time.Date(2026, 5, 6, 6, 8, 0, 0, time.UTC), Source: probe.Database, Products: []approval.Product{{
		ID: "4C6364ACXT com.parallels.kext.", Name: "Parallels Desktop", Verdict: approval.Unknown, Window: &window,
		Items: []approval.Item{{Key: item, Verdict: approval.Unknown, Window: &window}},
	}}}
	notices, after := approval.DefaultSettings().Tell(m.Memory, status)
	for _, n := range notices {
		if n.Event != approval.ParallelsRemoved { // this status has no application
			t.Errorf("announced again: %s", n.Event)
		}
	}
	if !slices.Contains(after.Announced["4C6364ACXT com.parallels.kext."].Windows, item+" 3") {
		t.Errorf("kept %q, want the announced window", after.Announced["4C6364ACXT com.parallels.kext."].Windows)
	}
}

// A memory of more extensions than any Mac has is saved and read back.
func TestMemoryOfManyExtensions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.plist")
	m := MemoryFile{Memory: approval.Memory{
		Items: map[string]approval.ItemMemory{}, Kexts: map[string]approval.KextMemory{}, Announced: map[string]approval.Announced{},
	}}
	var windows []string
	for i := range size.Of(10_000, 1_000) { // the limit of policy rows
		id := fmt.Sprintf("TEAM%06d/org.example.an.extension.with.a.name.of.some.length.%06d", i, i)
		attempt := approval.Attempt{At: time.Unix(0, 0).UTC(), Evidence: approval.Log, BundleID: id}
		m.Memory.Items[id] = approval.ItemMemory{Windows: 1, Attempts: []approval.Attempt{attempt}}
		m.Memory.Kexts[id] = approval.KextMemory{Place: "/Library/Extensions/" + id}
		m.Memory.LastRead.Blocked = append(m.Memory.LastRead.Blocked, id)
		windows = append(windows, id+" 1")
	}
	m.Memory.Announced["Example"] = approval.Announced{Windows: windows}
	if err := SaveMemory(path, m); err != nil {
		t.Fatal(err)
	}
	// ReadMemory waits two seconds for a file. A busy computer can need longer for one of
	// this size.
	data, err := os.ReadFile(path)
	if err != nil || len(data) > largestPlist {
		t.Fatalf("%d bytes, at most %d; %v", len(data), largestPlist, err)
	}
	got, err := decodeMemory(data, migrations)
	if err != nil || len(got.Memory.Items) != len(m.Memory.Items) || len(got.Memory.Announced["Example"].Windows) != len(windows) {
		t.Errorf("%d items, %v", len(got.Memory.Items), err)
	}
}
