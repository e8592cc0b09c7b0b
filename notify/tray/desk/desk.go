//go:build desktop && linux

// Package desk provides a Linux desktop for tests without a screen or a user: a
// session bus, a display, a panel and a notification daemon. The test process
// itself acts as panel and notification daemon over D-Bus. So a test reads the
// real menu of the program, clicks real items and receives each notification as
// it was sent.
//
// A Session has a real panel and a real notification daemon, for pictures of what a
// user sees.
//
// The package needs the programs dbus-daemon and Xvfb, and a Session also needs
// xfce4-panel and dunst. A test fails if one is missing. All programs end with the
// test.
package desk

import (
	"bufio"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Patience is how long the package waits for anything before the test fails.
const Patience = 20 * time.Second

// busConfig allows everything and starts no services: a daemon of this machine must
// not answer instead of the test.
const busConfig = `<busconfig>
  <type>session</type>
  <listen>unix:dir=%s</listen>
  <auth>EXTERNAL</auth>
  %s
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// StartBus starts a session bus for the test and returns its address, for
// DBUS_SESSION_BUS_ADDRESS.
func StartBus(t testing.TB) string {
	t.Helper()
	return startBus(t, "")
}

// startBus starts a bus with an additional element in its configuration.
func startBus(t testing.TB, element string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, dir, element), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address=3")
}

// StartDisplay starts an X server without a screen and returns its name, for
// DISPLAY.
func StartDisplay(t testing.TB) string {
	t.Helper()
	return startDisplay(t, image.Pt(640, 600))
}

func startDisplay(t testing.TB, size image.Point) string {
	t.Helper()
	screen := fmt.Sprintf("%dx%dx24", size.X, size.Y)
	return ":" + start(t, "Xvfb", "-displayfd", "3", "-screen", "0", screen, "-nolisten", "tcp", "-noreset")
}

// start runs a program until the test ends and returns the line that it
// writes to descriptor 3 when it is ready.
func start(t testing.TB, name string, args ...string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(name, args...)
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // even if the test is killed
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatalf("these tests need %s: %v", name, err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	r.SetReadDeadline(time.Now().Add(Patience))
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%s did not get ready: %v", name, err)
	}
	return strings.TrimSpace(line)
}

// connect joins a bus under a well-known name.
func connect(t testing.TB, address, name string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("cannot get %s on the bus: %v %v", name, reply, err)
	}
	return conn
}
