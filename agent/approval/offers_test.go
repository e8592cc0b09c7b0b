package approval

import (
	"fmt"
	"testing"

	"kextwatch/probe"
)

// More versions of macOS than are kept are on offer: each is warned about once.
func TestEachOfManyOffersIsWarnedAboutOnce(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.settings.Compat = Compat()
	s.said(at(1))
	for n := range 40 {
		s.snap.Updates.Offered = append(s.snap.Updates.Offered, probe.Offer{Version: fmt.Sprintf("%d.0", 40+n)})
	}
	if events, _ := s.said(at(2)); events[MacOSOffered] != 40 {
		t.Errorf("said %v, want 40 offers", events)
	}
	if events, _ := s.said(at(3)); len(events) != 0 {
		t.Errorf("said again %v", events)
	}
}
