//go:build desktop && linux && cgo && tray

package tray

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"kextwatch/assets"
	"kextwatch/notify"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe/mactest"
)

// A process can have one tray, on its main thread. So the test binary is also the
// program under test: it shows each menu that it reads as JSON, and writes "ready",
// each click, and "done" after Run has returned.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "show-tray" {
		showTray()
		return
	}
	os.Exit(mactest.Leaks{M: m}.Run())
}

func showTray() {
	tray, err := New()
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		menus := json.NewDecoder(os.Stdin)
		for {
			var menu notify.Menu
			if menus.Decode(&menu) != nil {
				break
			}
			tray.Show(menu)
		}
		tray.Quit()
		tray.Quit()
	}()
	go func() {
		for action := range tray.Clicks() {
			fmt.Println(action)
		}
	}()
	tray.Run(func() { fmt.Println("ready") })
	fmt.Println("done")
}

// program is a running showTray.
type program struct {
	stdin io.WriteCloser
	lines chan string // closed when it has ended
}

func run(t *testing.T, env ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "show-tray")
	cmd.Env = append(env, "HOME="+t.TempDir(), "TMPDIR="+t.TempDir(), "NO_AT_BRIDGE=1", "GSETTINGS_BACKEND=memory", "LC_ALL=C.UTF-8")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{stdin, make(chan string, 100)}
	go func() {
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
		close(p.lines)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return p
}

func (p *program) show(t *testing.T, menu notify.Menu) {
	t.Helper()
	if err := json.NewEncoder(p.stdin).Encode(menu); err != nil {
		t.Fatal(err)
	}
}

func (p *program) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok || line != want {
			t.Fatalf("the program wrote %q, want %q", line, want)
		}
	case <-time.After(desk.Patience):
		t.Fatalf("the program did not write %q", want)
	}
}

// seen returns the menu as a user sees it, with disabled lines in brackets.
func seen(menu []desk.Entry) string {
	var lines []string
	for _, e := range menu {
		switch {
		case !e.Visible:
		case e.Separator:
			lines = append(lines, "----")
		case e.Sub:
			lines = append(lines, "> "+e.Label)
		case e.Enabled:
			lines = append(lines, e.Label)
		default:
			lines = append(lines, "("+e.Label+")")
		}
	}
	return strings.Join(lines, "\n")
}

func looks(want string) func([]desk.Entry) bool {
	return func(menu []desk.Entry) bool { return seen(menu) == want }
}

func TestRealTray(t *testing.T) {
	bus, display := desk.StartBus(t), desk.StartDisplay(t)
	panel := desk.StartPanel(t, bus)
	p := run(t, "DISPLAY="+display, "DBUS_SESSION_BUS_ADDRESS="+bus)
	icon := panel.WaitIcon(t)
	p.expect(t, "ready")

	menu := waiting()
	menu.Details = []string{"kernel_extension <b>&amp;</b>", "\x1b24\u00a0minutes left"}
	p.show(t, menu)
	icon.WaitMenu(t, looks(`(Parallels waits for approval)
Open Security & Privacy…
(Click Allow, then restart the Mac.)
Details
> kernel_extension <b>&amp;</b>
> 24 minutes left
----
(Try Again…)
History…
(Check Now)
Snooze
> 10 Minutes
> Until the Button Goes
----
✓ Open at Login
About kextwatch
----
Quit kextwatch`))
	wait(t, "the title", func() bool { return icon.Property(t, "XAyatanaLabel") == "24m" })

	icon.Click(t, "Open Security & Privacy…")
	p.expect(t, string(notify.OpenSettings))

	menu.Primary.Label, menu.Next, menu.Details = "", nil, nil
	menu.Items[notify.CheckNow] = notify.Item{Label: "Check Now", Enabled: true}
	menu.Items[notify.OpenAtLogin] = notify.Item{Label: "Open at Login", Enabled: true}
	p.show(t, menu)
	const below = "----\n(Try Again…)\nHistory…\nCheck Now\nSnooze\n> 10 Minutes\n> Until the Button Goes\n----\nOpen at Login\nAbout kextwatch\n----\nQuit kextwatch"
	icon.WaitMenu(t, looks("(Parallels waits for approval)\n"+below))
	for label, action := range map[string]notify.Action{
		"History…": notify.ShowHistory, "Check Now": notify.CheckNow, "10 Minutes": notify.Snooze, "Until the Button Goes": notify.SnoozeWindow,
		"Open at Login": notify.OpenAtLogin, "About kextwatch": notify.ShowAbout, "Quit kextwatch": notify.Quit,
	} {
		icon.Click(t, label)
		p.expect(t, string(action))
	}

	menu.Primary = notify.Primary{Action: notify.ShowGuide, Label: "Restart…"}
	menu.Details = []string{"back"}
	p.show(t, menu)
	icon.WaitMenu(t, looks("(Parallels waits for approval)\nRestart…\nDetails\n> back\n"+below))

	p.stdin.Close()
	p.expect(t, "done")
}

// Showing the same menu again sends no message to the desktop. GTK itself does not
// send unchanged labels, so this test is mainly for the icon. The recorder tests
// the rest.
func TestSameMenuMakesNoSignals(t *testing.T) {
	bus, display := desk.StartBus(t), desk.StartDisplay(t)
	panel := desk.StartPanel(t, bus)
	p := run(t, "DISPLAY="+display, "DBUS_SESSION_BUS_ADDRESS="+bus)
	icon := panel.WaitIcon(t)
	p.expect(t, "ready")
	menu := waiting()
	p.show(t, menu)
	settle := func(state string) {
		t.Helper()
		menu.State = state
		p.show(t, menu)
		icon.WaitMenu(t, func(m []desk.Entry) bool { return strings.HasPrefix(seen(m), "("+state+")\nOpen") })
		panel.WaitQuiet()
	}
	settle("one")
	before := panel.Signals()
	settle("two") // the price of one change
	price := panel.Signals() - before
	if price == 0 {
		t.Fatal("a change made no signal: the counter is broken")
	}
	for range 100 {
		p.show(t, menu)
	}
	before = panel.Signals()
	settle("three") // the program has read all that came before
	if more := panel.Signals() - before; more > price {
		t.Errorf("%d signals for 100 times the same menu and one change, want the %d of the change", more, price)
	}
}

func TestIconOfEachState(t *testing.T) {
	bus, display := desk.StartBus(t), desk.StartDisplay(t)
	panel := desk.StartPanel(t, bus)
	p := run(t, "DISPLAY="+display, "DBUS_SESSION_BUS_ADDRESS="+bus)
	icon := panel.WaitIcon(t)
	p.expect(t, "ready")
	menu := waiting()
	for _, state := range []struct {
		icon    notify.Icon
		picture []byte
	}{
		{notify.IconUnsure, assets.UnsureBadge},
		{notify.IconWell, assets.WellBadge},
		{notify.IconWaiting, assets.WaitingBadge},
		{notify.IconBlocked, assets.BlockedBadge},
		{notify.IconTodo, assets.TodoBadge},
		{notify.Icon(99), assets.UnsureBadge},
	} {
		menu.Icon = state.icon
		p.show(t, menu)
		wait(t, fmt.Sprintf("the icon of state %d", state.icon), func() bool {
			name, _ := icon.Property(t, "IconName").(string)
			picture, err := os.ReadFile(name)
			return err == nil && bytes.Equal(picture, state.picture)
		})
	}
}

func TestQuitAtOnce(t *testing.T) {
	p := run(t, "DISPLAY="+desk.StartDisplay(t), "DBUS_SESSION_BUS_ADDRESS="+desk.StartBus(t))
	p.stdin.Close()
	for {
		select {
		case line, running := <-p.lines:
			if line == "done" {
				return
			}
			if !running {
				t.Fatal("Run did not return")
			}
		case <-time.After(desk.Patience):
			t.Fatal("Quit before the icon was ready was lost")
		}
	}
}

func TestNoDisplay(t *testing.T) {
	p := run(t)
	p.expect(t, "there is no display for an icon (DISPLAY and WAYLAND_DISPLAY are not set); start kextwatch in a desktop session, or with --headless")
}

func wait(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(desk.Patience); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}
