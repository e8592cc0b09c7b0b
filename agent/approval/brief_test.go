package approval

import (
	"fmt"
	"testing"
	"time"

	"kextwatch/probe"
)

const (
	boxTeam = "VB5E2TV963"
	boxID   = "org.virtualbox.kext.VBoxDrv"
	boxPath = "/Library/Application Support/VirtualBox/VBoxDrv.kext"
)

// boxStory returns an Intel Mac with VirtualBox 6.1 and without Parallels, whose
// extension nobody tried to load yet. The settings are the defaults.
func boxStory(t *testing.T, macOS string) *macStory {
	s := newStory(t, macOS)
	s.uninstall()
	s.snap.Kexts = []probe.Kext{{BundleID: boxID, TeamID: boxTeam, Path: boxPath, Version: "6.1.50"}}
	s.look(at(1), NotInstalled)
	return s
}

// box sets the row and the last attempt of VirtualBox.
func (s *macStory) box(allowed bool, seen time.Time) {
	s.policy().Rows = []probe.PolicyRow{{TeamID: boxTeam, BundleID: boxID, Allowed: allowed, Developer: "Oracle America, Inc."}}
	s.policy().History = []probe.LoadRecord{{TeamID: boxTeam, BundleID: boxID, Path: boxPath, LastSeen: seen}}
}

func (s *macStory) listed(want bool) {
	s.t.Helper()
	if p := s.last.product(boxTeam); p.Listed != want {
		s.t.Errorf("%s: listed %v at verdict %s, want %v", s.last.At.Format("15:04:05"), p.Listed, p.Verdict, want)
	}
}

// The framework lists an extension as pending, and does not tell since when. There may be
// a button, so the product is not only listed before it was known for 30 minutes. A new
// one is announced.
func TestOthersWithoutATime(t *testing.T) {
	pending := func(s *macStory) {
		s.box(false, time.Time{})
		p := s.policy()
		p.Source, p.History, p.Rows[0].Pending = probe.Framework, nil, probe.Yes
	}
	t.Run("at first sight", func(t *testing.T) {
		s := boxStory(t, "12.7.6")
		s.mem = Memory{}
		pending(s)
		s.look(at(10), BlockedUnknown)
		s.look(at(39), BlockedUnknown)
		s.look(at(41), NotInstalled)
		s.listed(true)
	})
	t.Run("while the agent was off", func(t *testing.T) {
		s := boxStory(t, "12.7.6")
		s.policy().Source = probe.Framework
		s.look(at(2), NotInstalled, "source-changed")
		pending(s)
		s.look(at(60), BlockedUnknown, "blocked!")
		s.look(at(61), BlockedUnknown)
		s.look(at(91), NotInstalled)
	})
	t.Run("allowed without an announcement", func(t *testing.T) {
		s := boxStory(t, "12.7.6")
		s.mem = Memory{}
		pending(s)
		s.look(at(10), BlockedUnknown)
		s.look(at(45), NotInstalled)
		p := s.policy()
		p.Rows[0].Allowed, p.Rows[0].Pending = true, probe.No
		s.look(at(46), RestartPending, "approved", "restart-needed!")
	})
}

// A product that is not watched in full is announced once for each attempt, without
// reminders and without a notice at the end.
func TestOthersAreAnnouncedOncePerAttempt(t *testing.T) {
	s := boxStory(t, "10.15.7")
	s.box(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	s.listed(false)
	s.look(at(26), BlockedOpen)
	s.look(at(36), BlockedOpen)
	s.agentRestarts()
	s.look(at(39.5), BlockedOpen)
	s.look(at(40), NotInstalled, "window-closed")
	s.listed(true)
	s.look(at(50), NotInstalled)
	s.box(false, at(60))
	s.look(at(60), BlockedOpen, "window-reopened!")
	s.look(at(91), NotInstalled, "window-closed")
}

// A launch daemon tries again after the start of the Mac, and macOS refuses it for another
// reason than a missing approval. It stays listed, as what nobody allowed before does: the
// icon does not change without an alert.
func TestAnAttemptAtTheStartThatFailsStaysListed(t *testing.T) {
	s := boxStory(t, "10.15.7")
	s.box(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	s.look(at(40), NotInstalled, "window-closed")
	s.restart(at(100), "SESSION-2")
	s.look(at(100.5), NotInstalled)
	s.box(false, at(101))
	s.look(at(101), NotInstalled)
	s.snap.Attempts = []probe.Attempt{{At: at(101), TeamID: boxTeam, BundleID: boxID, From: probe.FromLog, Outcome: probe.BadOwnership}}
	for _, minutes := range []float64{101.1, 101.2, 110} {
		s.look(at(minutes), NotInstalled)
		s.listed(true)
	}
}

// After the user clicks Allow, it is followed until it is loaded.
func TestOthersAreFollowedAfterAnApproval(t *testing.T) {
	s := boxStory(t, "12.7.6")
	s.box(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	s.box(true, at(10))
	s.look(at(12), RestartPending, "approved", "restart-needed!")
	s.look(at(60), RestartPending)
	s.restart(at(100), "SESSION-2")
	s.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: boxID, Version: "6.1.50"}}
	s.look(at(101), NotInstalled, "kexts-loaded!")
	s.listed(true)
	s.snap.Loaded.Kexts = nil
	s.look(at(200), NotInstalled)
}

// Nobody clicked Allow while the button was there. If somebody does later, the product is
// followed, too.
func TestOthersAreFollowedAfterALateApproval(t *testing.T) {
	s := boxStory(t, "12.7.6")
	s.box(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	s.look(at(41), NotInstalled, "window-closed")
	s.box(true, at(10))
	s.look(at(60), RestartPending, "approved", "restart-needed!")
	s.listed(false)
}

// What was announced at the start of the Mac stays in the icon while there is a button.
func TestAnAnnouncementAtTheStartStays(t *testing.T) {
	s := boxStory(t, "10.15.7")
	s.box(false, at(2))
	s.look(at(2), BlockedOpen, "window-opened!")
	s.look(at(3), BlockedOpen)
	s.look(at(31), BlockedOpen)
	s.look(at(32), NotInstalled, "window-closed")
}

// After a change in macOS Recovery the agent says what is left to do. An attempt right
// after the start is news, too: now there is a button. It did not come back, because there
// was none before.
func TestAButtonAfterAChangeInRecovery(t *testing.T) {
	for _, tt := range []struct {
		vendors               Vendors
		first, later, blocked Verdict
	}{{standard.Vendors, NotInstalled, NotInstalled, NotInstalled}, {Vendors{All: true}, NotAsked, NeedsRecovery, BlockedUnknown}} {
		s := newStory(t, "26.2")
		s.fuse()
		s.settings.Vendors = tt.vendors
		s.snap.Boot.Security, s.snap.Boot.UserKexts = probe.FullSecurity, probe.No
		s.look(at(5), tt.first)
		s.fuseRow(false, at(10))
		s.look(at(10), NeedsRecovery, "needs-recovery!")
		s.look(at(50), tt.later)
		s.restart(at(60), "SESSION-2")
		s.snap.Boot.Security, s.snap.Boot.UserKexts = probe.ReducedSecurity, probe.Yes
		s.look(at(61), tt.blocked, "blocked!")
		s.fuseRow(false, at(63))
		s.look(at(63), BlockedOpen, "window-opened!")
	}
}

// The agent starts late after the change, and the button has gone again.
func TestAButtonThatWentAfterAChangeInRecovery(t *testing.T) {
	s := newStory(t, "26.2")
	s.fuse()
	s.settings.Vendors = standard.Vendors
	s.snap.Boot.Security = probe.FullSecurity
	s.look(at(5), NotInstalled)
	s.fuseRow(false, at(10))
	s.look(at(10), NeedsRecovery, "needs-recovery!")
	s.restart(at(60), "SESSION-2")
	s.snap.Boot.Security = probe.ReducedSecurity
	s.fuseRow(false, at(63))
	s.look(at(100), NotInstalled, "blocked!")
	if v := s.last.product(fuseTeam).Verdict; v != BlockedClosed {
		t.Errorf("verdict %s, want %s", v, BlockedClosed)
	}
}

// What goes wrong after an approval is announced, too.
func TestOthersAreToldWhatFollows(t *testing.T) {
	allowed := func(t *testing.T) *macStory {
		s := boxStory(t, "12.7.6")
		s.box(false, at(10))
		s.look(at(10), BlockedOpen, "window-opened!")
		s.box(true, at(10))
		s.look(at(12), RestartPending, "approved", "restart-needed!")
		s.restart(at(100), "SESSION-2")
		return s
	}
	refuse := func(s *macStory, outcome probe.Outcome) {
		s.snap.Attempts = []probe.Attempt{{At: at(101), TeamID: boxTeam, BundleID: boxID, From: probe.FromLog, Outcome: outcome}}
	}
	t.Run("macOS refuses it after the restart", func(t *testing.T) {
		s := allowed(t)
		refuse(s, probe.Refused)
		s.look(at(102), LoadFailing, "load-failing!")
	})
	t.Run("macOS asks for another approval", func(t *testing.T) {
		s := allowed(t)
		refuse(s, probe.Upgrade)
		s.look(at(102), UpgradePending, "upgrade-pending!")
	})
	t.Run("a tool tells later that the button may not work", func(t *testing.T) {
		s := boxStory(t, "12.7.6")
		s.box(false, at(10))
		s.snap.Pending = true
		s.look(at(10), BlockedOpen, "window-opened!")
		s.snap.Pending, s.snap.Situation.Locked = false, probe.Yes
		s.look(at(10.1), BlockedOpen, "window-obstacle!")
	})
}

// A snooze of such a window ends with a reminder: the user asked for it.
func TestOthersAreRemindedAfterASnooze(t *testing.T) {
	s := boxStory(t, "10.15.7")
	s.box(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	s.mem = s.mem.Snooze(at(20), s.last)
	s.look(at(15), BlockedOpen)
	s.look(at(20.5), BlockedOpen, "window-reminder 20!")
	s.look(at(36), BlockedOpen)
}

// What was there before kextwatch is listed, and nothing is announced.
func TestOthersWithoutAnAttemptAreListed(t *testing.T) {
	for _, macOS := range []string{"10.15.7", "12.7.6"} {
		s := boxStory(t, macOS)
		s.mem = Memory{}
		s.box(false, at(-60*24*400))
		s.look(at(30), NotInstalled)
		if p := s.last.product(boxTeam); p.Verdict != BlockedUnknown || !p.Listed {
			t.Errorf("macOS %s: verdict %s, listed %v, want a blocked product that is only listed", macOS, p.Verdict, p.Listed)
		}
	}
}

// Without a policy source nothing is known about them.
func TestOthersWithoutASourceAreUnknown(t *testing.T) {
	s := boxStory(t, "12.7.6")
	s.snap.Policy = nil
	s.mem = Memory{}
	status, _ := s.settings.Assess(s.mem, s.snap, at(30))
	if status.Verdict != Unknown {
		t.Errorf("verdict %s, want %s: whether an extension waits is not known", status.Verdict, Unknown)
	}
}

// A launch daemon tries after every start of the Mac, and nobody approves: that is
// announced once, until the extension or macOS changes.
func TestADaemonThatTriesAtEveryStart(t *testing.T) {
	for _, macOS := range []string{"10.13.6", "10.15.7"} {
		for _, minutes := range []float64{3, 50} { // the Mac is on for less and for more than a window
			t.Run(fmt.Sprintf("macOS %s, on for %v minutes", macOS, minutes), func(t *testing.T) {
				s := boxStory(t, macOS)
				alerts := 0
				for start := range 20 {
					began := float64(100 * (start + 1))
					s.restart(at(began), fmt.Sprintf("SESSION-%d", start+2))
					s.box(false, at(began+0.5))
					for _, minute := range []float64{1, 2, 3, minutes} {
						alerts += s.alerts(at(began + minute))
					}
				}
				if alerts != 1 {
					t.Errorf("%d alerts in 20 starts, want 1", alerts)
				}
				// Something tries later in the day: that is news.
				s.box(false, at(2000+60))
				if n := s.alerts(at(2000 + 60)); n != 1 {
					t.Errorf("%d alerts for a later attempt, want 1", n)
				}
				// The extension is updated, and tried at the next start.
				s.snap.Kexts[0].Version = "6.1.52"
				s.restart(at(3000), "SESSION-UPDATED")
				s.box(false, at(3000.5))
				if n := s.alerts(at(3001)); n != 1 {
					t.Errorf("%d alerts after an update of the extension, want 1", n)
				}
			})
		}
	}
}

// An extension in another folder, which was tried long ago, makes no difference. After
// the user allowed the product, an attempt at a start is news again.
func TestADaemonWithAnotherExtension(t *testing.T) {
	const other = "org.virtualbox.kext.VBoxUSB"
	s := boxStory(t, "10.15.7")
	s.snap.Kexts = append(s.snap.Kexts, probe.Kext{BundleID: other, TeamID: boxTeam, Path: "/Library/Extensions/VBoxUSB.kext", Version: "6.1.50"})
	tried := func(minute float64, allowed bool) {
		s.box(allowed, at(minute))
		p := s.policy()
		p.Rows = append(p.Rows, probe.PolicyRow{TeamID: boxTeam, BundleID: other, Allowed: allowed, Developer: "Oracle America, Inc."})
		p.History = append(p.History, probe.LoadRecord{TeamID: boxTeam, BundleID: other, Path: "/Library/Extensions/VBoxUSB.kext", LastSeen: at(-500)})
	}
	want := func(minute float64, alerts int) {
		t.Helper()
		if n := s.alerts(at(minute)); n != alerts {
			t.Errorf("minute %v: %d alerts, want %d; verdict %s", minute, n, alerts, s.last.product(boxTeam).Verdict)
		}
	}
	tried(10, false)
	want(10, 1)
	want(41, 0)
	s.restart(at(100), "SESSION-2")
	tried(100.5, false)
	want(101, 0)
	tried(100.5, true)
	want(102, 0)
	s.restart(at(200), "SESSION-3")
	tried(200.5, false)
	want(201, 1)
}

// An attempt at the start of the Mac that is not announced hides no later one: the user
// tries it in the same half hour, or installs a newer version.
func TestASilentStartHidesNoLaterAttempt(t *testing.T) {
	for name, later := range map[string]func(s *macStory){
		"the user tries it":   func(s *macStory) { s.box(false, at(105.2)) },
		"a newer version":     func(s *macStory) { s.snap.Kexts[0].Version = "6.1.99"; s.box(false, at(104.8)) },
		"the user tries late": func(s *macStory) { s.box(false, at(120)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := boxStory(t, "10.15.7")
			s.box(false, at(10))
			s.look(at(10), BlockedOpen, "window-opened!")
			s.look(at(41), NotInstalled, "window-closed")
			s.restart(at(100), "SESSION-2")
			s.box(false, at(104.7))
			s.look(at(104.75), NotInstalled)
			s.look(at(104.78), NotInstalled)
			later(s)
			if n := s.alerts(at(121)); n != 1 || s.last.Verdict != BlockedOpen {
				t.Errorf("%d alerts at verdict %s, want one for an open window", n, s.last.Verdict)
			}
		})
	}
}

// After a restart, the tool that reports the boot policy is slow. That is no change.
func TestASlowBootPolicyIsNoChange(t *testing.T) {
	s := newStory(t, "15.7.2")
	s.fuse()
	s.snap.Mac.OS = probe.OSVersion{Version: "15.7.2", Build: "24G325"}
	s.settings.Vendors = standard.Vendors
	s.look(at(5), NotInstalled)
	s.fuseRow(false, at(10))
	s.look(at(10), BlockedOpen, "window-opened!")
	s.look(at(41), NotInstalled, "window-closed")
	boot := s.snap.Boot
	s.restart(at(100), "SESSION-2")
	s.snap.Boot = probe.Boot{}
	s.fuseRow(false, at(103))
	s.look(at(103.5), NotInstalled)
	s.snap.Boot = boot
	s.look(at(104), NotInstalled)
	s.restart(at(200), "SESSION-3")
	s.snap.Boot.UserKexts = probe.No
	s.fuseRow(false, at(203))
	s.look(at(203.5), NeedsRecovery, "window-closed", "needs-recovery!")
}

// alerts takes a snapshot and returns how many alerts it leads to.
func (s *macStory) alerts(now time.Time) int {
	s.last, s.mem = s.settings.Assess(s.mem, s.snap, now)
	notices, mem := s.settings.Tell(s.mem, s.last)
	s.mem = mem.Posted()
	alerts := 0
	for _, n := range notices {
		if n.Urgency != Silent {
			alerts++
		}
	}
	return alerts
}

// The verdicts without an Allow button are announced once for each attempt, too.
func TestOthersWithoutAButtonAreAnnounced(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mac   func(s *macStory)
		want  Verdict
		event string
	}{
		{"Full Security", func(s *macStory) { s.snap.Boot.Security = probe.FullSecurity }, NeedsRecovery, "needs-recovery!"},
		{"managed by MDM", func(s *macStory) { s.snap.Boot = probe.Boot{Security: probe.FullSecurity, MDMKexts: probe.Yes} }, Managed, "managed!"},
		{"made for Intel", func(s *macStory) { s.snap.Kexts[0].Code = []probe.Arch{probe.Intel} }, CannotLoad, "cannot-load!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "26.2")
			s.fuse()
			s.settings.Vendors = standard.Vendors
			tt.mac(s)
			s.look(at(5), NotInstalled)
			s.fuseRow(false, at(10))
			s.look(at(10), tt.want, tt.event)
			s.look(at(20), tt.want)
			s.look(at(41), NotInstalled)
			s.fuseRow(false, at(60))
			s.look(at(60), tt.want, tt.event)
		})
	}
}

// An attempt is announced once at first sight, too, and also if it was made while no policy
// source answered.
func TestOthersWithoutAButtonAndWithoutASource(t *testing.T) {
	s := newStory(t, "26.2")
	s.fuse()
	s.settings.Vendors = standard.Vendors
	s.snap.Boot.Security = probe.FullSecurity
	s.fuseRow(false, at(10))
	s.look(at(10), NeedsRecovery, "needs-recovery!")
	s.look(at(41), NotInstalled)
	policy := s.snap.Policy
	s.snap.Policy = nil
	s.look(at(50), Unknown, "source-lost")
	s.snap.Policy = policy
	s.fuseRow(false, at(60))
	s.look(at(60), NeedsRecovery, "source-changed", "needs-recovery!")
}

// A developer that the user ignores is recorded and listed, and never announced.
func TestIgnoredVendors(t *testing.T) {
	for _, vendors := range []Vendors{{All: true}, standard.Vendors} {
		s := boxStory(t, "10.15.7")
		vendors.Ignore = []string{boxTeam}
		s.settings.Vendors = vendors
		s.box(false, at(10))
		s.look(at(10), NotInstalled, "window-opened")
		s.listed(true)
		s.box(true, at(10))
		s.look(at(12), NotInstalled)
	}
}

// The menu offers to ignore the developer that the icon is about, and to stop ignoring one
// that is ignored.
func TestToIgnore(t *testing.T) {
	for _, tt := range []struct {
		name    string
		mac     func(s *macStory)
		ignored []string
		want    string // the team; "-": none
		stop    bool
	}{
		{"VirtualBox waits", func(*macStory) {}, nil, boxTeam, false},
		{"VirtualBox was allowed and is loaded", func(s *macStory) {
			s.settings.Vendors.All = true
			s.box(true, at(10))
			s.snap.Loaded.Kexts = []probe.LoadedKext{{BundleID: boxID, Version: "6.1.50"}}
		}, nil, "-", false},
		{"Parallels waits, too, and closes first", func(s *macStory) {
			s.install("16.5.1", "49187")
			s.attempt(at(5), hypervisor)
		}, nil, "-", false},
		{"an unsigned one leads", func(s *macStory) { s.settings.Vendors.All = true; s.unsign() }, nil, "-", false},
		{"VirtualBox is ignored", func(s *macStory) { s.mem = s.mem.Ignore(boxTeam) }, []string{boxTeam}, boxTeam, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := boxStory(t, "10.15.7")
			s.box(false, at(10))
			tt.mac(s)
			status, _ := s.settings.Assess(s.mem, s.snap, at(11))
			p, stop, found := status.ToIgnore(tt.ignored)
			if found != (tt.want != "-") || found && (p.TeamID != tt.want || stop != tt.stop) {
				t.Errorf("%q, stop %v, found %v, want %s, stop %v", p.TeamID, stop, found, tt.want, tt.stop)
			}
		})
	}
}

// An unsigned extension is listed, and nobody is promised a button for it.
func TestUnsignedIsNeverAnnounced(t *testing.T) {
	for _, tt := range []struct {
		vendors Vendors
		want    Verdict
	}{{standard.Vendors, NotInstalled}, {Vendors{All: true}, CannotLoad}} {
		s := boxStory(t, "12.7.6")
		s.settings.Vendors = tt.vendors
		s.box(false, at(10))
		s.unsign()
		s.last, s.mem = s.settings.Assess(s.mem, s.snap, at(10))
		if s.last.Verdict != tt.want || s.last.product("").Window != nil {
			t.Errorf("%+v: verdict %s, window %v, want %s and none", tt.vendors, s.last.Verdict, s.last.product("").Window, tt.want)
		}
		if n := s.alerts(at(10)); n != 0 {
			t.Errorf("%+v: %d alerts, want none", tt.vendors, n)
		}
	}
}

// Only the log says that macOS refused an extension without a team. Its code was read, so
// it is probably unsigned: no window is recorded, and nothing says until when a button is
// there. If its folder could not be read, its team is only not known.
func TestNoTeamInTheLogIsPromisedNoButton(t *testing.T) {
	for _, late := range []*probe.Policy{nil, {Source: probe.Framework}} { // no policy, or one that lists it late
		for _, unread := range []bool{false, true} {
			s := newStory(t, "12.7.6")
			s.uninstall()
			s.settings.Vendors = Vendors{All: true}
			s.snap.Policy = late
			k := s.kext("", "com.example.unsigned", "/Library/Extensions/Unsigned.kext")
			if k.Unread = unread; !unread {
				k.Code = []probe.Arch{probe.Intel}
			}
			s.snap.Attempts = []probe.Attempt{{At: at(10), BundleID: "com.example.unsigned", From: probe.FromLog, Outcome: probe.Refused}}
			events, alerts := s.said(at(10.1))
			opened := events[WindowOpened] > 0
			if w := s.last.product("").Window; s.last.product("").Verdict != Unknown || opened != unread || w.Open() != unread || alerts != 0 {
				t.Errorf("unread %v: %s, window %v, events %v, %d alerts", unread, s.last.product("").Verdict, w, events, alerts)
			}
			if events, _ = s.said(at(41)); events[WindowClosed] > 0 != unread {
				t.Errorf("unread %v: later %v", unread, events)
			}
		}
	}
}

// unsign takes the team from the only extension.
func (s *macStory) unsign() {
	p := s.policy()
	p.Rows[0].TeamID, p.History[0].TeamID, s.snap.Kexts[0].TeamID = "", "", ""
}
