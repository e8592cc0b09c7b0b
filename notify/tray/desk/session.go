//go:build desktop && linux

package desk

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Session is a desktop with a real panel (xfce4-panel) and a real notification
// daemon (dunst).
type Session struct {
	Screen *Screen
	conn   *dbus.Conn
	env    []string
	taken  int // notifications in dunst's history that were already returned
}

// panelConfig is a bar at the top with the tray icons at its right end.
const panelConfig = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="%t"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="28"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
      <property name="icon-size" type="int" value="22"/>
    </property>
  </property>
</channel>
`

// dunstConfig shows notifications at the lower left, away from menus, without a time
// limit.
const dunstConfig = `[global]
width = 420
height = 200
origin = bottom-left
offset = 12x36
font = DejaVu Sans 10
format = "<b>%%s</b>\n%%b"
icon_position = left
max_icon_size = 48
frame_width = 1
corner_radius = 0
history_length = 1000
[urgency_low]
timeout = 0
[urgency_normal]
timeout = 0
background = "%[1]s"
foreground = "%[2]s"
frame_color = "#888888"
[urgency_critical]
timeout = 0
background = "%[1]s"
foreground = "%[2]s"
frame_color = "#cc4444"
`

// StartSession starts a dark or light desktop and waits until it can show icons and
// notifications.
func StartSession(t testing.TB, dark bool) *Session {
	t.Helper()
	return startSession(t, dark, StartDisplay(t))
}

// StartLargeSession is StartSession with a screen of that size.
func StartLargeSession(t testing.TB, dark bool, size image.Point) *Session {
	t.Helper()
	return startSession(t, dark, startDisplay(t, size))
}

func startSession(t testing.TB, dark bool, display string) *Session {
	t.Helper()
	home := t.TempDir()
	background, foreground, wall := "#f6f6f6", "#202020", color.RGBA{0x9a, 0xa8, 0xb8, 255}
	if dark {
		background, foreground, wall = "#303030", "#f0f0f0", color.RGBA{0x3c, 0x46, 0x52, 255}
	}
	dunst := filepath.Join(home, "dunstrc")
	files := map[string]string{
		filepath.Join(home, "config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"): fmt.Sprintf(panelConfig, dark),
		dunst: fmt.Sprintf(dunstConfig, background, foreground),
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bus := startBus(t, settingsService(t, home))
	s := &Session{Screen: openScreen(t, display)}
	s.Screen.paint(t, wall)
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "DISPLAY=" + display, busVariable + "=" + bus, "HOME=" + home, "TMPDIR=" + os.TempDir(),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"XDG_DATA_HOME=" + filepath.Join(home, "data"), "XDG_RUNTIME_DIR=" + home,
		"NO_AT_BRIDGE=1", "GTK_A11Y=none", "GDK_BACKEND=x11", "GSETTINGS_BACKEND=memory", "LC_ALL=C.UTF-8", "TZ=UTC",
	}
	conn, err := dbus.Connect(bus)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s.conn = conn
	s.Launch(t, "xfce4-panel", "--disable-wm-check")
	s.Launch(t, "dunst", "-conf", dunst)
	for _, name := range []string{watcherName, notificationsName} {
		s.wait(t, name+" is on the bus", func() bool {
			var owned bool
			return conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned) == nil && owned
		})
	}
	return s
}

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// settingsService makes the bus start xfconfd with the files of this session, for
// the settings of the panel. The bus starts no other service of this machine.
func settingsService(t testing.TB, home string) string {
	t.Helper()
	const name = "org.xfce.Xfconf.service"
	text, err := os.ReadFile("/usr/share/dbus-1/services/" + name)
	if err != nil {
		t.Fatalf("these tests need xfce4-panel, which brings xfconfd: %v", err)
	}
	exec := "\nExec=/usr/bin/env HOME=" + home + " XDG_CONFIG_HOME=" + filepath.Join(home, "config") + " "
	service := strings.Replace(string(text), "\nExec=", exec, 1)
	services := filepath.Join(home, "services")
	if err := os.Mkdir(services, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(services, name), []byte(service), 0o600); err != nil {
		t.Fatal(err)
	}
	return "<servicedir>" + services + "</servicedir>"
}

// Env returns the environment of a program in this session.
func (s *Session) Env() []string { return s.env }

// Launch runs a program until the test ends.
func (s *Session) Launch(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("these tests need %s: %v", name, err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // the panel has one process for each plug-in
		cmd.Wait()
	})
}

// WaitIcon waits until a program shows an icon in the panel.
func (s *Session) WaitIcon(t testing.TB) Icon {
	t.Helper()
	var items []string
	s.wait(t, "an icon is in the panel", func() bool {
		items = s.items(t)
		return len(items) == 1
	})
	owner, path, _ := strings.Cut(items[0], "/")
	return Icon{panel: &Panel{conn: s.conn}, owner: owner, path: dbus.ObjectPath("/" + path)}
}

// WaitNoIcon waits until the panel has no icon.
func (s *Session) WaitNoIcon(t testing.TB) {
	t.Helper()
	s.wait(t, "the panel is empty", func() bool { return len(s.items(t)) == 0 })
}

func (s *Session) items(t testing.TB) []string {
	t.Helper()
	v, err := s.conn.Object(watcherName, "/StatusNotifierWatcher").GetProperty(watcherName + ".RegisteredStatusNotifierItems")
	if err != nil {
		t.Fatalf("the panel's icons: %v", err)
	}
	items, _ := v.Value().([]string)
	return items
}

// WaitShown waits until this number of notifications is on the screen.
func (s *Session) WaitShown(t testing.TB, n uint32) {
	t.Helper()
	s.wait(t, fmt.Sprintf("%d notifications are shown", n), func() bool {
		v, err := s.dunst().GetProperty(dunstName + ".displayedLength")
		return err == nil && v.Value() == n
	})
}

// TakeShown closes all notifications on the screen and returns their texts, oldest
// first.
func (s *Session) TakeShown(t testing.TB) []Notification {
	t.Helper()
	var history []map[string]dbus.Variant
	call := func(method string) *dbus.Call { return s.dunst().Call(dunstName+"."+method, 0) }
	if err := call("NotificationCloseAll").Err; err != nil {
		t.Fatalf("dunst: %v", err)
	}
	s.WaitShown(t, 0)
	if err := call("NotificationListHistory").Store(&history); err != nil {
		t.Fatalf("dunst's history: %v", err)
	}
	fresh := history[:len(history)-s.taken] // newest first
	s.taken = len(history)
	var shown []Notification
	for _, h := range slices.Backward(fresh) {
		var n Notification
		n.App, _ = h["appname"].Value().(string)
		n.Title, _ = h["summary"].Value().(string)
		n.Body, _ = h["body"].Value().(string)
		shown = append(shown, n)
	}
	return shown
}

const (
	notificationsName = "org.freedesktop.Notifications"
	dunstName         = "org.dunstproject.cmd0"
)

func (s *Session) dunst() dbus.BusObject {
	return s.conn.Object(notificationsName, "/org/freedesktop/Notifications")
}

func (s *Session) wait(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("time is over, waiting until %s", what)
		}
	}
}
