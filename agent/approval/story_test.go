package approval

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
)

const (
	app        = "/Applications/Parallels Desktop.app"
	hypervisor = "com.parallels.kext.hypervisor"
	vnic       = "com.parallels.kext.vnic"
	netbridge  = "com.parallels.kext.netbridge"
	usbconnect = "com.parallels.kext.usbconnect"
)

// standard holds the defaults without the compatibility table, which most stories
// do not need.
var standard = func() Settings {
	s := DefaultSettings()
	s.Compat = Table{}
	return s
}()

var allKexts = []string{hypervisor, vnic, netbridge, usbconnect}

var bootTime = time.Date(2026, 5, 6, 5, 0, 0, 0, time.UTC)

// at returns a moment of the story, in minutes after the start of the Mac.
func at(minutes float64) time.Time {
	return bootTime.Add(time.Duration(minutes * float64(time.Minute))).Truncate(time.Second)
}

// macStory is a Mac whose facts a story changes, and the memory of kextwatch.
type macStory struct {
	t    *testing.T
	snap probe.Snapshot
	mem  Memory
	last Status

	settings Settings
}

// newStory returns an Intel Mac with Parallels and without a load attempt.
func newStory(t *testing.T, macOS string) *macStory {
	s := &macStory{t: t, settings: standard}
	s.snap = probe.Snapshot{
		Policy: &probe.Policy{Source: probe.Database},
		Mac: probe.Mac{
			OS: probe.OSVersion{Version: macOS, Build: "1A1"}, Arch: probe.Intel,
			BootedAt: bootTime, BootSession: "SESSION-1",
		},
		Loaded: probe.Loaded{Known: true},
	}
	s.install("16.5.1", "49187")
	return s
}

func (s *macStory) install(version, build string) {
	s.snap.Apps = []probe.App{{
		Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.desktop.console",
		Path: app, Version: version, Build: build, Edition: probe.Standard,
	}}
	s.snap.Kexts = nil
	for _, id := range allKexts {
		s.snap.Kexts = append(s.snap.Kexts, probe.Kext{
			BundleID: id, TeamID: probe.ParallelsTeamID, Version: version + " " + build,
			Path: app + "/Contents/Library/Extensions/10.9/prl_" + strings.TrimPrefix(id, "com.parallels.kext.") + ".kext",
		})
	}
}

func (s *macStory) uninstall() { s.snap.Apps, s.snap.Kexts = nil, nil }

func (s *macStory) policy() *probe.Policy {
	if s.snap.Policy == nil {
		return nil
	}
	p := *s.snap.Policy
	p.Rows, p.MDM, p.History = slices.Clone(p.Rows), slices.Clone(p.MDM), slices.Clone(p.History)
	s.snap.Policy = &p
	return &p
}

// refuse adds the row macOS writes when it blocks an extension.
func (s *macStory) refuse(ids ...string) {
	p := s.policy()
	for _, id := range ids {
		if !slices.ContainsFunc(p.Rows, func(r probe.PolicyRow) bool { return r.BundleID == id }) {
			p.Rows = append(p.Rows, probe.PolicyRow{TeamID: probe.ParallelsTeamID, BundleID: id, Developer: "Parallels International GmbH"})
		}
	}
}

// attempt adds a load attempt: a row, and an entry in the load history.
func (s *macStory) attempt(when time.Time, ids ...string) {
	s.refuse(ids...)
	p := s.policy()
	for _, id := range ids {
		p.History = slices.DeleteFunc(p.History, func(r probe.LoadRecord) bool { return r.BundleID == id })
		p.History = append(p.History, probe.LoadRecord{
			Path: "/Library/StagedExtensions" + app + "/Contents/Library/Extensions/10.9/" + id + ".kext", TeamID: probe.ParallelsTeamID, BundleID: id,
			LastSeen: when,
		})
	}
}

func (s *macStory) allow() {
	p := s.policy()
	for i := range p.Rows {
		p.Rows[i].Allowed = true
	}
}

func (s *macStory) load(version string) {
	s.snap.Loaded = probe.Loaded{Known: true}
	for _, id := range allKexts {
		s.snap.Loaded.Kexts = append(s.snap.Loaded.Kexts, probe.LoadedKext{BundleID: id, Version: version})
	}
}

func (s *macStory) restart(when time.Time, session string) {
	s.snap.Mac.BootedAt, s.snap.Mac.BootSession = when, session
	s.snap.Loaded = probe.Loaded{Known: true}
}

// agentRestarts removes from the memory what a file does not keep: the monotonic
// clock.
func (s *macStory) agentRestarts() {
	s.mem = s.mem.Resume()
	s.mem.LastRead.At = s.mem.LastRead.At.Round(0)
	for id, item := range s.mem.Items {
		item.Window.LeftAt = item.Window.LeftAt.Round(0)
		s.mem.Items[id] = item
	}
}

// look assesses the Mac and checks the verdict and the notices. A "!" marks a
// notice that is shown and not only recorded.
func (s *macStory) look(now time.Time, want Verdict, said ...string) Status {
	s.t.Helper()
	var notices []Notice
	s.last, s.mem = s.settings.Assess(s.mem, s.snap, now)
	notices, s.mem = s.settings.Tell(s.mem, s.last)
	s.mem = s.mem.Posted()
	var got []string
	for _, n := range notices {
		word := string(n.Event)
		if n.Event == WindowReminder {
			word += fmt.Sprintf(" %d", n.Minutes)
		}
		if n.Urgency != Silent {
			word += "!"
		}
		if n.Event != VerdictChanged || n.Urgency != Silent {
			got = append(got, word)
		}
	}
	if s.last.Verdict != want {
		s.t.Errorf("%s: verdict %s, want %s", now.Format("15:04:05"), s.last.Verdict, want)
	}
	if !slices.Equal(got, said) {
		s.t.Errorf("%s: notices %q, want %q", now.Format("15:04:05"), got, said)
	}
	return s.last
}

func (s *macStory) minutesLeft(want int) {
	s.t.Helper()
	w := s.last.Products[0].Window
	switch {
	case w == nil && want >= 0:
		s.t.Errorf("%s: no window, want one with %d minutes left", s.last.At.Format("15:04:05"), want)
	case w != nil && w.MinutesLeft() != want:
		s.t.Errorf("%s: %d minutes left, want %d", s.last.At.Format("15:04:05"), w.MinutesLeft(), want)
	}
}

func TestStoryOfAnApproval(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.minutesLeft(30)
	s.look(at(16), BlockedOpen)
	s.minutesLeft(16)
	s.look(at(17), BlockedOpen, "window-reminder 15!")
	s.look(at(18), BlockedOpen)
	s.look(at(27), BlockedOpen, "window-reminder 5!")
	s.look(at(31), BlockedOpen, "window-reminder 1!")
	s.look(at(32), BlockedClosed, "window-closed!")
	s.minutesLeft(0)
	s.look(at(40), BlockedClosed)
	s.attempt(at(60), hypervisor)
	s.look(at(60), BlockedOpen, "window-reopened!")
	if got := s.last.Products[0].Window.Reopened; got != 1 {
		t.Errorf("reopened %d times, want 1", got)
	}
	s.allow()
	s.look(at(61), Approved, "approved!")
	s.load("16.5.1 49187")
	s.look(at(62), Approved, "kexts-loaded!")
	s.look(at(63), Approved)
}

func TestStoryFromMacOS11OnARestartIsMissing(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.look(at(10), NotAsked)
	s.attempt(at(20), hypervisor)
	s.look(at(20), BlockedOpen, "window-opened!")
	s.allow()
	s.look(at(21), RestartPending, "approved", "restart-needed!")
	s.agentRestarts()
	s.look(at(22), RestartPending)
	s.restart(at(30), "SESSION-2")
	s.load("16.5.1 49187")
	s.agentRestarts()
	s.look(at(31), Approved, "kexts-loaded!")
}

func TestStoryFourKextsInTurn(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	for i, id := range allKexts {
		when := at(2).Add(time.Duration(i) * 5 * time.Second)
		s.attempt(when, id)
		if i == 0 {
			s.look(when, BlockedOpen, "window-opened!")
			continue
		}
		s.look(when, BlockedOpen)
	}
	w := s.last.Products[0].Window
	if !w.OpenedAt.Equal(at(2)) || !w.ClosesAt.Equal(at(32).Add(15*time.Second)) || w.Reopened != 0 {
		t.Errorf("window %+v, want one that opened with the first attempt and closes after the last", w)
	}
}

func TestStoryFirstSightInTheMiddleOfAWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), allKexts...)
	s.look(at(20), BlockedOpen, "window-opened!")
	s.minutesLeft(12)
	s.look(at(21), BlockedOpen) // the 15-minute reminder counts as spoken
	s.look(at(27.5), BlockedOpen, "window-reminder 5!")
}

func TestStorySleepThroughReminders(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.look(at(29), BlockedOpen, "window-reminder 3!") // slept through 15; the reminder of 5 shows the minutes that are left
}

func TestStorySleepThroughTheEnd(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(3), BlockedOpen, "window-opened!")
	s.look(at(300), BlockedClosed, "window-closed!")
}

func TestStoryASecondWindowWhileAsleep(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(3), BlockedOpen, "window-opened!")
	first := s.fired(RuleReopened, "Parallels Desktop")
	s.attempt(at(100), hypervisor)
	s.look(at(101), BlockedOpen, "window-reopened!")
	if second := s.fired(RuleReopened, "Parallels Desktop"); first || !second {
		t.Errorf("explained as reopened: first %v, second %v", first, second)
	}
	s.minutesLeft(29)
}

func TestStoryTheAgentRestartsInsideAWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(3), BlockedOpen, "window-opened!")
	s.agentRestarts()
	s.look(at(4), BlockedOpen)
	s.minutesLeft(28)
	s.agentRestarts()
	s.look(at(17), BlockedOpen, "window-reminder 15!")
}

func TestStoryTheAgentDiesWhilePosting(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.last, s.mem = standard.Assess(s.mem, s.snap, at(3))
	_, s.mem = standard.Tell(s.mem, s.last) // saved, but nobody knows whether it was shown
	s.agentRestarts()
	s.look(at(4), BlockedOpen, "window-reminder 28!")
	s.agentRestarts()
	s.look(at(5), BlockedOpen)
}

func TestStoryTheClockIsSetBack(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(62), hypervisor)
	s.look(at(72), BlockedOpen, "window-opened!")
	s.minutesLeft(20)
	s.look(at(2), BlockedOpen) // seventy minutes back
	s.minutesLeft(20)
	s.look(at(7), BlockedOpen, "window-reminder 15!")
	s.minutesLeft(15)
	if w := s.last.Products[0].Window; !w.ClosesAt.Equal(at(22)) {
		t.Errorf("closes at %v, want %v in the corrected time", w.ClosesAt, at(22))
	}
	s.look(at(22), BlockedClosed, "window-closed!")
	s.attempt(at(23), hypervisor)
	s.look(at(23), BlockedOpen, "window-reopened!")
	s.minutesLeft(30)
}

func TestStoryTheClockIsSetForward(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(3), BlockedOpen, "window-opened!")
	s.look(at(200), BlockedClosed, "window-closed!")
	s.look(at(4), BlockedClosed) // and back: a window that was over does not grow again
	s.attempt(at(5), hypervisor)
	s.look(at(5), BlockedOpen, "window-reopened!")
}

// The wall clock is set back by twenty minutes, and ten minutes pass. The monotonic clock
// tells how much of the window is left.
func TestStoryTheMonotonicClockBoundsTheWindow(t *testing.T) {
	start := time.Now()
	ahead := start.Add(20 * time.Minute) // the wall clock at first
	s := newStory(t, "10.15.7")
	s.snap.Mac.BootedAt = start.Add(-time.Hour)
	s.attempt(ahead.Round(0).UTC().Truncate(time.Second), hypervisor)
	s.look(ahead, BlockedOpen, "window-opened!")
	id := key(probe.ParallelsTeamID, app)
	item := s.mem.Items[id]
	item.Window.LeftAt = start // setting the wall clock does not change the monotonic clock
	s.mem.Items[id] = item
	s.look(start.Add(10*time.Minute), BlockedOpen)
	s.minutesLeft(20)
}

// The two clocks differ by a second, as they do after a small correction. The end that was
// announced stays.
func TestStoryTheClocksDifferByASecond(t *testing.T) {
	start := time.Now()
	s := newStory(t, "10.15.7")
	s.snap.Mac.BootedAt = start.Add(-time.Hour)
	s.attempt(start.Round(0).UTC().Truncate(time.Second), hypervisor)
	s.look(start, BlockedOpen, "window-opened!")
	closes := s.last.Products[0].Window.ClosesAt
	id := key(probe.ParallelsTeamID, app)
	item := s.mem.Items[id]
	item.Window.LeftAt = start.Add(-time.Second)
	s.mem.Items[id] = item
	s.look(start.Add(10*time.Minute), BlockedOpen)
	if w := s.last.Products[0].Window; !w.ClosesAt.Equal(closes) {
		t.Errorf("closes at %v, want %v", w.ClosesAt, closes)
	}
}

func TestStoryRestartInsideAWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(3), BlockedOpen, "window-opened!")
	s.restart(at(10), "SESSION-2")
	s.agentRestarts()
	s.look(at(11), BlockedUnknown, "blocked!")
	s.minutesLeft(-1)
	s.attempt(at(12), hypervisor)
	s.look(at(12), BlockedOpen, "window-reopened!") // macOS is silent about it
}

func TestStoryAnOldAttemptFoundAfterARestart(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(bootTime.Add(-10*time.Minute), hypervisor)
	s.look(at(1), BlockedUnknown, "blocked!")
	s.look(at(2), BlockedUnknown)
}

func TestStoryUninstalledWhileBlocked(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), allKexts...)
	s.look(at(3), BlockedOpen, "window-opened!")
	s.uninstall()
	s.look(at(4), BlockedOpen, "parallels-removed!") // the attempt was a moment ago
	s.look(at(40), NotInstalled, "window-closed")
	for _, k := range s.last.Products[0].Items[0].Kexts {
		if !k.Leftover || k.Blocked {
			t.Errorf("%s: %+v, want a leftover that is not blocked", k.BundleID, k)
		}
	}
}

func TestStoryThePolicyCannotBeReadForAWhile(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(3), BlockedOpen, "window-opened!")
	good := s.snap.Policy
	s.snap.Policy = nil
	s.look(at(4), Unknown, "source-lost", "verdict-changed!")
	s.minutesLeft(28)
	s.look(at(17), Unknown, "window-reminder 15!") // the window runs on
	s.snap.Policy = good
	s.look(at(18), BlockedOpen, "source-changed")
	s.minutesLeft(14)
}

func TestStoryUpdates(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(1), allKexts...)
	s.allow()
	s.load("16.5.1 49187")
	s.look(at(2), Approved)
	s.snap.Mac.OS = probe.OSVersion{Version: "11.7.10", Build: "20G1427"}
	s.restart(at(60), "SESSION-2")
	s.agentRestarts()
	s.look(at(61), Approved, "macos-updated")
	s.agentRestarts()
	s.look(at(62), Approved)
	s.install("16.5.2", "50703")
	s.look(at(63), UpgradePending, "parallels-updated", "upgrade-pending!")
	s.snap.Mac.OS.Extra = "(a)"
	s.look(at(64), UpgradePending, "macos-updated!")
	s.uninstall()
	s.look(at(65), NotInstalled, "parallels-removed")
	s.install("16.5.2", "50703")
	s.look(at(66), UpgradePending, "parallels-installed", "upgrade-pending!")
}

func TestStoryAnUnreadableVersionIsNoUpdate(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.install("", "")
	s.snap.Mac.OS = probe.OSVersion{}
	s.look(at(2), NotAsked)
	s.install("16.5.1", "49187")
	s.snap.Mac.OS = probe.OSVersion{Version: "10.15.7", Build: "1A1"}
	s.look(at(3), NotAsked)
}

// An update and the block that it causes are one alert.
func TestStoryUpdateAndWindowAreOneAlert(t *testing.T) {
	s := newStory(t, "10.14.6")
	s.look(at(1), NotAsked)
	s.snap.Mac.OS = probe.OSVersion{Version: "10.15.7", Build: "19H2026"}
	s.restart(at(60), "SESSION-2")
	s.attempt(at(61), allKexts...)
	s.last, s.mem = standard.Assess(s.mem, s.snap, at(62))
	notices, _ := standard.Tell(s.mem, s.last)
	var alerts []Notice
	for _, n := range notices {
		if n.Urgency != Silent {
			alerts = append(alerts, n)
		}
	}
	want := Update{MacOSUpdated, "macOS", "10.14.6", "10.15.7", time.Time{}}
	if len(alerts) != 1 || alerts[0].Event != WindowOpened || !slices.Contains(alerts[0].Updates, want) {
		t.Errorf("alerts %+v, want the window with the update in it", alerts)
	}
}

// The clock was ahead and is set back after the window closed. Then Parallels
// tries again before the next snapshot.
func TestStoryTriedAgainAsTheClockIsSetBack(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.look(at(33), BlockedClosed, "window-closed!")
	s.attempt(at(20), allKexts...)
	s.look(at(20).Add(time.Second), BlockedOpen, "window-reopened!")
	s.minutesLeft(30)
}

// The end of a window was announced. Then an attempt in its last second appears.
func TestStoryAnAttemptInTheLastSecond(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.look(at(32), BlockedClosed, "window-closed!")
	s.attempt(at(32), vnic)
	s.look(at(32).Add(500*time.Millisecond), BlockedOpen, "window-reopened!")
}

// A small correction of the clock does not turn an old attempt into a new one.
func TestStoryASmallCorrectionOfTheClock(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), hypervisor)
	s.look(at(2).Add(5*time.Second), BlockedOpen, "window-opened!")
	left := s.last.Products[0].Window.Left
	for _, seconds := range []int{-100, -60, -30, -1, 0} {
		s.look(at(2).Add(time.Duration(seconds)*time.Second), BlockedOpen)
		if now := s.last.Products[0].Window.Left; now > left {
			t.Errorf("%d s: the window grew from %v to %v", seconds, left, now)
		}
	}
}

// A recognized scan stays dismissed after its evidence disappears.
func TestStoryAScanIsNotForgotten(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.attempt(at(10), hypervisor)
	s.look(at(10), BlockedOpen, "window-opened!")
	s.look(at(45), BlockedClosed, "window-closed!")
	s.attempt(at(60), hypervisor)
	p := s.policy()
	p.History = append(p.History, probe.LoadRecord{Path: "/Library/Extensions/x.kext", TeamID: "OTHER", BundleID: "com.other.x", LastSeen: at(60)})
	s.look(at(60), BlockedClosed)
	p = s.policy()
	p.History[len(p.History)-1].LastSeen = at(65)
	s.look(at(65), BlockedClosed)
}

// A program that starts at login is refused for the first time, within two minutes of the
// start. A scan moves that time, too, but it adds no row.
func TestStoryTheFirstAttemptSoonAfterTheStart(t *testing.T) {
	for name, tt := range map[string]struct {
		before         float64 // the last snapshot, in minutes after the start; it did not have the row
		session, later string
		want           Verdict
		notice         string
	}{
		"after a snapshot of this boot":           {0.1, "SESSION-2", "SESSION-2", BlockedOpen, "window-opened!"},
		"after one of the boot before":            {-60, "SESSION-1", "SESSION-2", BlockedOpen, "window-opened!"},
		"or before the restart, in no known boot": {-60, "SESSION-1", "", BlockedUnknown, "blocked!"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, "12.7.6")
			s.restart(at(-300), tt.session)
			s.look(at(tt.before), NotAsked)
			s.restart(at(0), tt.later)
			s.attempt(at(1.8), hypervisor)
			s.look(at(1.8), tt.want, tt.notice)
		})
	}
	t.Run("the time is older than that snapshot", func(t *testing.T) {
		s := newStory(t, "12.7.6")
		p := s.policy()
		p.History = append(p.History, probe.LoadRecord{TeamID: probe.ParallelsTeamID, BundleID: hypervisor, LastSeen: at(0.05)})
		s.look(at(0.5), Unknown, "verdict-changed!")
		s.refuse(hypervisor) // macOS writes the time of this attempt a moment later
		s.look(at(27.5), BlockedUnknown, "blocked!")
		s.attempt(at(27.5), hypervisor)
		s.look(at(27.6), BlockedOpen, "window-opened!")
	})
	t.Run("the row was there", func(t *testing.T) {
		s := newStory(t, "12.7.6")
		s.refuse(hypervisor)
		s.look(at(0.1), BlockedUnknown, "blocked!")
		s.attempt(at(1.8), hypervisor)
		s.look(at(1.8), BlockedUnknown)
	})
}

// A removed profile uncovers an old refusal. That is not an attempt. A profile that is
// replaced is away for a moment only, so the loss is announced later.
func TestStoryAProfileIsRemoved(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.refuse(allKexts...)
	s.policy().MDM = []probe.MDMRow{{TeamID: probe.ParallelsTeamID, Allowed: true}}
	s.look(at(300), Approved)
	s.policy().MDM = nil
	s.look(at(300.5), Approved)
	s.look(at(305), Approved)
	s.look(at(306), BlockedUnknown, "blocked", "approval-lost!")
	s.minutesLeft(-1)
	s.attempt(at(310), hypervisor)
	s.look(at(310), BlockedOpen, "window-opened!")
}

func TestStoryReinstalledAfterTheWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(2), allKexts...)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.look(at(40), BlockedClosed, "window-closed!")
	s.uninstall()
	s.look(at(41), NotInstalled, "parallels-removed")
	s.install("16.5.1", "49187")
	s.look(at(45), BlockedClosed, "parallels-installed", "blocked!")
}

// The app is replaced during a window that is not in the load history.
func TestStoryReplacedInsideASeenWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.refuse(hypervisor)
	s.look(at(1.2), BlockedOpen, "window-opened!")
	s.uninstall()
	s.look(at(1.5), BlockedOpen, "parallels-removed!")
	s.install("16.5.1", "49187")
	s.look(at(2), BlockedOpen, "parallels-installed!")
}

// Two rows of the pane have separate windows.
func TestStoryTwoItems(t *testing.T) {
	const other = "com.parallels.kext.other"
	s := newStory(t, "10.15.7")
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: other, TeamID: probe.ParallelsTeamID, Path: "/Library/Extensions/o.kext", Version: "1"})
	s.attempt(at(2), hypervisor, other)
	s.look(at(2), BlockedOpen, "window-opened", "window-opened!")
	s.look(at(40), BlockedClosed, "window-closed!")
	s.attempt(at(50), hypervisor)
	s.look(at(50), BlockedOpen, "window-reopened!")
	s.attempt(at(55), other)
	s.look(at(55), BlockedOpen, "window-reopened!")
	s.look(at(65), BlockedOpen, "window-reminder 15!")
	s.look(at(75), BlockedOpen, "window-reminder 5!")
	s.look(at(80), BlockedOpen) // the other one has 5 minutes: announced as it took the lead
	s.look(at(84), BlockedOpen, "window-reminder 1!")
	s.look(at(85), BlockedClosed, "window-closed!")
}

// Parallels Access is recognized by its extensions alone.
func TestStoryParallelsAccess(t *testing.T) {
	const id = "com.parallels.virtualhid"
	s := newStory(t, "10.15.7")
	s.uninstall()
	s.snap.Kexts = []probe.Kext{{BundleID: id, TeamID: probe.ParallelsTeamID, Path: "/Library/Extensions/v.kext", Version: "1"}}
	s.attempt(at(2), id)
	s.look(at(2), BlockedOpen, "window-opened!")
	s.look(at(33), BlockedClosed, "window-closed!")
	s.allow()
	s.look(at(34), Approved, "approved!")
}

// Approved and restarted between two snapshots: it is unknown whether the approval
// came first, so the verdict is not restart-pending.
func TestStoryApprovedAndRestartedUnseen(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.attempt(at(20), allKexts...)
	s.look(at(20), BlockedOpen, "window-opened!")
	s.allow()
	s.restart(at(30), "SESSION-2")
	s.agentRestarts()
	s.look(at(40), Approved, "approved!")
}

func TestStoryAnotherBuildOfTheSameMacOS(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.snap.Mac.OS.Build = "19H2026"
	s.last, s.mem = standard.Assess(s.mem, s.snap, at(2))
	notices, _ := standard.Tell(s.mem, s.last)
	if len(notices) != 1 || notices[0].From != "10.15.7 1A1" || notices[0].To != "10.15.7 19H2026" {
		t.Errorf("notices %+v, want the builds", notices)
	}
}

// A policy source that fails again and again leads to one alert.
func TestStoryASourceThatComesAndGoes(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	policy := s.snap.Policy
	s.snap.Policy = nil
	s.look(at(2), Unknown, "source-lost", "verdict-changed!")
	for m := 3.0; m < 8; m += 2 {
		s.snap.Policy = policy
		s.look(at(m), NotAsked, "source-changed")
		s.snap.Policy = nil
		s.look(at(m+1), Unknown, "source-lost")
	}
	s.agentRestarts()
	s.snap.Policy = policy
	s.look(at(10), NotAsked, "source-changed")
	s.snap.Policy = nil
	s.look(at(11), Unknown, "source-lost", "verdict-changed!")
}

// A row that disappears and comes back within one second is a new attempt: a
// snapshot saw it appear.
func TestStoryARowComesBackWithinASecond(t *testing.T) {
	s := newStory(t, "12.7.6")
	now := at(10)
	s.look(now, NotAsked)
	s.refuse(hypervisor)
	s.look(now.Add(100*time.Millisecond), BlockedOpen, "window-opened!")
	s.policy().Rows = nil
	s.look(now.Add(200*time.Millisecond), NotAsked, "window-closed")
	s.refuse(hypervisor)
	s.look(now.Add(900*time.Millisecond), BlockedOpen, "window-opened!")
	s.look(now.Add(time.Second), BlockedOpen)
}
