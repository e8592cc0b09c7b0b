//go:build desktop && tray && linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/notify/tray/desk"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// The whole program on a desktop: the panel shows the icon, the notification service
// shows the alert, and a click on the menu opens the pane of that macOS.
func TestDesktop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ macOS, primary, url string }{
		{"12.7.6", "Open Security & Privacy… (30 min left)", "x-apple.systempreferences:com.apple.preference.security?General"},
		{"13.7.2", "Open Privacy & Security… (30 min left)", "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension"},
	} {
		t.Run(tt.macOS, func(t *testing.T) {
			root, sim := simulated(t, tt.macOS)
			agent, panel, notifications := startOnDesktop(t, thisProgram(t), root)
			icon := panel.WaitIcon(t)
			icon.WaitMenu(t, shows("Parallels Desktop: not asked for approval yet"))
			if err := sim.Attempt(time.Now()); err != nil {
				t.Fatal(err)
			}
			alert := notifications.Next(t)
			if alert.Title != "Parallels Desktop needs your approval" || !strings.Contains(alert.Body, "click the kextwatch icon") {
				t.Errorf("notification %+v, want one that says what to click", alert)
			}
			menu := icon.WaitMenu(t, shows("Parallels Desktop: waiting for your approval, 30 minutes left"))
			if menu[0].Enabled || menu[1].Label != tt.primary || !menu[1].Enabled {
				t.Errorf("menu begins with %+v, want the state and then %s", menu[:2], tt.primary)
			}
			if title := icon.Property(t, "XAyatanaLabel"); title != "30m" {
				t.Errorf("title %q, want 30m", title)
			}
			icon.Click(t, tt.primary)
			mactest.Eventually(t, "the pane was opened", func() bool {
				opened, err := sim.Opened()
				return err == nil && slices.Equal(opened, []string{tt.url})
			})
			icon.Click(t, "History…")
			mactest.Eventually(t, "the history was opened", func() bool {
				opened, _ := sim.Opened()
				return len(opened) == 2 && strings.HasSuffix(opened[1], "history.txt")
			})
			icon.Click(t, "About kextwatch "+version)
			mactest.Eventually(t, "what it knows was opened", func() bool {
				opened, _ := sim.Opened()
				return len(opened) == 3 && strings.HasSuffix(opened[2], "about.txt")
			})
			icon.Click(t, "Doctor…")
			mactest.Eventually(t, "the checks were opened", func() bool {
				opened, _ := sim.Opened()
				return len(opened) == 4 && strings.HasSuffix(opened[3], "doctor.txt")
			})
			icon.Click(t, "Report…")
			mactest.Eventually(t, "the report was opened", func() bool {
				opened, _ := sim.Opened()
				return len(opened) == 5 && strings.HasSuffix(opened[4], "report.html")
			})
			icon.Click(t, "Show the Steps…")
			mactest.Eventually(t, "the steps were opened", func() bool {
				opened, _ := sim.Opened()
				return len(opened) == 6 && strings.HasSuffix(opened[5], "guide.html")
			})
			icon.Click(t, "Copy the Steps")
			mactest.Eventually(t, "the steps were copied", func() bool {
				text, err := sim.Clipboard()
				return err == nil && strings.Contains(strings.Join(strings.Fields(text), " "), "System software from developer “Parallels International GmbH” was blocked")
			})

			icon.Click(t, "Until This Window Closes")
			icon.WaitMenu(t, hasEntry("Snoozed until "))
			icon.Click(t, "End Snooze")
			icon.WaitMenu(t, hasEntry("Snooze"))

			plist := filepath.Join(root, "Users", "me", "Library", "LaunchAgents", probe.AgentLabel+".plist")
			icon.Click(t, "Open at Login")
			icon.WaitMenu(t, hasEntry("✓ Open at Login"))
			if _, err := os.Stat(plist); err != nil {
				t.Errorf("Open at Login has a mark: %v", err)
			}
			icon.Click(t, "✓ Open at Login")
			icon.WaitMenu(t, hasEntry("Open at Login"))
			if _, err := os.Stat(plist); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open at Login has no mark: %v, want no file", err)
			}

			if err := sim.Allow(time.Now()); err != nil {
				t.Fatal(err)
			}
			if alert := notifications.Next(t); alert.Title != "Parallels Desktop: restart your Mac" {
				t.Errorf("notification %+v, want the restart", alert)
			}
			icon.WaitMenu(t, shows("Parallels Desktop: approved; restart the Mac to finish"))
			icon.Click(t, "Quit kextwatch")
			if err := agent.Wait(); err != nil {
				t.Errorf("after Quit: %v, want exit 0, so that launchd does not restart it", err)
			}
		})
	}
}

// startOnDesktop runs the agent with a panel and a notification service.
func startOnDesktop(t *testing.T, p program, root string) (agent *exec.Cmd, panel *desk.Panel, notifications *desk.Notifications) {
	t.Helper()
	bus, display := desk.StartBus(t), desk.StartDisplay(t)
	notifications = desk.StartNotifications(t, bus, false)
	panel = desk.StartPanel(t, bus)
	agent = p.command(t, "run", "--root", root)
	agent.Env = onDesktop(bus, display)
	agent.Stderr = os.Stderr
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Process.Kill() })
	return agent, panel, notifications
}

// onDesktop is the environment in which a program finds the bus and the display.
func onDesktop(bus, display string) []string {
	return append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS="+bus, "DISPLAY="+display, "NO_AT_BRIDGE=1", "GTK_A11Y=none")
}

// hasEntry matches a menu with a visible entry that starts with a text. "Snooze" does
// not match "Snoozed".
func hasEntry(label string) func([]desk.Entry) bool {
	return func(menu []desk.Entry) bool {
		return slices.ContainsFunc(menu, func(e desk.Entry) bool {
			return e.Visible && (e.Label == label || strings.HasSuffix(label, " ") && strings.HasPrefix(e.Label, label))
		})
	}
}

func shows(state string) func([]desk.Entry) bool {
	return func(menu []desk.Entry) bool { return len(menu) > 0 && menu[0].Label == state }
}
