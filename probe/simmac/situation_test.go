package simmac_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe/simmac"
)

const (
	psLine   = "bin/ps -axww -o uid= -o etime= -o comm="
	betterTT = "/Applications/BetterTouchTool.app/Contents/MacOS/BetterTouchTool"
	steer    = "/Library/PreferencePanes/SteerMouse.prefPane/Contents/MacOS/SteerMouse Manager.app/Contents/MacOS/SteerMouse Manager"
)

// programs returns the paths and ages in the list of processes.
func (s sim) programs() (ages map[string]string) {
	s.t.Helper()
	fields := strings.Fields(psLine)
	out, errs, code := s.run(fields[0], fields[1:]...)
	if code != 0 || errs != "" {
		s.t.Fatalf("ps: exit %d, %s", code, errs)
	}
	ages = map[string]string{}
	for line := range strings.Lines(out) {
		columns := strings.SplitN(strings.TrimSpace(line), " ", 3)
		ages[strings.TrimSuffix(columns[2], "\n")] = columns[1]
	}
	return ages
}

func TestPrograms(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2", Parallels: "19.4.3"})
	const service = "/Applications/Parallels Desktop.app/Contents/MacOS/Parallels Service.app/Contents/MacOS/prl_disp_service"
	now := time.Now()
	s.must(s.Restart(now.Add(-49*time.Hour - 30*time.Second)))
	s.must(s.RunProgram(betterTT, now.Add(-2*time.Hour-30*time.Second)))
	s.must(s.RunProgram(steer, now.Add(-60*time.Hour))) // before the restart
	got := s.programs()
	for path, age := range map[string]string{
		service: "02-01:00:3", "/usr/libexec/UserEventAgent": "02-01:00:3", "/sbin/launchd": "02-01:00:3", betterTT: "02:00:3", "/bin/ps": "00:00",
	} {
		if !strings.HasPrefix(got[path], age) {
			t.Errorf("%s runs for %q, want %q…; all: %v", path, got[path], age, got)
		}
	}
	if got[steer] != "" {
		t.Errorf("a program outlived the restart: %v", got)
	}
	s.must(s.RunProgram(steer, now))
	s.must(s.QuitProgram(betterTT))
	s.must(s.QuitProgram(service))
	if got = s.programs(); got[betterTT] != "" || got[service] != "" || got[steer] == "" {
		t.Errorf("after quitting: %v", got)
	}
	s.must(s.RunProgram(service, now))
	if got = s.programs(); got[service] == "" {
		t.Errorf("the service does not come back: %v", got)
	}
	for _, path := range []string{"", "relative", "/two\nlines"} {
		if s.RunProgram(path, now) == nil {
			t.Errorf("%q was started", path)
		}
	}
	s.must(s.RemoveParallels())
	if got = s.programs(); got[service] != "" {
		t.Error("the service runs without the application")
	}
}

const connections = `Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)    
%stcp4       0      0  192.168.64.10.49210    17.57.146.20.5223      ESTABLISHED
tcp46      0      0  *.5900                 *.*                    LISTEN     `

func TestUserSituation(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2"})
	const netstat = "usr/sbin/netstat -an -p tcp"
	vnc := "tcp4       0      0  192.168.64.10.5900     192.168.64.20.52444    ESTABLISHED\n"
	s.check(call{netstat, fmt.Sprintf(connections, ""), "", 0}, call{"usr/bin/id -G", "20 12 61 79 80 81 98 701 100", "", 0})
	s.must(s.ConnectVNC(true))
	s.must(s.SetAdmin(false))
	s.check(call{netstat, fmt.Sprintf(connections, vnc), "", 0}, call{"usr/bin/id -G", "20 12 61 701 100", "", 0})
	s.must(s.ConnectVNC(false))
	s.must(s.ConnectVNC(false))
	s.must(s.SetAdmin(true))
	s.check(call{netstat, fmt.Sprintf(connections, ""), "", 0}, call{"usr/bin/id -G", "20 12 61 79 80 81 98 701 100", "", 0})

	user := fmt.Sprintf("<key>kCGSSessionUserIDKey</key><integer size=\"64\">%d</integer>", os.Geteuid())
	for _, locked := range []bool{false, true, false} {
		s.must(s.LockScreen(locked))
		out, _, code := s.run("usr/sbin/ioreg", "-n", "Root", "-d1", "-a")
		if code != 0 || !strings.Contains(out, user) || strings.Contains(out, "<key>CGSSessionScreenIsLocked</key><true/>") != locked {
			t.Errorf("locked %v: exit %d, %s", locked, code, out)
		}
	}
}

func TestConsole(t *testing.T) {
	s := newSim(t, simmac.Options{})
	owner := func() int { return ownerOf(t, s.dir+"/dev/console") }
	if owner() != os.Geteuid() {
		t.Errorf("a new Mac's console belongs to %d", owner())
	}
	s.must(s.SeatAtConsole("me"))
	if s.SeatAtConsole("somebody") == nil {
		t.Error("SeatAtConsole accepted an unknown user")
	}
	err := s.SeatAtConsole("other")
	if os.Geteuid() != 0 {
		if err == nil {
			t.Error("only root can give a file away")
		}
		return
	}
	s.must(err)
	if owner() != 1 {
		t.Errorf("the other one is %d", owner())
	}
	s.must(s.SeatAtConsole("nobody"))
	if owner() != 0 {
		t.Errorf("nobody is %d", owner())
	}
}

func TestSystemExtensions(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2"})
	const list = "usr/bin/systemextensionsctl list"
	s.check(call{list, "0 extension(s)", "", 0})
	s.must(s.SetSystemExtension("VBG97UB4TA", "com.objective-see.lulu.extension", "activated_waiting_for_user"))
	s.must(s.SetSystemExtension("EQHXZ8M8AV", "com.google.santa.daemon", "validating"))
	s.must(s.SetSystemExtension("EQHXZ8M8AV", "com.google.santa.daemon", "activated_enabled"))
	s.check(call{list, `2 extension(s)
--- com.apple.system_extension.network_extension
enabled	active	teamID	bundleID (version)	name	[state]
		VBG97UB4TA	com.objective-see.lulu.extension (1.0/1)	Extension	[activated waiting for user]
*	*	EQHXZ8M8AV	com.google.santa.daemon (1.0/1)	Extension	[activated enabled]`, "", 0})
	var db struct {
		Extensions []struct {
			State string `plist:"state"`
			Team  string `plist:"teamID"`
		} `plist:"extensions"`
	}
	s.plist("/Library/SystemExtensions/db.plist", &db)
	if len(db.Extensions) != 2 || db.Extensions[0].State != "activated_waiting_for_user" || db.Extensions[1].Team != "EQHXZ8M8AV" {
		t.Errorf("%+v", db)
	}
	for _, bad := range [][3]string{{"x", "id", "s"}, {"VBG97UB4TA", "a b", "s"}, {"VBG97UB4TA", "id", "Activated Enabled"}} {
		if s.SetSystemExtension(bad[0], bad[1], bad[2]) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	old := newSim(t, simmac.Options{MacOS: "10.14.6"})
	if _, err := os.Stat(old.dir + "/usr/bin/systemextensionsctl"); err == nil {
		t.Error("10.14 had no system extensions")
	}
}

func TestBackupAndSwitches(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "14.7.2"})
	s.must(s.Backup(minutes(1)))
	s.must(s.Backup(minutes(61)))
	var machine struct {
		AutoBackup   bool
		Destinations []struct{ SnapshotDates []time.Time }
	}
	s.plist("/Library/Preferences/com.apple.TimeMachine.plist", &machine)
	if !machine.AutoBackup || len(machine.Destinations) != 1 || len(machine.Destinations[0].SnapshotDates) != 2 || !machine.Destinations[0].SnapshotDates[1].Equal(minutes(61)) {
		t.Errorf("%+v", machine)
	}
	settings := func() (installs *bool, offers int) {
		var settings struct {
			AutomaticallyInstallMacOSUpdates *bool
			RecommendedUpdates               []map[string]any
		}
		s.plist("/Library/Preferences/com.apple.SoftwareUpdate.plist", &settings)
		return settings.AutomaticallyInstallMacOSUpdates, len(settings.RecommendedUpdates)
	}
	if installs, _ := settings(); installs != nil {
		t.Error("a new Mac has a setting for automatic updates")
	}
	s.must(s.SetAutoUpdate(true))
	s.must(s.OfferMacOS("15.2", minutes(2)))
	if installs, offers := settings(); installs == nil || !*installs || offers != 1 {
		t.Errorf("an offer forgot the switch: %v, %d offers", installs, offers)
	}
	s.must(s.SetAutoUpdate(false))
	if installs, offers := settings(); installs == nil || *installs || offers != 1 {
		t.Errorf("the switch forgot the offer: %v, %d offers", installs, offers)
	}
}

func ownerOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
