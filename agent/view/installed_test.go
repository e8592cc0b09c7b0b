package view

import (
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

func TestInstalled(t *testing.T) {
	for _, tt := range []struct {
		macOS, link string
		icon        bool
		want        []string
		lines       int
	}{
		{"13.7.2", "sudo ln -s a b", true, []string{"menu bar", "System Settings > Notifications", "Script Editor", "run:\n    sudo ln -s a b"}, 4},
		{"26.2", "", true, []string{"menu bar", "If you do not see it, allow kextwatch in System Settings > Menu Bar."}, 3},
		{"12.7.6", "", true, []string{"System Preferences > Notifications"}, 2},
		{"", "", false, []string{"cannot show its icon", "System Settings > Notifications"}, 2},
	} {
		lines := Installed(probe.Mac{OS: probe.OSVersion{Version: tt.macOS}}, tt.icon, tt.link)
		said := strings.Join(lines, "\n")
		for _, want := range tt.want {
			if !strings.Contains(said, want) {
				t.Errorf("macOS %q: no %q in\n%s", tt.macOS, want, said)
			}
		}
		if len(lines) != tt.lines {
			t.Errorf("macOS %q: %d lines, want %d\n%s", tt.macOS, len(lines), tt.lines, said)
		}
	}
}

// From macOS 26 the icon can be hidden, and nothing tells. A build without an icon has none
// on any macOS.
func TestTrayCheck(t *testing.T) {
	for _, c := range []struct {
		macOS, problem string
		want           Level
		next           string
	}{
		{"15.7.2", "", Ok, ""},
		{"26.2", "", Unsure, iconMissing(probe.Mac{})},
		{"26.2", "this build has no tray", Warn, "Use the kextwatch app to get the icon. Notifications work without it."},
	} {
		got := tray(checking{st: approval.Status{Mac: probe.Mac{OS: probe.OSVersion{Version: c.macOS}}}, own: Own{Tray: c.problem}})
		if got.Level != c.want || got.Next != c.next {
			t.Errorf("macOS %s, %q: %+v", c.macOS, c.problem, got)
		}
	}
}
