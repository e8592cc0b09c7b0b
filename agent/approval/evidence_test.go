package approval

import (
	"testing"
	"time"

	"kextwatch/probe"
)

// report adds an attempt from the log or from our own retry.
func (s *macStory) report(from probe.Evidence, outcome probe.Outcome, when time.Time, id string) {
	t := probe.Attempt{At: when, TeamID: probe.ParallelsTeamID, BundleID: id, From: from, Outcome: outcome}
	s.snap.Attempts = append(s.snap.Attempts, t)
}

// newerStory is a Mac with macOS 12, the framework as policy source, and a virtual
// machine that needs the extensions.
func newerStory(t *testing.T) *macStory {
	s := newStory(t, "12.7.6")
	s.install("17.1.7", "51588")
	s.snap.Policy.Source = probe.Framework
	s.vms(vm("Windows", probe.ParallelsHypervisor))
	return s
}

// The framework has no times. The log has them, for a second attempt, too.
func TestStoryFrameworkAndLog(t *testing.T) {
	s := newerStory(t)
	s.look(at(10), NotAsked)
	s.refuse(allKexts...)
	s.report(probe.FromLog, probe.Refused, at(20), hypervisor)
	s.look(at(20), BlockedOpen, "window-opened!")
	s.minutesLeft(30)
	if !s.fired(RuleReported, hypervisor) || s.fired(RuleReported, vnic) {
		t.Errorf("rules %v, want the log for the extension that it names, and for no other", s.last.Fired)
	}
	if w := s.last.Products[0].Window; w.Basis != Log {
		t.Errorf("basis %s, want %s", w.Basis, Log)
	}
	s.look(at(21), BlockedOpen) // the same line again
	s.look(at(51), BlockedClosed, "window-closed!")
	s.report(probe.FromLog, probe.Tried, at(60), hypervisor)
	s.look(at(60), BlockedOpen, "window-reopened!")
	s.minutesLeft(30)
}

// The user clicks Allow in the second in which macOS refused the last attempt: that was
// before the click. A later refusal shows that the extension does not load.
func TestRefusedInTheSecondOfTheApproval(t *testing.T) {
	s := newStory(t, "10.13.6")
	s.snap.Policy.Source = probe.Framework
	s.look(at(10), NotAsked)
	s.refuse(allKexts...)
	s.report(probe.FromLog, probe.Refused, at(20).Add(200*time.Millisecond), hypervisor)
	s.look(at(20).Add(300*time.Millisecond), BlockedOpen, "window-opened!")
	s.allow()
	s.look(at(20).Add(800*time.Millisecond), Approved, "approved!")
	s.report(probe.FromLog, probe.Refused, at(20).Add(1500*time.Millisecond), hypervisor)
	s.look(at(20).Add(1600*time.Millisecond), LoadFailing, "load-failing!")
}

// The clock was an hour ahead when macOS refused the last attempt, and was set back before
// the user clicked Allow.
func TestRefusedBeforeTheClockWasSetBack(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(10), NotAsked)
	s.attempt(at(20), allKexts...)
	s.report(probe.FromLog, probe.Refused, at(80), hypervisor)
	s.look(at(20), BlockedOpen, "window-opened!")
	s.allow()
	s.look(at(22), Approved, "approved!")
	s.look(at(24), Approved)
	s.report(probe.FromLog, probe.Refused, at(30), hypervisor)
	s.look(at(30), LoadFailing, "load-failing!")
}

// Without the log, a reopened window is not noticed: the row does not change.
func TestStoryFrameworkAlone(t *testing.T) {
	s := newerStory(t)
	s.look(at(10), NotAsked)
	s.snap.QuietUntil = at(29.5) // the files had not changed until then
	s.refuse(allKexts...)
	s.look(at(30), BlockedOpen, "window-opened!")
	if w := s.last.Products[0].Window; w.Basis != Seen || !w.OpenedAt.Equal(at(29.5)) {
		t.Errorf("window %+v, want one seen to open when the files were last quiet", w)
	}
	s.look(at(61), BlockedClosed, "window-closed!")
	s.look(at(70), BlockedClosed)
}

// A published row is as old as the time at which the reader read it.
func TestStoryAnOldPublishedPolicy(t *testing.T) {
	s := newerStory(t)
	s.snap.Policy.ReadAt = at(10)
	s.look(at(10), NotAsked)
	s.look(at(29), NotAsked)
	s.refuse(allKexts...)
	s.snap.Policy.ReadAt = at(29.1)
	s.look(at(29.2), BlockedUnknown, "blocked!") // the answer before is 19 minutes old
}

func TestStoryParallelsSaysItWasRefused(t *testing.T) {
	s := newerStory(t)
	s.refuse(allKexts...)
	s.look(at(10), BlockedUnknown, "blocked!")
	s.report(probe.FromRetry, probe.Refused, at(11), "") // error 56521 names no extension
	s.look(at(11), BlockedOpen, "window-opened!")
	if w := s.last.Products[0].Window; w.Basis != Retry || w.MinutesLeft() != 30 {
		t.Errorf("window %+v, want one by the retry", w)
	}
	if !s.last.Products[0].has(ReasonError56521) {
		t.Errorf("reasons %v, want the error", s.last.Products[0].Reasons)
	}
}

func TestReportedAttemptsThatDoNotCount(t *testing.T) {
	tests := []struct {
		name    string
		attempt probe.Attempt
	}{
		{"permitted", probe.Attempt{At: at(40), TeamID: probe.ParallelsTeamID, BundleID: hypervisor, From: probe.FromLog, Outcome: probe.Permitted}},
		{"in the future", probe.Attempt{At: at(50), TeamID: probe.ParallelsTeamID, BundleID: hypervisor, From: probe.FromLog, Outcome: probe.Refused}},
		{"without a time", probe.Attempt{TeamID: probe.ParallelsTeamID, BundleID: hypervisor, From: probe.FromLog, Outcome: probe.Refused}},
		{"nameless", probe.Attempt{At: at(40), From: probe.FromLog, Outcome: probe.Refused}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newerStory(t)
			s.refuse(hypervisor)
			s.snap.Attempts = []probe.Attempt{tt.attempt}
			s.look(at(45), BlockedUnknown, "blocked!")
		})
	}
}

// macOS may delay its alert until the user has logged in.
func TestStoryTriedBeforeTheLogin(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.attempt(at(10), hypervisor)
	s.snap.Situation = probe.Situation{Asked: true, LoginAt: at(12)}
	s.look(at(13), BlockedUnknown, "blocked!")
	s.minutesLeft(-1)
	s.look(at(41), BlockedUnknown)
	s.look(at(42), BlockedClosed, "blocked!")
	s.attempt(at(43), hypervisor)
	s.look(at(43), BlockedOpen, "window-reopened!")
}

// A login ends what is known about a window that was announced, so the next one is news.
func TestStoryTriedBeforeAndAfterTheLogin(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.look(at(1), NotAsked)
	s.attempt(at(10), hypervisor)
	s.look(at(10), BlockedOpen, "window-opened!")
	s.snap.Situation = probe.Situation{Asked: true, LoginAt: at(12)}
	s.agentRestarts()
	s.look(at(13), BlockedUnknown, "blocked!")
	s.attempt(at(14), hypervisor)
	s.look(at(14), BlockedOpen, "window-reopened!")
	s.attempt(at(14).Add(5*time.Second), vnic)
	s.look(at(14).Add(5*time.Second), BlockedOpen)
}

// From macOS 11, macOS blocks an update of an approved extension again. No row
// shows that.
func TestStoryUpgradePending(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *macStory)
	}{
		{"the old version is still loaded", func(s *macStory) { s.install("17.1.8", "51600"); s.snap.Machines = probe.Machines{} }},
		{"the framework says so", func(s *macStory) { s.policy().Rows[0].PendingUpgrade = probe.Yes; s.snap.Loaded.Kexts = nil }},
		{"the log says so", func(s *macStory) {
			s.report(probe.FromLog, probe.Upgrade, at(60), hypervisor)
			s.snap.Loaded.Kexts = nil
		}},
		{"another code directory hash", func(s *macStory) {
			s.policy().History[0].CDHash = "bbbb"
			s.snap.Loaded.Kexts = nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newerStory(t)
			s.attempt(at(1), allKexts...)
			s.allow()
			for i := range s.snap.Policy.History {
				s.snap.Policy.History[i].CDHash = "aaaa"
			}
			s.load("17.1.7 51588")
			s.look(at(10), Approved)
			tt.change(s)
			status, mem := standard.Assess(s.mem, s.snap, at(60))
			if status.Verdict != UpgradePending {
				t.Fatalf("verdict %s, want %s; rules %v", status.Verdict, UpgradePending, status.Fired)
			}
			notices, mem := standard.Tell(mem, status)
			if last := notices[len(notices)-1]; last.Event != UpgradeEvent || last.Urgency != Urgent {
				t.Errorf("notices %+v, want an urgent alert", notices)
			}
			s.mem = mem
			for i := range s.policy().Rows {
				s.snap.Policy.Rows[i].PendingUpgrade = ""
			}
			s.snap.Attempts = nil
			s.load(s.snap.Kexts[0].Version)
			s.last, _ = standard.Assess(s.mem, s.snap, at(61))
			if s.last.Verdict != Approved {
				t.Errorf("it is loaded, but the verdict is %s; rules %v", s.last.Verdict, s.last.Fired)
			}
		})
	}
}

// Approved and restarted, but macOS still refuses it.
func TestStoryLoadFailing(t *testing.T) {
	s := newerStory(t)
	s.refuse(allKexts...)
	s.look(at(10), BlockedUnknown, "blocked!")
	s.allow()
	s.look(at(11), RestartPending, "approved", "restart-needed!")
	s.restart(at(20), "SESSION-2")
	s.agentRestarts()
	s.look(at(21), Approved)
	s.report(probe.FromLog, probe.Refused, at(25), hypervisor)
	s.look(at(25), LoadFailing, "load-failing!")
	s.snap.Attempts = nil // lines are not kept forever
	s.agentRestarts()
	s.look(at(60), LoadFailing)
	s.load("17.1.7 51588")
	s.look(at(61), Approved, "kexts-loaded!")
	s.snap.Loaded.Kexts = nil
	s.restart(at(70), "SESSION-3")
	s.look(at(71), Approved) // a new start knows nothing of it
}

// Without the list of loaded extensions, nothing but a refusal says that an
// extension does not load. A tool that lists them now and then must not turn the
// verdict around each time.
func TestStoryFailsUnseen(t *testing.T) {
	s := newerStory(t)
	s.attempt(at(1), allKexts...)
	s.allow()
	s.look(at(10), Approved)
	s.restart(at(20), "SESSION-2")
	s.snap.Loaded = probe.Loaded{}
	s.look(at(24), Approved)
	s.report(probe.FromLog, probe.Refused, at(25), hypervisor)
	s.look(at(25), LoadFailing, "load-failing!")
	s.snap.Loaded = probe.Loaded{Known: true}
	s.look(at(26), LoadFailing)
	s.agentRestarts()
	s.snap.Loaded = probe.Loaded{}
	s.look(at(27), LoadFailing)
	s.load("17.1.7 51588")
	s.look(at(28), Approved, "kexts-loaded!")
}

// sysctl hangs: the boot session is not known. A restart that is needed is still
// needed, and what was said in this boot is not said again.
func TestStoryUnknownBootSession(t *testing.T) {
	s := newerStory(t)
	s.refuse(allKexts...)
	s.look(at(10), BlockedUnknown, "blocked!")
	s.allow()
	s.look(at(11), RestartPending, "approved", "restart-needed!")
	booted := s.snap.Mac.BootedAt
	s.snap.Mac.BootSession, s.snap.Mac.BootedAt = "", time.Time{}
	s.agentRestarts()
	s.look(at(12), RestartPending)
	s.snap.Mac.BootSession, s.snap.Mac.BootedAt = "SESSION-1", booted
	s.look(at(13), RestartPending)
	s.restart(at(20), "SESSION-2")
	s.look(at(21), Approved)
	s.report(probe.FromLog, probe.Refused, at(25), hypervisor)
	s.look(at(25), LoadFailing, "load-failing!")
	s.snap.Mac.BootSession = ""
	s.look(at(26), LoadFailing)
}

// macOS reports that only a restart is missing, even if no snapshot saw the
// approval.
func TestStoryRestartPending(t *testing.T) {
	s := newerStory(t)
	s.refuse(allKexts...)
	s.allow()
	s.policy().Rows[0].NeedsRestart = probe.Yes
	s.look(at(10), RestartPending, "restart-needed!")
	s.policy().Rows[0].NeedsRestart = ""
	s.report(probe.FromLog, probe.NeedsRestart, at(12), vnic)
	s.look(at(12), RestartPending)
	s.restart(at(20), "SESSION-2")
	s.snap.Attempts = nil
	s.load("17.1.7 51588")
	s.look(at(21), Approved, "kexts-loaded!")
}

// An open window stays open when another policy source takes over. It is not
// announced again.
func TestStoryTheSourceChangesInsideAWindow(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.install("17.1.7", "51588")
	s.vms(vm("Windows", probe.ParallelsHypervisor))
	s.look(at(9.5), NotAsked)
	s.attempt(at(10), allKexts...)
	s.look(at(10), BlockedOpen, "window-opened!")
	database := s.snap.Policy
	s.snap.Policy = &probe.Policy{Source: probe.Framework, Rows: database.Rows}
	s.look(at(12), BlockedOpen, "source-changed")
	s.minutesLeft(28)
	s.snap.Policy = database
	s.look(at(14), BlockedOpen, "source-changed")
	s.minutesLeft(26)
	s.attempt(at(50), hypervisor)
	s.look(at(50), BlockedOpen, "window-reopened!")
}

func TestSourcesThatDifferAreRecordedOnce(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.snap.Disagree = "the framework allows com.parallels.kext.vnic, the database does not"
	s.look(at(1), NotAsked, "sources-differ")
	s.look(at(2), NotAsked)
	s.snap.Disagree = ""
	s.look(at(3), NotAsked)
}

// After the user begins to watch other vendors, their refused rows are not new.
func TestStoryWatchingMoreInventsNoWindow(t *testing.T) {
	s := newStory(t, "10.15.7")
	s.settings.Vendors = Vendors{Teams: []string{probe.ParallelsTeamID}}
	p := s.policy()
	p.Rows = append(p.Rows, probe.PolicyRow{TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Developer: "Oracle America, Inc."})
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{
		TeamID: "VB5E2TV963", BundleID: "org.virtualbox.kext.VBoxDrv", Version: "6.1",
		Path: "/Library/Application Support/VirtualBox/VBoxDrv.kext",
	})
	s.look(at(10), NotAsked)
	s.settings.Vendors = Vendors{All: true}
	s.look(at(10.5), BlockedUnknown, "blocked!")
}

// The database changed, and the reader has not published it yet. The rows are as
// old as the reader says, but the previous snapshot knew that they were current.
func TestStoryTheReaderIsAMomentLate(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.install("17.1.7", "51588")
	s.vms(vm("Windows", probe.ParallelsHypervisor))
	s.snap.Policy.Source = probe.Reader
	s.snap.Policy.ReadAt = at(29)
	s.look(at(29), NotAsked)
	s.policy().ReadAt = at(5) // when the reader last read it
	s.look(at(29.5), NotAsked)
	s.refuse(allKexts...)
	s.policy().ReadAt = at(29.6)
	s.look(at(29.6), BlockedOpen, "window-opened!")
	if w := s.last.Products[0].Window; w != nil && !w.OpenedAt.Equal(at(29)) {
		t.Errorf("opened at %s, want the time of the snapshot, %s", w.OpenedAt, at(29))
	}
}

// The reader publishes twice within one second, and a property list has whole seconds. A row
// that only the second answer has is an attempt.
func TestStoryTheReaderPublishesTwiceInOneSecond(t *testing.T) {
	s := newerStory(t)
	s.snap.Policy.Source, s.snap.Policy.ReadAt = probe.Reader, at(29)
	s.look(at(29).Add(200*time.Millisecond), NotAsked)
	s.refuse(allKexts...)
	s.look(at(29).Add(700*time.Millisecond), BlockedOpen, "window-opened!")
}

// A boot session that could not be read once is not a restart. What was allowed
// in this session still waits for one and does not fail.
func TestStoryASessionNotReadIsNoRestart(t *testing.T) {
	s := newerStory(t)
	s.refuse(allKexts...)
	s.look(at(10), BlockedUnknown, "blocked!")
	s.allow()
	s.look(at(11), RestartPending, "approved", "restart-needed!")
	s.snap.Mac.BootSession = ""
	s.last, s.mem = s.settings.Assess(s.mem, s.snap, at(12))
	s.snap.Mac.BootSession = "SESSION-1"
	for _, id := range allKexts {
		s.report(probe.FromLog, probe.NeedsRestart, at(13), id)
	}
	s.look(at(13), RestartPending)
}

// No policy source answers, but the log contains a refusal. The refusal opens a
// window.
func TestStoryTheLogAlone(t *testing.T) {
	s := newerStory(t)
	s.snap.Policy = nil
	s.look(at(1), Unknown, "verdict-changed!")
	s.report(probe.FromLog, probe.Tried, at(2), hypervisor)
	s.look(at(2), Unknown) // tried is not refused
	s.report(probe.FromLog, probe.Refused, at(3), hypervisor)
	s.look(at(3), Unknown, "window-opened!")
	s.minutesLeft(30)
	if w := s.last.Products[0].Window; w == nil || w.Basis != Log {
		t.Errorf("window %+v, want one of the log", w)
	}
	s.look(at(4), Unknown) // the same line again
	s.look(at(18), Unknown, "window-reminder 15!")
	s.look(at(34), Unknown, "window-closed!")
	s.report(probe.FromLog, probe.Refused, at(50), hypervisor)
	s.look(at(50), Unknown, "window-reopened!")
}

// macOS's framework hangs while an extension is refused that its last answer does not
// have. The log is enough to announce the window. The answer changes nothing.
func TestStoryRefusedWhileTheFrameworkIsQueried(t *testing.T) {
	s := newerStory(t)
	s.policy().Source = probe.Framework
	s.policy().ReadAt = at(5)
	s.look(at(5), NotAsked)
	s.policy().Stale = true
	s.look(at(6), NotAsked) // no refusal was reported
	s.report(probe.FromLog, probe.Refused, at(10), hypervisor)
	s.look(at(10), Unknown, "window-opened!")
	s.minutesLeft(30)
	s.policy().Stale = false
	s.policy().ReadAt = at(11)
	s.refuse(allKexts...)
	s.look(at(11), BlockedOpen)
	s.minutesLeft(29)

	s = newerStory(t)
	s.policy().Source, s.policy().ReadAt, s.policy().Stale = probe.Framework, at(5), true
	s.refuse(allKexts...)
	s.look(at(5), BlockedUnknown, "blocked!") // a row is an answer, although it may be old
}

// A profile forbids approvals. The log is no reason to promise a button.
func TestStoryRefusedByProfileWhileNothingAnswers(t *testing.T) {
	s := newerStory(t)
	s.snap.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
	s.snap.Policy = nil
	s.look(at(5), Unknown, "verdict-changed!")
	s.report(probe.FromLog, probe.Refused, at(10), hypervisor)
	s.look(at(10), Managed, "managed!")
	if w := s.last.Products[0].Window; w != nil {
		t.Errorf("a window until %v", w.ClosesAt)
	}
}

// What is said to be the proof is the fact that shows it: macOS refused nothing here.
func TestTheProofIsTheFactThatShowsIt(t *testing.T) {
	for rule, fact := range map[Rule]func(s *macStory){
		RuleNotCollected: func(s *macStory) {
			s.snap.Collection = probe.Collection{Known: true, Kexts: []probe.LoadedKext{{BundleID: "com.example.other", Version: "1"}}}
		},
		RuleNeedsRestart: func(s *macStory) { s.report(probe.FromLog, probe.NeedsRestart, at(25), hypervisor) },
		RuleLoadFailing:  func(s *macStory) { s.report(probe.FromLog, probe.Refused, at(25), hypervisor) },
	} {
		s := newerStory(t)
		s.refuse(allKexts...)
		s.look(at(10), BlockedUnknown, "blocked!")
		s.allow()
		s.look(at(11), RestartPending, "approved", "restart-needed!")
		s.restart(at(20), "SESSION-2")
		fact(s)
		s.look(at(26), LoadFailing, "load-failing!")
		if got := s.last.Products[0].Proof; got != rule {
			t.Errorf("the proof is %s, want %s", got, rule)
		}
	}
}

// While the framework is queried again, its old answer is not a read of this moment, even if
// the clock was set back. Otherwise a row that is new in the next answer looks like a load
// attempt, and the time left grows.
func TestStoryTheClockIsSetBackWhileTheFrameworkIsQueried(t *testing.T) {
	s := newStory(t, "12.7.6")
	s.snap.Policy = &probe.Policy{Source: probe.Framework, ReadAt: at(61)}
	s.look(at(61), NotAsked)
	s.policy().Stale = true
	s.report(probe.FromLog, probe.Refused, at(62), hypervisor)
	s.look(at(62), Unknown, "window-opened!")
	s.look(at(67), Unknown)
	s.minutesLeft(25)
	s.look(at(47), Unknown) // twenty minutes back
	s.minutesLeft(25)
	s.snap.Policy = &probe.Policy{Source: probe.Framework, ReadAt: at(48)}
	s.refuse(hypervisor)
	s.look(at(48), BlockedOpen)
	s.minutesLeft(24)
}
