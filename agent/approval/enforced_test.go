package approval

import (
	"testing"

	"kextwatch/probe"
)

// A switch should turn the approval off. macOS was seen to refuse anyway, so a refusal, or
// an attempt that no load followed, outranks it.
func TestASwitchThatTurnsTheApprovalOff(t *testing.T) {
	switches := map[string]func(e *probe.Enforcement){
		"consent": func(e *probe.Enforcement) { e.Consent.Enabled = probe.No },
		"sip":     func(e *probe.Enforcement) { e.SIP = probe.SIP{State: probe.SIPCustom, KextApproval: probe.No} },
	}
	tests := []struct {
		name string
		mac  func(s *macStory)
		want Verdict
		by   AllowedBy
	}{
		{"nothing was tried in this boot", func(s *macStory) { s.attempt(at(-600), allKexts...) }, Approved, NotEnforced},
		{"it was tried a minute ago", func(s *macStory) { s.attempt(at(59), allKexts...) }, BlockedOpen, ""},
		{"it was tried long ago, at first sight", func(s *macStory) { s.attempt(at(20), allKexts...) }, BlockedUnknown, ""},
		{"it was tried and loaded", func(s *macStory) { s.attempt(at(20), allKexts...); s.load("17.1.7 51588") }, Approved, NotEnforced},
		{"one of its extensions was loaded", func(s *macStory) {
			s.attempt(at(20), allKexts...)
			s.load("17.1.7 51588")
			s.snap.Loaded.Kexts = s.snap.Loaded.Kexts[:1]
		}, Approved, NotEnforced},
		{"the log has a refusal", func(s *macStory) {
			s.refuse(allKexts...)
			s.report(probe.FromLog, probe.Refused, at(59), hypervisor)
		}, BlockedOpen, ""},
		{"the framework lists it as pending", func(s *macStory) {
			s.refuse(allKexts...)
			s.policy().Source = probe.Framework
			for i := range s.snap.Policy.Rows {
				s.snap.Policy.Rows[i].Pending = probe.Yes
			}
		}, BlockedUnknown, ""},
		{"a scan at the start of the Mac", func(s *macStory) { s.attempt(at(0.1), allKexts...) }, Approved, NotEnforced},
	}
	for _, tt := range tests {
		for name, off := range switches {
			t.Run(name+", "+tt.name, func(t *testing.T) {
				s := newStory(t, "12.7.6")
				s.install("17.1.7", "51588")
				tt.mac(s)
				off(&s.snap.Enforcement)
				for _, minute := range []float64{60, 61} { // the second look has a memory
					status, mem := standard.Assess(s.mem, s.snap, at(minute))
					s.mem = mem
					if k := status.Products[0].Items[0].Kexts[0]; status.Verdict != tt.want || k.AllowedBy != tt.by {
						t.Errorf("minute %v: verdict %s, allowed by %q, want %s by %q; rules %v", minute, status.Verdict, k.AllowedBy, tt.want, tt.by, status.Fired)
					}
				}
			})
		}
	}
}

// After an attempt macOS has a minute to load the extension. Only then the attempt
// outranks the switch, and has a window.
func TestAnAttemptOutranksASwitchAfterAMinute(t *testing.T) {
	for _, macOS := range []string{"10.15.7", "12.7.6"} {
		s := newStory(t, macOS)
		s.snap.Enforcement.Consent.Enabled = probe.No
		s.attempt(at(-600), allKexts...)
		s.look(at(1), Approved)
		s.attempt(at(10), allKexts...)
		s.look(at(10.1), Approved)
		if !s.last.Loading || s.last.DueAt != at(11) {
			t.Errorf("loading %v, due %v; want to look again until the minute is over", s.last.Loading, s.last.DueAt)
		}
		loaded := *s
		loaded.load("16.5.1 49187")
		loaded.look(at(10.2), Approved)
		s.look(at(11), BlockedOpen, "window-opened!")
		s.minutesLeft(29)
	}
}
