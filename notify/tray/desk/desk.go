//go:build desktop && linux

// Package desk is a Linux desktop for tests, without a screen or a person: a
// session bus, a display, a panel and a notification daemon. The last two are
// played by the test itself over D-Bus, so it reads the real menu of the
// program under test, clicks real items and sees each notification as sent.
//
// A Session is the same with a real panel and a real notification daemon, for
// pictures of what a person sees.
//
// It needs the programs dbus-daemon and Xvfb, a Session also xfce4-panel and
// dunst; a test fails where one is missing. All that it starts ends with the
// test.
package desk

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Patience is how long anything here is waited for before the test fails.
const Patience = 20 * time.Second

// busConfig allows everything and starts nothing by itself: a daemon that is
// installed on this machine must not answer in place of the test.
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

// StartBus starts a session bus of the test's own and returns its address,
// for DBUS_SESSION_BUS_ADDRESS.
func StartBus(t testing.TB) string {
	t.Helper()
	return startBus(t, "")
}

// startBus starts a bus with one more element in its configuration.
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
	return ":" + start(t, "Xvfb", "-displayfd", "3", "-screen", "0", "640x600x24", "-nolisten", "tcp", "-noreset")
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when the test is killed
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
		t.Fatalf("%s cannot be had on the bus: %v %v", name, reply, err)
	}
	return conn
}
