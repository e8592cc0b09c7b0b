package view

import (
	"strings"
	"testing"

	"kextwatch/probe"
)

func TestInstalled(t *testing.T) {
	for _, tt := range []struct {
		macOS, link string
		icon        bool
		want        []string
		lines       int
	}{
		{"13.7.2", "sudo ln -s a b", true, []string{"menu bar", "System Settings > Notifications", "Script Editor", "run: sudo ln -s a b"}, 3},
		{"12.7.6", "", true, []string{"System Preferences > Notifications"}, 2},
		{"", "", false, []string{"has no icon", "System Settings > Notifications"}, 2},
	} {
		lines := Installed(probe.OSVersion{Version: tt.macOS}, tt.icon, tt.link)
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
