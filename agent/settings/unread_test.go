package settings

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"kextwatch/agent/settings/settingstest"
	"kextwatch/probe/mactest"
)

// If the settings cannot be read at the moment, the previous ones stay. They are read
// again although their file did not change.
func TestSettingsThatCannotBeReadNow(t *testing.T) {
	p := settingstest.New(t)
	p.Set(settingstest.OfTheUser, map[string]any{"SnoozeMinutes": 20})
	s := NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
	p.Set(settingstest.OfTheUser, map[string]any{"SnoozeMinutes": 25, "Reminders": []any{3}})
	restore := mactest.NoDescriptors(t)
	kept := s.Current()
	restore()
	if kept.SnoozeMinutes != 20 || len(s.Gaps()) > 0 {
		t.Errorf("%d minutes while the file cannot be read, want 20; missing %+v, want nothing", kept.SnoozeMinutes, s.Gaps())
	}
	if !slices.ContainsFunc(s.problems, func(p Problem) bool { return strings.Contains(p.Why, "too many open files") }) {
		t.Errorf("problems %+v, want one about the descriptors", s.problems)
	}
	if now := s.Current(); now.SnoozeMinutes != 25 || !slices.Equal(now.Reminders, []int{3}) || len(s.problems) > 0 {
		t.Errorf("then %d minutes, problems %+v", now.SnoozeMinutes, s.problems)
	}

	restore = mactest.NoDescriptors(t)
	first := NewReader(p.Mac, p.Home, slog.New(slog.DiscardHandler))
	restore()
	if len(first.Gaps()) != 1 {
		t.Errorf("after a start without descriptors %+v is missing, want the settings", first.Gaps())
	}
	if now := first.Current(); now.SnoozeMinutes != 25 || len(first.Gaps()) > 0 {
		t.Errorf("%d minutes after a start without descriptors, want 25; missing %+v", now.SnoozeMinutes, first.Gaps())
	}
}
