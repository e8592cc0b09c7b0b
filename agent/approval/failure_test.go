package approval

import (
	"testing"

	"kextwatch/probe"
)

// A refusal that no approval changes opens no window and promises no button, whatever
// the rows say. A later refusal that an approval can change does.
func TestRefusedForAnotherReason(t *testing.T) {
	for _, outcome := range probe.Failures {
		t.Run(string(outcome), func(t *testing.T) {
			want, event := LoadFailing, "load-failing!"
			if outcome == probe.Excluded || outcome == probe.WrongArch {
				want, event = CannotLoad, "cannot-load!"
			}
			for name, mac := range map[string]func(s *macStory){
				"no row":    func(*macStory) {},
				"allowed":   func(s *macStory) { s.refuse(allKexts...); s.allow() },
				"row 0":     func(s *macStory) { s.attempt(at(39), hypervisor) },
				"no source": func(s *macStory) { s.snap.Policy = nil },
			} {
				s := newStory(t, "12.7.6")
				mac(s)
				s.settings.Vendors.All = true
				s.report(probe.FromLog, outcome, at(40), hypervisor)
				s.look(at(41), want, event)
				s.minutesLeft(-1)
				if proof := s.last.Products[0].Proof; proof != RuleFailure {
					t.Errorf("%s: proof %q, want %q", name, proof, RuleFailure)
				}
				if name != "allowed" && name != "row 0" {
					s.report(probe.FromLog, probe.Refused, at(42), hypervisor)
					s.refuseIfRead()
					s.look(at(43), map[bool]Verdict{true: Unknown, false: BlockedOpen}[s.snap.Policy == nil], "window-opened!")
				}
			}
		})
	}
}

// refuseIfRead adds the row of a refused extension if a source answers.
func (s *macStory) refuseIfRead() {
	if s.snap.Policy != nil {
		s.refuse(hypervisor)
	}
}
