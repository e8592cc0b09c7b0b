package simmac_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// run runs one of the Mac's tools.
func (s sim) run(tool string, args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(filepath.Join(s.dir, tool), args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%s: %v", tool, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

type call struct {
	line           string // tool and arguments
	stdout, stderr string // whole, without the last newline
	code           int
}

func (s sim) check(calls ...call) {
	s.t.Helper()
	for _, c := range calls {
		fields := strings.Fields(c.line)
		stdout, stderr, code := s.run(fields[0], fields[1:]...)
		if strings.TrimSuffix(stdout, "\n") != c.stdout || strings.TrimSuffix(stderr, "\n") != c.stderr || code != c.code {
			s.t.Errorf("%s\n got %q, %q, exit %d\nwant %q, %q, exit %d", c.line, stdout, stderr, code, c.stdout, c.stderr, c.code)
		}
	}
}

func TestSysctl(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7"})
	uuid, _, _ := s.run("usr/sbin/sysctl", "-n", "kern.bootsessionuuid")
	uuid = strings.TrimSpace(uuid)
	if !regexp.MustCompile(`^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`).MatchString(uuid) {
		t.Errorf("kern.bootsessionuuid: %q", uuid)
	}
	boot := fmt.Sprintf("{ sec = %d, usec = 0 } Wed May  6 05:00:00 2026", t0.Unix())
	s.check(
		call{"usr/sbin/sysctl kern.boottime", "kern.boottime: " + boot, "", 0},
		call{"usr/sbin/sysctl -n kern.boottime kern.bootsessionuuid kern.osversion", boot + "\n" + uuid + "\n19H2026", "", 0},
		call{"usr/sbin/sysctl -n hw.optional.arm64", "", "sysctl: unknown oid 'hw.optional.arm64'", 1},
		call{"usr/sbin/sysctl kern.* kern.ostype", "kern.ostype: Darwin", "sysctl: unknown oid 'kern.*'", 1},
	)
	s.must(s.Restart(minutes(60)))
	if again, _, _ := s.run("usr/sbin/sysctl", "-n", "kern.bootsessionuuid"); strings.TrimSpace(again) == uuid {
		t.Error("the boot session survived a restart")
	}
	s.check(call{"usr/sbin/sysctl -n kern.boottime", fmt.Sprintf("{ sec = %d, usec = 0 } Wed May  6 06:00:00 2026", minutes(60).Unix()), "", 0})

	silicon := newSim(t, simmac.Options{MacOS: "15.2", Arch: probe.AppleSilicon})
	silicon.check(call{"usr/sbin/sysctl -n hw.optional.arm64 hw.machine kern.osproductversion", "1\narm64\n15.2", "", 0})
}

const kextHeader = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>"

func TestKextTables(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"})
	s.must(s.Attempt(t0))
	s.must(s.Allow(t0))
	s.must(s.Load(t0))
	if _, err := os.Stat(s.dir + "/usr/bin/kmutil"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("kmutil on 10.15: %v", err)
	}
	out, _, _ := s.run("usr/sbin/kextstat")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	row := regexp.MustCompile(`^ {4}\d {1,4}\d+ 0 +0\S* +0\S* +com\.\S+ \([^()]+\) [0-9A-F-]{36} <[ 0-9]*>$`)
	if lines[0] != kextHeader || len(lines) != 9 {
		t.Errorf("kextstat printed %d lines:\n%s", len(lines), out)
	}
	for _, line := range lines[1:] {
		if !row.MatchString(line) {
			t.Errorf("no line of kextstat: %q", line)
		}
	}
	out, _, _ = s.run("usr/sbin/kextstat", "-l", "-b", "com.parallels.kext.vnic")
	if strings.Count(out, "\n") != 1 || !strings.Contains(out, " com.parallels.kext.vnic (16.5.1 49187) ") {
		t.Errorf("kextstat -l -b: %q", out)
	}

	s.must(s.UpdateMacOS("11.7.10", minutes(9)))
	kmutil, noise, code := s.run("usr/bin/kmutil", "showloaded")
	if code != 0 || noise != "No variant specified, falling back to release\n" || !strings.HasPrefix(kmutil, kextHeader+"\n") {
		t.Errorf("kmutil: exit %d, %q, %q", code, noise, kmutil)
	}
	kextstat, noise, _ := s.run("usr/sbin/kextstat")
	if kextstat != kmutil || noise != "Executing: /usr/bin/kmutil showloaded\nNo variant specified, falling back to release\n" {
		t.Errorf("kextstat on 11: %q, %q", noise, kextstat)
	}
	out, _, _ = s.run("usr/bin/kmutil", "showloaded", "--list-only", "--bundle-identifier", "com.parallels.kext")
	if out != "" {
		t.Errorf("part of a bundle id found %q", out)
	}
	aux := []string{"showloaded", "--show", "all", "--collection", "aux", "--list-only"}
	s.must(s.SetCollection("com.example.other", true))
	s.must(s.Restart(minutes(10)))
	s.must(s.Unload())
	out, _, _ = s.run("usr/bin/kmutil", aux...)
	if strings.Count(out, "\n") != 5 || !strings.Contains(out, " com.parallels.kext.vnic (16.5.1 49187) ") || !strings.Contains(out, " com.example.other (1.0) ") {
		t.Errorf("auxiliary collection:\n%s", out)
	}
	if out, _, _ := s.run("usr/bin/kmutil", "showloaded"); strings.Contains(out, "parallels") || !strings.Contains(out, "com.example.other") {
		t.Errorf("loaded:\n%s", out)
	}
	s.must(s.SetCollection("com.parallels.kext.vnic", false))
	if out, _, _ := s.run("usr/bin/kmutil", aux...); strings.Contains(out, "vnic") {
		t.Errorf("auxiliary collection without vnic:\n%s", out)
	}
	if _, _, code := s.run("usr/bin/kmutil", "showloaded", "--collection", "boot"); code != 64 {
		t.Errorf("another collection: exit %d", code)
	}
	if _, _, code := s.run("usr/bin/kmutil", "trigger-panic-medic"); code != 64 {
		t.Errorf("kmutil trigger-panic-medic: exit %d", code)
	}
}

func TestLaunchctl(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "13.7.2"})
	const label = "io.kextwatch.agent"
	head := `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "">`
	body := `<plist version="1.0"><dict><key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict><key>Label</key><string>` + label +
		`</string><key>ProgramArguments</key><array><string>/opt/Ada&#39;s &#34;tools&#34; &amp;amp; co/kextwatch</string><string>run</string></array></dict></plist>`
	agents := "/Users/me/Library/LaunchAgents/"
	s.must(os.WriteFile(s.dir+agents+label+".plist", []byte(head+body), 0o644))
	s.must(os.WriteFile(s.dir+agents+"bad.plist", []byte(`{"Label":"x"}`), 0o644))
	plist := agents + label + ".plist"
	unknown := `Could not find service "` + label + `" in domain for user gui: 501`
	const launchctl = "bin/launchctl "
	s.check(
		call{launchctl + "print gui/501/" + label, "", unknown, 113},
		call{launchctl + "kickstart -k gui/501/" + label, "", unknown, 113},
		call{launchctl + "bootout gui/501/" + label, "", "Boot-out failed: 3: No such process", 3},
		call{launchctl + "bootstrap gui/501 " + agents + "none.plist", "", "Bootstrap failed: 5: Input/output error", 5},
		call{launchctl + "bootstrap gui/501 " + agents + "bad.plist", "", "Bootstrap failed: 5: Input/output error", 5},
		call{launchctl + "bootstrap console " + plist, "", "Bootstrap failed: 125: Domain does not support specified action", 125},
		call{launchctl + "bootstrap gui/501 " + plist, "", "", 0},
		call{launchctl + "bootstrap gui/501 " + plist, "", "Bootstrap failed: 5: Input/output error", 5},
		call{launchctl + "kickstart gui/501/" + label, "", "", 0},
		call{launchctl + "kickstart -k gui/501/" + label, "", "", 0},
		call{launchctl + "print gui/502/" + label, "", strings.Replace(unknown, "501", "502", 1), 113},
		call{launchctl + "print gui/501", "gui/501 = {\n\ttype = login\n}", "", 0},
		call{launchctl + "wait", "", "Unrecognized subcommand: wait", 64},
	)
	out, _, code := s.run("bin/launchctl", "print", "gui/501/"+label)
	lines := strings.Split(out, "\n")
	if code != 0 || lines[0] != "gui/501/"+label+" = {" || lines[len(lines)-2] != "}" {
		t.Errorf("print: exit %d, %q", code, out)
	}
	for _, want := range []string{
		"\tstate = running", "\tpid = 4242", "\tpath = " + plist, "\tlast exit code = (never exited)",
		"\tprogram = /opt/Ada's \"tools\" &amp; co/kextwatch",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("print has no line %q:\n%s", want, out)
		}
	}
	s.check(
		call{launchctl + "bootout gui/501/" + label, "", "", 0},
		call{launchctl + "print gui/501/" + label, "", unknown, 113},
	)

	// A path of this machine, a job of the system, bootout by property list.
	path := s.dir + plist
	if out, errs, code := s.run("bin/launchctl", "bootstrap", "system", path); code != 0 {
		t.Errorf("bootstrap system: exit %d, %q, %q", code, out, errs)
	}
	if out, _, _ := s.run("bin/launchctl", "print", "system/"+label); !strings.Contains(out, "\tpath = "+path+"\n") {
		t.Errorf("print system: %q", out)
	}
	if _, errs, code := s.run("bin/launchctl", "bootout", "system", path); code != 0 {
		t.Errorf("bootout system: exit %d, %q", code, errs)
	}
	s.check(call{launchctl + "print system/" + label, "", `Could not find service "` + label + `" in domain for system`, 113})
}

func TestOpened(t *testing.T) {
	s := newSim(t, simmac.Options{})
	if opened, err := s.Opened(); err != nil || len(opened) != 0 {
		t.Errorf("a fresh Mac: %q, %v", opened, err)
	}
	const pane = "x-apple.systempreferences:com.apple.preference.security?General"
	s.check(
		call{"usr/bin/open " + pane, "", "", 0},
		call{"usr/bin/open -b com.parallels.desktop.console", "", "", 0},
	)
	if opened, err := s.Opened(); err != nil || !slices.Equal(opened, []string{pane, "-b com.parallels.desktop.console"}) {
		t.Errorf("opened %q, %v", opened, err)
	}
}

// kextload and kmutil refuse a kext until the user allows it. From macOS 11 it then needs a
// restart.
func TestLoads(t *testing.T) {
	for _, tt := range []struct {
		macOS, refused string
		allowed        int
	}{
		{"10.15.7", "failed to load - (libkern/kext) system policy prevents loading", 0},
		{"12.7.6", `Code=27 "Extension with identifiers io.macfuse.filesystems.macfuse.25 not approved to load. Please approve using System Preferences."`, 28},
		{"15.7.2", `Please approve using System Settings."`, 28},
	} {
		s := newSim(t, simmac.Options{MacOS: tt.macOS})
		k := simmac.MacFUSE()
		s.must(s.AddKext(k))
		s.must(s.AttemptKext(k.ID, minutes(1)))
		commands := [][]string{{"sbin/kextload", k.Path}}
		if tt.allowed == 28 {
			commands = append(commands, []string{"usr/bin/kmutil", "load", "-p", k.Path})
		}
		for _, c := range commands {
			if _, errs, code := s.run(c[0], c[1:]...); code != 27 || !strings.Contains(errs, tt.refused) {
				t.Errorf("macOS %s, %s: exit %d, %q; want 27 and %q", tt.macOS, c[0], code, errs, tt.refused)
			}
		}
		if _, _, code := s.run("sbin/kextload", "/Library/Extensions/other.kext"); code != 71 {
			t.Errorf("macOS %s: exit %d for another path", tt.macOS, code)
		}
		s.must(s.AllowKext(k.ID, minutes(2)))
		for _, c := range commands {
			if _, errs, code := s.run(c[0], c[1:]...); code != tt.allowed {
				t.Errorf("macOS %s, %s: exit %d, %q; want %d after the approval", tt.macOS, c[0], code, errs, tt.allowed)
			}
		}
	}
}

func TestClipboard(t *testing.T) {
	s := newSim(t, simmac.Options{})
	if text, err := s.Clipboard(); err != nil || text != "" {
		t.Errorf("a fresh Mac: %q, %v", text, err)
	}
	for locale, want := range map[string]string{"LC_CTYPE=UTF-8": "“a”\n", "LC_ALL=C": "???a???\n"} {
		cmd := exec.Command(filepath.Join(s.dir, "usr/bin/pbcopy"))
		cmd.Env, cmd.Stdin = []string{locale, "PATH=/usr/bin:/bin"}, strings.NewReader("“a”\n")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if text, err := s.Clipboard(); err != nil || text != want {
			t.Errorf("%s: copied %q, %v, want %q", locale, text, err, want)
		}
	}
}

func TestSmallTools(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "26.2"})
	s.check(
		call{"usr/bin/csrutil status", "System Integrity Protection status: enabled.", "", 0},
		call{"usr/sbin/spctl kext-consent status", "Kernel Extension User Consent: ENABLED", "", 0},
		call{"usr/sbin/spctl kext-consent list", "spctl: no kext consent configuration found.", "", 0},
		call{"usr/sbin/spctl kext-consent add 4C6364ACXT", "", "spctl: failed to store new configuration.", 1},
		call{"usr/bin/sw_vers", "ProductName:\tmacOS\nProductVersion:\t26.2\nBuildVersion:\t25C56", "", 0},
		call{"usr/bin/sw_vers -productVersion", "26.2", "", 0},
		call{"usr/bin/sw_vers -buildVersion", "25C56", "", 0},
		call{"usr/bin/sw_vers -productVersionExtra", "", "", 0},
		call{"usr/bin/osascript -e beep", "", "", 0},
	)
	said, err := os.ReadFile(s.dir + "/private/var/db/kextwatch-sim/osascript")
	if err != nil || string(said) != "-e beep\n" {
		t.Errorf("osascript noted %q, %v", said, err)
	}
}
