package approval

import (
	"testing"

	"kextwatch/probe"
)

// An update is shown if there is something to do or to know after it. It is
// recorded in every case. The expected answers follow "After an update" of the
// design.
func TestUpdateIsShownIfThereIsNews(t *testing.T) {
	older := &Row{Major: 16, MaxMacOS: "11", Confidence: Likely}
	guess := &Row{Major: 11, MaxMacOS: "10.11", Confidence: Unsure}
	fits := &Row{Major: 18, MaxMacOS: "13", Confidence: Likely}
	always := func(Verdict) bool { return true }
	installed := func(v Verdict) bool { return v != NotInstalled }
	serious := func(v Verdict) bool { return v.NeedsAction() || v == Unknown }
	orNotAsked := func(v Verdict) bool { return serious(v) || v == NotAsked }
	macOS := Update{Event: MacOSUpdated, Product: "macOS", From: "12.7.6", To: "13.7.2"}
	parallels := Update{Event: ParallelsUpdated, Product: "Parallels Desktop", From: "18.1.1-53328", To: "18.3.4-53630"}
	for _, tt := range []struct {
		name   string
		update Update
		made   *Row
		need   probe.Answer
		shown  func(Verdict) bool
		when   func(Verdict) bool // the verdicts that go with the facts of this row
	}{
		{"macOS, nothing known about the need", macOS, fits, "", serious, always},
		{"macOS, without a row of the table", macOS, nil, "", serious, always},
		{"macOS, the next start is interrupted", macOS, fits, probe.Yes, orNotAsked, always},
		{"macOS, not needed", macOS, fits, probe.No, serious, func(v Verdict) bool { return v != NotAsked }},
		{"macOS, Parallels was made for an older one", macOS, older, "", installed, always},
		{"macOS, a guess says so, as doctor does", macOS, guess, "", installed, always},
		{"Parallels itself", parallels, fits, "", orNotAsked, always},
		{"Parallels itself, still made for an older macOS", parallels, older, "", installed, always},
	} {
		for _, v := range Verdicts {
			if !tt.when(v) {
				continue
			}
			p := productAt(v)
			p.Made, p.Need.Answer = tt.made, tt.need
			status := Status{Verdict: v, Products: []Product{p}, Mac: probe.Mac{OS: probe.OSVersion{Version: "13.7.2"}}}
			notices := []Notice{{Event: tt.update.Event}}
			showUpdate(notices, []Update{tt.update}, status)
			if shown := notices[0].Urgency != Silent; shown != tt.shown(v) {
				t.Errorf("%s, now %s: shown is %t, want %t", tt.name, v, shown, tt.shown(v))
			}
		}
	}
}

// Nothing about an update is shown where no product is watched or installed.
func TestUpdateWithoutProducts(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.uninstall()
	s.look(at(1), NotInstalled)
	s.snap.Mac.OS = probe.OSVersion{Version: "13.7.2", Build: "22H313"}
	s.look(at(2), NotInstalled, "macos-updated")
}

// What an update means can depend on tools, which are slow after an update of macOS. It is
// announced when they have answered, also by an agent that starts again before that. An alert
// that does not wait for tools has the update in it.
func TestUpdateWaitsForSlowTools(t *testing.T) {
	updated := func(t *testing.T) *macStory {
		s := newStory(t, "11.7.10")
		s.install("17.1.7", "51588")
		s.look(at(1), NotAsked)
		s.snap.Mac.OS = probe.OSVersion{Version: "12.7.6", Build: "21H1320"}
		s.restart(at(60), "SESSION-2")
		s.snap.Pending = true
		s.look(at(61), NotAsked)
		return s
	}
	answer := func(s *macStory) {
		s.snap.Pending = false
		s.vms(vm("Windows 11", probe.ParallelsHypervisor))
	}
	t.Run("told", func(t *testing.T) {
		s := updated(t)
		answer(s)
		s.look(at(62), NotAsked, "macos-updated!")
		s.look(at(63), NotAsked)
	})
	t.Run("the agent starts again", func(t *testing.T) {
		s := updated(t)
		s.agentRestarts()
		answer(s)
		s.look(at(62), NotAsked, "macos-updated!")
	})
	t.Run("a window opens", func(t *testing.T) {
		s := updated(t)
		s.attempt(at(65), allKexts...)
		s.look(at(66), BlockedOpen, "macos-updated", "window-opened!")
		answer(s)
		s.look(at(67), BlockedOpen)
	})
}
