//go:build desktop && linux

package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Entry is one line of an icon's menu.
type Entry struct {
	Label     string
	Enabled   bool
	Visible   bool
	Separator bool
	Sub       bool // in the submenu of the entry before it

	id int32
}

// layout is a node of the menu as com.canonical.dbusmenu sends it.
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// Menu reads the icon's menu, including hidden entries.
func (i Icon) Menu(t testing.TB) []Entry {
	t.Helper()
	entries, err := i.entries(t)
	if err != nil {
		t.Fatalf("reading the menu: %v", err)
	}
	return entries
}

func (i Icon) entries(t testing.TB) ([]Entry, error) {
	t.Helper()
	var revision uint32
	var root layout
	err := i.menu(t).Call(menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root)
	if err != nil {
		return nil, err
	}
	return root.below(false)
}

// below returns the entries of a menu and its submenus.
func (l layout) below(sub bool) ([]Entry, error) {
	var entries []Entry
	for _, child := range l.Children {
		var node layout
		if err := dbus.Store([]any{child.Value()}, &node); err != nil {
			return nil, err
		}
		e := node.entry()
		e.Sub = sub
		opened, err := node.below(true)
		if err != nil {
			return nil, err
		}
		entries = append(append(entries, e), opened...)
	}
	return entries, nil
}

// entry fills in default values that are not sent. An underscore marks an access
// key; two underscores stand for one.
func (l layout) entry() Entry {
	e := Entry{Enabled: true, Visible: true, id: l.ID}
	if v, ok := l.Properties["label"].Value().(string); ok {
		e.Label = strings.ReplaceAll(v, "__", "_")
	}
	if v, ok := l.Properties["enabled"].Value().(bool); ok {
		e.Enabled = v
	}
	if v, ok := l.Properties["visible"].Value().(bool); ok {
		e.Visible = v
	}
	e.Separator = l.Properties["type"].Value() == "separator"
	return e
}

// WaitMenu waits until the menu is as wanted and returns it. At first the menu may be
// missing or empty, and changes arrive with a delay.
func (i Icon) WaitMenu(t testing.TB, wanted func([]Entry) bool) []Entry {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		menu, err := i.entries(t)
		if err == nil && wanted(menu) {
			return menu
		}
		if time.Now().After(deadline) {
			t.Fatalf("the menu stayed %+v, %v", menu, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Find returns the visible entry with that label.
func Find(menu []Entry, label string) (Entry, bool) {
	for _, e := range menu {
		if e.Visible && e.Label == label {
			return e, true
		}
	}
	return Entry{}, false
}

// Click waits for an enabled entry with that label and clicks it.
func (i Icon) Click(t testing.TB, label string) {
	t.Helper()
	menu := i.WaitMenu(t, func(menu []Entry) bool {
		e, ok := Find(menu, label)
		return ok && e.Enabled
	})
	e, _ := Find(menu, label)
	now := uint32(time.Now().Unix())
	if err := i.menu(t).Call(menuName+".Event", 0, e.id, "clicked", dbus.MakeVariant(""), now).Err; err != nil {
		t.Fatalf("clicking %q: %v", label, err)
	}
}

// menu queries the path of the icon's menu, which depends on the library.
func (i Icon) menu(t testing.TB) dbus.BusObject {
	t.Helper()
	path, _ := i.Property(t, "Menu").(dbus.ObjectPath)
	return i.panel.conn.Object(i.owner, path)
}
