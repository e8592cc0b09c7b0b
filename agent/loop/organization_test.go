package loop

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"kextwatch/agent/settings"
	"kextwatch/agent/settings/settingstest"
	"kextwatch/notify"
	"kextwatch/probe"
)

// A profile that arrives while the agent runs changes its menu and its alerts at the next
// poll, and so does its removal.
func TestLoopTakesUpTheSettingsOfAnOrganization(t *testing.T) {
	p := settingstest.New(t)
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.set = settings.NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
		defer d.start(t, t.TempDir())()
		want := func(when, contact, retry, quit string) {
			t.Helper()
			d.hint(settled)
			items := d.now().menu.Items
			if c, r, q := items[notify.Contact], items[notify.Retry], items[notify.Quit]; c.Label != contact || r.Label != retry || q.Label != quit {
				t.Errorf("%s: the menu has %+v, %+v and %+v", when, c, r, q)
			}
		}
		want("no profile", "", "Try Again…", "Quit kextwatch")
		p.Set(settingstest.ManagedForAll, map[string]any{"OrganizationName": "ACME", "ContactURL": "https://help.acme.example", "ContactText": "extension 4321", "ShowQuit": false, "ShowRetry": false})
		want("a profile", "Contact ACME…", "", "")
		d.change(func(s *probe.Snapshot) {
			s.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
		})
		d.attempt()
		d.hint(settled)
		alerts := d.now().alerts
		if len(alerts) != 1 || !strings.HasSuffix(alerts[0].Body, " Contact ACME: extension 4321.") {
			t.Errorf("alerts %+v, want one with the contact", alerts)
		}
		p.Set(settingstest.ManagedForAll, map[string]any{"ContactText": "extension 4321"})
		want("another profile", "Contact Your Administrator: extension 4321", "Try Again…", "Quit kextwatch")
	})
}
