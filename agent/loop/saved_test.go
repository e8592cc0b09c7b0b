package loop

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"howett.net/plist"

	"kextwatch/agent/settings"
	"kextwatch/agent/settings/settingstest"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Every saved field has a tag with its key, so that a field can be renamed without
// losing the data on people's disks.
func TestSavedFieldsNameTheirKeys(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] || typ == reflect.TypeFor[time.Time]() {
				return
			}
			seen[typ] = true
			for i := range typ.NumField() {
				field := typ.Field(i)
				if field.IsExported() && !field.Anonymous && field.Tag.Get("plist") == "" {
					t.Errorf("%s.%s is saved without a plist tag", typ, field.Name)
				}
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[store.MemoryFile]())
	walk(reflect.TypeFor[view.Document]())
	if len(seen) < 12 {
		t.Errorf("only %d types were checked: %v", len(seen), seen)
	}
}

// The memory of an earlier version is read and saved again without a change, except
// what schema 2 changed: no key is lost, and none changes its meaning. Keys of this
// version may be added.
func TestSavedMemoryIsReadCompletely(t *testing.T) {
	for name := range savedAt {
		file := filepath.Join("testdata", "saved", name, "memory.plist")
		memory, err := store.ReadMemory(file)
		if err != nil {
			t.Fatal(err)
		}
		again := filepath.Join(t.TempDir(), "memory.plist")
		if err := store.SaveMemory(again, memory); err != nil {
			t.Fatal(err)
		}
		before, after := readAny(t, file), readAny(t, again)
		before["Schema"] = uint64(2)
		for _, key := range []string{"Told", "Versions"} { // the products have IDs since then
			values := before["Memory"].(map[string]any)[key].(map[string]any)
			for name, id := range map[string]string{"Parallels Desktop": "4C6364ACXT com.parallels.kext.", "VirtualBox": "VB5E2TV963"} {
				if value, known := values[name]; known {
					delete(values, name)
					values[id] = value
				}
			}
		}
		if missing := lost(before, after); missing != "" {
			t.Errorf("%s: read and saved again, %s", name, missing)
		}
	}
}

// lost returns a key of a property list that another one does not have with the same
// value. Only dictionaries of the other one may have more keys.
func lost(before, after any) string {
	values, ok := before.(map[string]any)
	if !ok {
		if reflect.DeepEqual(before, after) {
			return ""
		}
		return fmt.Sprintf("%v became %v", before, after)
	}
	other, _ := after.(map[string]any)
	for key, value := range values {
		if missing := lost(value, other[key]); missing != "" {
			return key + ": " + missing
		}
	}
	return ""
}

func readAny(t *testing.T, file string) (value map[string]any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plist.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// savedAt is the time of the clock at which the files of testdata/saved were
// copied, after the start of a synctest bubble.
var savedAt = map[string]time.Duration{
	"window-snoozed":  time.Hour + 12*time.Minute,
	"restart-pending": time.Hour + 8*time.Minute,
	"two-products":    time.Hour + 32*time.Minute,
}

// startSaved starts an agent with files that an earlier version wrote, at the
// moment at which they were copied from a running agent.
func (d *bubble) startSaved(t *testing.T, name string) {
	t.Helper()
	time.Sleep(savedAt[name])
	home := t.TempDir()
	if err := os.CopyFS(store.PlacesIn(home).State, os.DirFS(filepath.Join("testdata", "saved", name))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.start(t, home))
}

// An agent was killed at minute 12 of a window, which was snoozed until minute 22.
// The new version announces nothing again, and the last reminder still comes.
func TestStartsWithASavedSnoozedWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.attempt()
		d.change(func(s *probe.Snapshot) { s.Policy.History[0].LastSeen = time.Now().Add(time.Hour) })
		d.startSaved(t, "window-snoozed")
		d.want(t)
		menu := d.now().menu
		if menu.Title != "18m" || !menu.Items[notify.EndSnooze].Enabled {
			t.Errorf("title %q and end-snooze %v, want 18m and an item that can be clicked", menu.Title, menu.Items[notify.EndSnooze])
		}
		if n := d.alertCount(); n != 0 {
			t.Errorf("%d alerts at the start, want none", n)
		}
		time.Sleep(18 * time.Minute)
		if events := d.take(); slices.Contains(events, "window-opened") || events[len(events)-1] != "window-closed" {
			t.Errorf("events %q, want reminders and window-closed at the end", events)
		}
	})
}

// An agent was killed after an approval that needs a restart. The restart is still
// pending, nothing is announced twice, and the restart completes the approval.
func TestStartsWithASavedPendingRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.attempt()
		d.change(func(s *probe.Snapshot) {
			s.Mac.OS = probe.OSVersion{Version: "12.7.6", Build: "21H1320"}
			s.Policy.Rows[0].Allowed = true
			s.Policy.History[0].LastSeen = time.Now().Add(time.Hour)
		})
		d.startSaved(t, "restart-pending")
		d.want(t)
		if menu := d.now().menu; !strings.Contains(menu.State, "restart") {
			t.Errorf("the menu has %q, want that a restart is needed", menu.State)
		}
		d.change(func(s *probe.Snapshot) {
			s.Mac.BootSession = "S2"
			s.Loaded.Kexts = []probe.LoadedKext{{BundleID: s.Kexts[0].BundleID, Version: s.Kexts[0].Version}}
		})
		d.hint(settled)
		d.want(t, "kexts-loaded")
	})
}

// The window of one product was closed and announced. The window of the other one is
// open.
func TestStartsWithTwoSavedProducts(t *testing.T) {
	p := settingstest.New(t)
	p.Set(settingstest.OfTheUser, map[string]any{"WatchVendors": "all"})
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		start := time.Now().UTC()
		d.change(func(s *probe.Snapshot) {
			s.Kexts = append(s.Kexts, probe.Kext{BundleID: "org.virtualbox.kext.VBoxDrv", TeamID: "VB5E2TV963", Version: "6.1.50",
				Path: "/Library/Application Support/VirtualBox/VBoxDrv.kext"})
			s.Policy.Rows = []probe.PolicyRow{
				{TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Developer: "Oracle America, Inc."},
				{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor", Developer: "Parallels International GmbH"},
			}
			s.Policy.History = []probe.LoadRecord{
				{TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Path: "/Library/Application Support/VirtualBox/VBoxDrv.kext", LastSeen: start.Add(time.Hour)},
				{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.hypervisor", LastSeen: start.Add(80 * time.Minute)},
			}
		})
		d.set = settings.NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
		d.startSaved(t, "two-products")
		d.want(t)
		if title := d.now().menu.Title; title != "18m" {
			t.Errorf("title %q, want 18m", title)
		}
		time.Sleep(18 * time.Minute)
		d.want(t, "window-reminder", "window-reminder", "window-reminder", "window-closed")
	})
}
