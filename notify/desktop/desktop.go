// Package desktop shows alerts as desktop notifications with beeep. beeep uses
// osascript on a Mac and D-Bus on other systems. On a Mac the package shows
// dialogs, too.
//
// Posting a notification can hang forever: osascript sometimes does, a D-Bus server
// may never answer, and beeep has no time limit. So Poster starts a short-lived
// child, "kextwatch post", which calls Send. After a time limit Poster kills the
// child and its children. The PATH of the child has only the system's folders,
// because beeep runs the first terminal-notifier in it.
//
// No error means that the system accepted the alert. macOS reports success even if
// notifications are not allowed or Focus hides them.
package desktop

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/gen2brain/beeep"

	"kextwatch/notify"
)

// icon is a name of the freedesktop icon naming specification. A picture of our own would
// be sent as single bytes, which takes a server longer than all the rest. A Mac
// shows the icon of Script Editor in any case.
const icon = "dialog-warning"

const (
	postLimit = 5 * time.Second  // for the child of a Poster
	sendLimit = 10 * time.Second // for "kextwatch post"; longer than postLimit, so that Poster ends it first
)

// Send shows the alert as a notification from this process. Only "kextwatch post"
// uses it; all other code uses a Poster. The error says what to do.
//
// It changes state of the whole process. For an urgent alert beeep may write a BEL
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
	go func() { done <- show(alert.Title, alert.Body, icon) }()
	select {
	case err := <-done:
		if err != nil {
			return notAccepted(err, runtime.GOOS)
		}
		return nil
	case <-time.After(sendLimit):
		return fmt.Errorf("showing a notification: %w", timeoutError(sendLimit))
	}
}

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// busAddress returns the address of the session bus. Without an address godbus would
// run dbus-launch, which leaves an unused bus behind. So the address is never
// empty: the default is systemd's address of the bus, or "disabled:".
func busAddress(getenv func(string) string) string {
	if address := getenv(busVariable); address != "" && address != "autolaunch:" {
		return address
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return "unix:path=" + dir + "/bus"
	}
	return "disabled:"
}

// timeoutError returns the error for a notification service that did not answer
// within limit.
func timeoutError(limit time.Duration) error {
	return fmt.Errorf("no answer within %v: %w; %s", limit, os.ErrDeadlineExceeded, nextStep(runtime.GOOS))
}

// notAccepted returns the error for an alert that was not shown. What the user can do comes
// before the words of the libraries, so that it stays if the text is cut.
func notAccepted(err error, goos string) error {
	return fmt.Errorf("no notification service accepted it; %s (%w)", nextStep(goos), err)
}

// nextStep returns what the user can do if notifications fail.
func nextStep(goos string) string {
	if goos == "darwin" {
		return "log in at this Mac's own screen and allow notifications for Script Editor in System Settings, Notifications (System Preferences up to macOS 12)"
	}
	return "start a notification daemon in this desktop session, for example dunst"
}
