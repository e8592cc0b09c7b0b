//go:build desktop && linux

package desk

import (
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	itemName    = "org.kde.StatusNotifierItem"
	menuName    = "com.canonical.dbusmenu"
)

// Panel is a desktop panel that shows tray icons.
type Panel struct {
	conn       *dbus.Conn
	registered chan Icon

	mu      sync.Mutex
	signals map[string]int64 // by the last part of their name
}

// Icon is a tray icon in a Panel.
type Icon struct {
	panel *Panel
	owner string
	path  dbus.ObjectPath
}

// StartPanel starts a panel on the bus. Start it before the program under test: a
// program that finds no panel may use another kind of icon.
func StartPanel(t testing.TB, address string) *Panel {
	t.Helper()
	p := &Panel{registered: make(chan Icon, 16), signals: map[string]int64{}}
	p.conn = connect(t, address, watcherName)
	changes := make(chan *dbus.Signal, 1000)
	p.conn.Signal(changes)
	for _, name := range []string{itemName, menuName} {
		if err := p.conn.AddMatchSignal(dbus.WithMatchInterface(name)); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for s := range changes { // closed with the connection
			for _, of := range []string{itemName, menuName} {
				if name, ok := strings.CutPrefix(s.Name, of+"."); ok {
					p.mu.Lock()
					p.signals[name]++
					p.mu.Unlock()
				}
			}
		}
	}()
	const path = "/StatusNotifierWatcher"
	_, err := prop.Export(p.conn, path, prop.Map{watcherName: {
		"IsStatusNotifierHostRegistered": {Value: true},
		"RegisteredStatusNotifierItems":  {Value: []string{}},
		"ProtocolVersion":                {Value: int32(0)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.conn.Export(watcher{p}, path, watcherName); err != nil {
		t.Fatal(err)
	}
	return p
}

// watcher has only the methods of the bus interface.
type watcher struct{ p *Panel }

// RegisterStatusNotifierItem accepts the name of the icon's owner (the
// specification) or the path of its object (libayatana).
func (w watcher) RegisterStatusNotifierItem(service string, sender dbus.Sender) *dbus.Error {
	icon := Icon{panel: w.p, owner: service, path: "/StatusNotifierItem"}
	if strings.HasPrefix(service, "/") {
		icon.owner, icon.path = string(sender), dbus.ObjectPath(service)
	}
	w.p.registered <- icon
	return nil
}

func (w watcher) RegisterStatusNotifierHost(string) *dbus.Error { return nil }

// WaitIcon waits until a program shows an icon.
func (p *Panel) WaitIcon(t testing.TB) Icon {
	t.Helper()
	select {
	case icon := <-p.registered:
		return icon
	case <-time.After(Patience):
		t.Fatal("no icon came")
		return Icon{}
	}
}

// Signals returns the number of announced changes of icons and menus.
func (p *Panel) Signals() int64 {
	sum := int64(0)
	for _, n := range p.SignalsByName() {
		sum += n
	}
	return sum
}

// SignalsByName returns the numbers by name: NewIcon, XAyatanaNewLabel (the title),
// ItemsPropertiesUpdated and LayoutUpdated (the menu), and others.
func (p *Panel) SignalsByName() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.signals)
}

// WaitQuiet waits until no change has been announced for a while.
func (p *Panel) WaitQuiet() {
	for last := int64(-1); p.Signals() != last; time.Sleep(200 * time.Millisecond) {
		last = p.Signals()
	}
}

// Property reads a property of the icon, such as IconName, Status or
// XAyatanaLabel.
func (i Icon) Property(t testing.TB, name string) any {
	t.Helper()
	v, err := i.panel.conn.Object(i.owner, i.path).GetProperty(itemName + "." + name)
	if err != nil {
		t.Fatalf("the icon's %s: %v", name, err)
	}
	return v.Value()
}
