// Package desktop shows alerts as notifications of the desktop, by beeep: with
// osascript on a Mac, over D-Bus elsewhere. On a Mac it shows dialogs, too.
//
// Posting one can hang for ever: osascript is known to, and a D-Bus server may
// take a message and never answer, for which beeep has no time limit. So
// Poster starts a short-lived child, "kextwatch post", that calls Send, and
// kills it with all it started when its time is over. The child's PATH holds
// the system's own folders only, because beeep runs the first
// terminal-notifier it finds.
//
// Success means that the alert was handed over. macOS reports success also
// when notifications are not allowed or held back by Focus.
package desktop

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/gen2brain/beeep"

	"kextwatch/assets"
	"kextwatch/notify"
)

const (
	postLimit = 5 * time.Second  // for a child of Poster
	sendLimit = 10 * time.Second // for "kextwatch post" run by hand; longer, so that Poster's kill comes first
)

// Send shows the alert as a notification, in this process. It is what
// "kextwatch post" does; everyone else wants a Poster.
//
// It sets process-wide state. For an urgent alert beeep may write a BEL
// character to standard output.
func Send(alert notify.Alert) error {
	if runtime.GOOS != "darwin" {
		if err := os.Setenv(busVariable, busAddress(os.Getenv)); err != nil {
			return fmt.Errorf("showing a notification: %w", err)
		}
	}
	beeep.AppName = "kextwatch"
	show := beeep.Notify
	if alert.Urgent {
		show = beeep.Alert
	}
	alert = clean(alert, runtime.GOOS)
	done := make(chan error, 1)
	go func() { done <- show(alert.Title, alert.Body, assets.App) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("showing a notification: %w; %s", err, wayOut(runtime.GOOS))
		}
		return nil
	case <-time.After(sendLimit):
		return fmt.Errorf("showing a notification: %w", silent(sendLimit))
	}
}

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// busAddress is where the session bus is. Without an address godbus would run
// dbus-launch, which leaves a bus behind that nobody listens on; so there is
// always one: the place where systemd puts the bus, or "disabled:".
func busAddress(getenv func(string) string) string {
	if address := getenv(busVariable); address != "" && address != "autolaunch:" {
		return address
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return "unix:path=" + dir + "/bus"
	}
	return "disabled:"
}

// silent is the error of a notification service that took longer than limit.
func silent(limit time.Duration) error {
	return fmt.Errorf("no answer within %v: %w; %s", limit, os.ErrDeadlineExceeded, wayOut(runtime.GOOS))
}

func wayOut(goos string) string {
	if goos == "darwin" {
		return "log in at this Mac's own screen and allow notifications for Script Editor in System Settings, Notifications (System Preferences up to macOS 12)"
	}
	return "start a notification daemon in this desktop session, for example dunst"
}
