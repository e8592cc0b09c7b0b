//go:build desktop && linux

package desk

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Notification is a notification as it was sent over the bus.
type Notification struct {
	App, Title, Body string
	Urgency          byte // 0 low, 1 normal, 2 critical
	Icon             string
}

// Notifications is a notification daemon that only records.
type Notifications struct {
	posted chan Notification
	silent bool
	ended  chan struct{}
}

// StartNotifications starts a notification daemon on the bus. A silent daemon
// accepts every notification and never answers.
func StartNotifications(t testing.TB, address string, silent bool) *Notifications {
	t.Helper()
	n := &Notifications{posted: make(chan Notification, 1000), silent: silent, ended: make(chan struct{})}
	t.Cleanup(func() { close(n.ended) })
	conn := connect(t, address, notificationsName)
	if err := conn.Export(daemon{n}, "/org/freedesktop/Notifications", notificationsName); err != nil {
		t.Fatal(err)
	}
	return n
}

// Next waits for the next notification.
func (n *Notifications) Next(t testing.TB) Notification {
	t.Helper()
	select {
	case note := <-n.posted:
		return note
	case <-time.After(Patience):
		t.Fatal("no notification came")
		return Notification{}
	}
}

// Posted returns the notifications as they arrive, for a test that waits for another
// event at the same time.
func (n *Notifications) Posted() <-chan Notification { return n.posted }

// daemon has only the methods of the bus interface.
type daemon struct{ n *Notifications }

// GetServerInformation and GetCapabilities are what libnotify may ask before it sends.
func (d daemon) GetServerInformation() (name, vendor, version, spec string, err *dbus.Error) {
	return "desk", "kextwatch", "1", "1.2", nil
}

func (d daemon) GetCapabilities() ([]string, *dbus.Error) { return []string{"body"}, nil }

func (d daemon) Notify(app string, replaces uint32, icon, title, body string, actions []string, hints map[string]dbus.Variant, timeout int32) (uint32, *dbus.Error) {
	note := Notification{App: app, Icon: icon, Title: title, Body: body}
	note.Urgency, _ = hints["urgency"].Value().(byte)
	d.n.posted <- note
	if d.n.silent {
		<-d.n.ended
	}
	return 1, nil
}
