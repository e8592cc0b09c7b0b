package simmac_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/kextlog"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// followLog starts the Mac's log tool and returns a function that reads its next
// line.
func (s sim) followLog() func() string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(s.dir, "usr/bin/log"), "stream", "--style", "ndjson", "--predicate", `process == "kextd"`)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.Dir = "/"
	out, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	s.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewReader(out)
	next := func() string {
		s.t.Helper()
		line, err := lines.ReadString('\n')
		s.must(err)
		return strings.TrimSuffix(line, "\n")
	}
	if banner := next(); banner != `Filtering the log data using "process == "kextd""` {
		s.t.Errorf("banner %q", banner)
	}
	return next
}

// message checks a line of the log and returns its process and message.
func (s sim) message(line string, at time.Time) string {
	s.t.Helper()
	var fields map[string]any
	s.must(json.Unmarshal([]byte(line), &fields))
	for _, name := range []string{
		"timestamp", "machTimestamp", "timezoneName", "eventType", "messageType", "eventMessage", "formatString", "subsystem", "category",
		"processImagePath", "processID", "processImageUUID", "senderImagePath", "senderImageUUID", "senderProgramCounter", "threadID",
		"activityIdentifier", "parentActivityIdentifier", "traceID", "bootUUID", "source",
	} {
		if _, ok := fields[name]; !ok {
			s.t.Errorf("no %s in %s", name, line)
		}
	}
	logged, err := time.Parse("2006-01-02 15:04:05.000000-0700", fields["timestamp"].(string))
	if err != nil || !logged.Equal(at) {
		s.t.Errorf("logged at %v, %v, want %v", logged, err, at)
	}
	if strings.Contains(strings.ReplaceAll(line, `\/`, ""), "/") {
		s.t.Errorf("a slash that is not escaped: %s", line)
	}
	process := fields["processImagePath"].(string)
	return process[strings.LastIndex(process, "/")+1:] + ": " + fields["eventMessage"].(string)
}

func (s sim) messages(next func() string, at time.Time, want ...string) {
	s.t.Helper()
	for _, w := range want {
		if got := s.message(next(), at); !strings.HasPrefix(got, w) {
			s.t.Errorf("logged %q\nwant   %q", got, w)
		}
	}
}

func TestLogOfEarlierMacOS(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"})
	s.must(s.AttemptKext("com.parallels.kext.vnic", t0)) // before somebody follows
	next := s.followLog()
	s.must(s.AttemptKext("com.parallels.kext.hypervisor", minutes(1)))
	s.messages(next, minutes(1), `kextd: Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///Library/StagedExtensions/Applications/Parallels%20Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext/", ID = "com.parallels.kext.hypervisor" }`)
	s.must(s.Allow(minutes(2))) // says nothing
	s.must(s.Load(minutes(2)))
	s.must(s.Restart(minutes(3)))
	s.must(s.UpdateMacOS("12.7.6", minutes(9)))
	s.must(s.AttemptKext("com.parallels.kext.vnic", minutes(10)))
	s.messages(next, minutes(9).Add(3*time.Second), "kernelmanagerd: com.parallels.kext.hypervisor exists in Optional(file:///Applications/Parallels%20Desktop.app/Contents/",
		"kernelmanagerd: com.parallels.kext.usbconnect", "kernelmanagerd: com.parallels.kext.netbridge", "kernelmanagerd: com.parallels.kext.vnic")
	s.messages(next, minutes(10), "syspolicyd: canLoad", "syspolicyd: Kernel Extension ALLOWED")
}

func TestLogOfLaterMacOS(t *testing.T) {
	const (
		vnic    = "com.parallels.kext.vnic"
		kext    = "Kext (4C6364ACXT, " + vnic + ") version: "
		refused = "kernelmanagerd: failed to load/rebuild extensions: Extension with identifiers " + vnic + " not approved to load. Please approve using System Settings."
	)
	s := newSim(t, simmac.Options{MacOS: "15.2", Parallels: "18.1.1"})
	next := s.followLog()
	s.must(s.AttemptKext(vnic, t0))
	s.messages(next, t0, "syspolicyd: canLoadKernelExtension - direct, evaluate, "+kext, "syspolicyd: Kernel Extension BLOCKED: "+kext, refused)
	s.must(s.Allow(minutes(1)))
	s.messages(next, minutes(1), "kernelmanagerd: auxkc build requires reboot, calling out to syspolicyd")
	s.must(s.AttemptKext(vnic, minutes(2)))
	s.messages(next, minutes(2), "syspolicyd: canLoadKernelExtension", "syspolicyd: Kernel Extension ALLOWED: "+kext,
		"kmutil: kmutil encountered error (28): Loading extension(s): "+vnic+" requires a reboot")
	s.must(s.UpdateParallels("19.4.3", minutes(3)))
	s.must(s.AttemptKext(vnic, minutes(4)))
	s.messages(next, minutes(4), "syspolicyd: canLoadKernelExtension", "syspolicyd: Kernel Extension ALLOWED: "+kext, "syspolicyd: Triggered kext upgrade: "+kext, refused)
}

// The code that reads the log of a real Mac reads this one.
func TestFollowLog(t *testing.T) {
	for macOS, want := range map[string]probe.Attempt{
		"10.13.6": {BundleID: "com.parallels.kext.vnic", From: probe.FromLog, Outcome: probe.Refused},
		"26.2":    {TeamID: "4C6364ACXT", BundleID: "com.parallels.kext.vnic", From: probe.FromLog, Outcome: probe.Refused},
	} {
		t.Run(macOS, func(t *testing.T) {
			s := newSim(t, simmac.Options{MacOS: macOS, Parallels: "16.5.1"})
			f := follow(t, s.dir)
			found := func(a probe.Attempt) bool {
				hash := want.TeamID == "" || len(a.CDHash) == 40
				a.At, a.CDHash = time.Time{}, ""
				return a == want && hash
			}
			for late := time.Now().Add(30 * time.Second); !slices.ContainsFunc(f.Attempts(), found); {
				if time.Now().After(late) {
					t.Fatalf("followed nothing: %+v", f.Attempts())
				}
				s.must(s.AttemptKext(want.BundleID, t0)) // the tool may not have begun
			}
		})
	}
}

// The log tool shows what was logged in the last minutes, and then how much that was.
func TestShowLog(t *testing.T) {
	const vnic = "com.parallels.kext.vnic"
	s := newSim(t, simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7"})
	now := time.Now()
	s.must(s.LogRefusal(probe.Excluded, vnic, now.Add(-3*time.Minute)))
	s.must(s.LogRefusal(probe.BadOwnership, vnic, now.Add(-time.Minute)))
	s.must(s.LogRefusal(probe.BadSignature, vnic, now))
	out, _, _ := s.run("usr/bin/log", "show", "--style", "ndjson", "--last", "2m", "--predicate", "x")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 3 || lines[2] != `{"count":2,"finished":1}` {
		t.Fatalf("%d lines: %s", len(lines), out)
	}
	for i, want := range []string{"Invalid ownership", "Bad code signature"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%s: no %s", lines[i], want)
		}
	}
}

// The code that reads the log of a real Mac reads what was logged before it started.
func TestFollowPast(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7"})
	s.must(s.LogRefusal(probe.Excluded, "", time.Now()))
	f := follow(t, s.dir)
	for len(f.Attempts()) == 0 {
		select {
		case <-f.Hints():
		case <-time.After(30 * time.Second):
			t.Fatal("read nothing")
		}
	}
	if got := f.Attempts(); len(got) != 1 || got[0].Outcome != probe.Excluded {
		t.Errorf("%+v", got)
	}
}

// The code that reads the log of a real Mac reads each refusal. Two of them are known
// for one generation of macOS only.
func TestFollowRefusals(t *testing.T) {
	const vnic = "com.parallels.kext.vnic"
	for _, macOS := range []string{"10.15.7", "12.7.6"} {
		s := newSim(t, simmac.Options{MacOS: macOS, Parallels: "16.5.1"})
		f := follow(t, s.dir)
		for _, kind := range slices.Concat([]probe.Outcome{probe.Refused, probe.Upgrade, probe.NeedsRestart}, probe.Failures) {
			if !strings.Contains(simmac.RefusalKinds, string(kind)) {
				t.Errorf("%q is not listed", kind)
			}
			unknown := macOS[:2] == "10" && (kind == probe.Upgrade || kind == probe.NeedsRestart) || macOS[:2] != "10" && kind == probe.InsecureLocation
			if unknown {
				if s.LogRefusal(kind, vnic, t0) == nil {
					t.Errorf("%s on macOS %s has an invented text", kind, macOS)
				}
				continue
			}
			found := func(a probe.Attempt) bool {
				return a.Outcome == kind && (a.BundleID == vnic || a.BundleID == "" && a.TeamID == probe.ParallelsTeamID)
			}
			for late := time.Now().Add(30 * time.Second); !slices.ContainsFunc(f.Attempts(), found); {
				if time.Now().After(late) {
					t.Fatalf("macOS %s, %s: %+v", macOS, kind, f.Attempts())
				}
				s.must(s.LogRefusal(kind, vnic, t0)) // the tool may not have begun
			}
		}
		for _, err := range []error{
			s.LogRefusal("", vnic, t0), s.LogRefusal(probe.Permitted, vnic, t0), s.LogRefusal(probe.Refused, "com example", t0),
			s.LogRefusal(probe.BadSignature, "/Library/Extensions/x.kext", t0),
		} {
			if err == nil {
				t.Error("no error for a log line that this macOS never writes")
			}
		}
	}
}

// The refusals of other vendors: kexts of the load history, kexts that this Mac does not
// have, and up to macOS 10.15 a path alone.
func TestLogOfOtherVendors(t *testing.T) {
	const place = "/Library/Application Support/VirtualBox/VBoxDrv.kext"
	s := newSim(t, simmac.Options{MacOS: "10.15.7"})
	next := s.followLog()
	s.must(s.LogRefusal(probe.Refused, "com.highpoint-tech.kext.HighPointRR", t0))
	s.messages(next, t0, `kextd: Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///Library/StagedExtensions/Library/Extensions/HighPointRR.kext/", ID = "com.highpoint-tech.kext.HighPointRR" }`)
	s.must(s.LogRefusal(probe.Refused, "org.virtualbox.kext.VBoxDrv", minutes(1)))
	s.messages(next, minutes(1), `kextd: Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///Library/StagedExtensions/Library/Extensions/VBoxDrv.kext/", ID = "org.virtualbox.kext.VBoxDrv" }`)
	for kind, words := range map[probe.Outcome]string{
		probe.Refused: "system policy prevents loading", probe.MissingDependency: "dependency resolution failure", probe.WrongArch: "requested architecture/executable not found",
	} {
		s.must(s.LogRefusal(kind, place, minutes(2)))
		s.messages(next, minutes(2), "kextload: "+place+" failed to load - (libkern/kext) "+words+"; check the system/kernel logs for errors or try kextutil(8).")
	}

	s = newSim(t, simmac.Options{MacOS: "26.2", Arch: probe.AppleSilicon})
	next = s.followLog()
	s.must(s.LogRefusal(probe.Refused, "io.macfuse.filesystems.macfuse.25", t0))
	s.messages(next, t0, `kmutil: Error Domain=KMErrorDomain Code=27 "Extension with identifiers io.macfuse.filesystems.macfuse.25 not approved to load. Please approve using System Settings."`)
	s.must(s.LogRefusal(probe.Upgrade, "io.macfuse.filesystems.macfuse.25", t0))
	s.messages(next, t0, `syspolicyd: Triggered kext upgrade: Kext ((null), io.macfuse.filesystems.macfuse.25) version: `)
	if s.LogRefusal(probe.Refused, place, t0) == nil {
		t.Error("macOS 26.2 logs a path")
	}
}

// The code that reads the log of a real Mac reads a path.
func TestFollowPath(t *testing.T) {
	const place = "/Library/Application Support/VirtualBox/VBoxDrv.kext"
	s := newSim(t, simmac.Options{MacOS: "10.13.6"})
	s.must(s.LogRefusal(probe.Refused, place, time.Now()))
	f := follow(t, s.dir)
	for len(f.Attempts()) == 0 {
		select {
		case <-f.Hints():
		case <-time.After(30 * time.Second):
			t.Fatal("read nothing")
		}
	}
	if got := f.Attempts(); len(got) != 1 || got[0].Outcome != probe.Refused || got[0].Path != place {
		t.Errorf("%+v", got)
	}
}

func TestLogOfStandardUser(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "15.2", Standard: true})
	s.check(
		call{"usr/bin/log stream --style ndjson", "", "log: Must be admin to run 'stream' command", 64},
		call{"usr/bin/log show --last 2m", "", "log: Must be admin to run 'show' command", 64},
	)
	f := follow(t, s.dir)
	for {
		if g, missing := f.Gap(); missing {
			if !strings.HasSuffix(g.Err, "Must be admin to run 'stream' command") {
				t.Errorf("%+v", g)
			}
			return
		}
		<-f.Hints()
	}
}

func TestLogTool(t *testing.T) {
	s := newSim(t, simmac.Options{})
	s.check(
		call{"usr/bin/log stream --style yaml", "", "log: this Mac's log only knows the style ndjson", 64},
		call{"usr/bin/log stream --colour", "", "log: Unrecognized option '--colour'", 64},
		call{"usr/bin/log stream --last 2m", "", "log: Unrecognized option '--last'", 64},
		call{"usr/bin/log show --style ndjson", "", "log: this Mac's log only shows the last minutes", 64},
		call{"usr/bin/log show --style ndjson --last 2m", `{"count":0,"finished":1}`, "", 0},
		call{"usr/bin/log erase", "", "log: Unknown subcommand 'erase'", 64},
	)
	if out, _, _ := s.run("usr/bin/log", "help", "stream"); !strings.Contains(out, "--style ( default | compact | json | ndjson | syslog )") {
		t.Errorf("help: %q", out)
	}
}

func follow(t *testing.T, dir string) *kextlog.Follower {
	f := kextlog.New(root.FS{Root: dir})
	ctx, cancel := context.WithCancel(t.Context())
	go f.Run(ctx)
	t.Cleanup(func() {
		cancel()
		for range f.Hints() {
		}
	})
	f.Want(true)
	return f
}
