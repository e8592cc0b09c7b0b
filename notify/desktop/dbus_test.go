//go:build desktop && linux

package desktop

import (
	"errors"
	"os"
	"strings"
	"testing"

	"kextwatch/notify"
	"kextwatch/notify/tray/desk"
)

// poster posts on the bus of the test. There is no tool beneath its Root.
func poster(t *testing.T, bus string) *Poster {
	t.Helper()
	t.Setenv(busVariable, bus)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return NewPoster(self, t.TempDir())
}

func TestNotificationArrives(t *testing.T) {
	bus := desk.StartBus(t)
	daemon := desk.StartNotifications(t, bus, false)
	poster := poster(t, bus)
	for _, test := range []struct {
		name  string
		alert notify.Alert
		want  desk.Notification
	}{
		{"as given", notify.Alert{Title: "Parallels waits – 24 min", Body: "Click Allow.\nZwölf 分 🙂"},
			desk.Notification{Title: "Parallels waits – 24 min", Body: "Click Allow.\nZwölf 分 🙂", Urgency: 1}},
		{"urgent", notify.Alert{Title: "5 minutes left", Urgent: true},
			desk.Notification{Title: "5 minutes left", Urgency: 2}},
		{"hostile", notify.Alert{Title: "a\x00\n\u202eb", Body: "<img src='http://x'>\x07&\xff" + strings.Repeat("x", 1<<20)},
			desk.Notification{Title: "a b", Body: "‹img src='http://x'›+" + strings.Repeat("x", 978) + "…", Urgency: 1}},
	} {
		if err := poster.Post(t.Context(), test.alert); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		test.want.App, test.want.Icon = "kextwatch", icon
		if got := daemon.Next(t); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestSilentDaemon(t *testing.T) {
	bus := desk.StartBus(t)
	daemon := desk.StartNotifications(t, bus, true)
	err := poster(t, bus).Post(t.Context(), notify.Alert{Title: "t"})
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "dunst") {
		t.Errorf("error %v", err)
	}
	daemon.Next(t) // it was asked
}

func TestBusWithoutDaemon(t *testing.T) {
	err := poster(t, desk.StartBus(t)).Post(t.Context(), notify.Alert{Title: "t"})
	if err == nil || !strings.Contains(err.Error(), "org.freedesktop.Notifications") || !strings.Contains(err.Error(), "dunst") {
		t.Errorf("error %v", err)
	}
}
