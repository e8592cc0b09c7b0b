package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/cli"
	"kextwatch/probe/root"
)

// asking asks a simulated Mac.
func asking(dir string, uid int, env map[string]string) (*factCommand, *bytes.Buffer) {
	var stderr bytes.Buffer
	t := &target{mac: root.FS{Root: dir, UID: uid}, env: func(name string) string { return env[name] }}
	return &factCommand{t, cli.Output{Stderr: &stderr}}, &stderr
}

func addTool(t *testing.T, root, name, script string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) { // a link would be followed on this machine
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Owners of Macs paste the sheet into a public report. Every question has an answer,
// and the sheet contains none of their names.
func TestFactSheet(t *testing.T) {
	root, sim := simulated(t, "26.2")
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "Users/kowalski"), 0o755); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(root, "Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext/Contents/Info.plist")
	if err := os.Remove(damaged); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(damaged, 0o755); err != nil {
		t.Fatal(err)
	}
	addTool(t, root, "usr/bin/id", `case $1 in -un) echo lovelace;; -F) echo 'Ada Lovelace';; esac`)
	addTool(t, root, "usr/sbin/scutil", `[ "$2" = ComputerName ] && echo "Ada's MacBook" || echo analytical-engine`)
	addTool(t, root, "usr/sbin/ioreg", `echo '    "IOPlatformSerialNumber" = "QX7P2LH4TD"'`)
	addTool(t, root, "bin/ls", `echo "drwxr-xr-x@ 6 lovelace  wheel  restricted 192 $2"; printf '\tcom.apple.rootless\t10\n'`)
	addTool(t, root, "usr/sbin/system_profiler", `[ "$2" = -json ] || exit 1
printf '{\n  "SPDisabledSoftwareDataType" : [\n    { "_name" : "Ada Lovelace QX7P2LH4TD", "path" : "/Users/lovelace/x.kext" }\n  ]\n}\n'`)
	addTool(t, root, "usr/bin/systemextensionsctl", `printf '1 extension(s)\n--- com.apple.system_extension.network_extension (Go to System Settings)\nenabled\tactive\tteamID\n*\t*\tVBG97UB4TA\tcom.example.secret\n'`)
	addTool(t, root, "usr/bin/profiles", `printf 'secret payload\n    AllowUserOverrides = 1;\n'`)
	addTool(t, root, "usr/local/bin/prlctl", `cat <<'END'
[{"Name": "Windows 11 secret", "Optimization": {"Hypervisor type": "apple"}}, {"Name": "x", "Optimization": {"Hypervisor type": "parallels"}},
 {"Name": "y", "Optimization": {"Hypervisor type": "apple"}}, {"Optimization": {"Hypervisor type": "secret /Users/x"}}, {"Hypervisor type": 1}]
END`)
	t.Setenv("TMPDIR", t.TempDir())
	facts, stderr := asking(root, 501, map[string]string{"USER": "lovelace", "SUDO_USER": "babbage"})
	sheet, err := facts.sheet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"as an ordinary user", "\n## Which Mac is this?\n\n    $ /usr/bin/sw_vers\n    ProductName: macOS\n",
		"    kern.osversion: 25C56\n", "    kern.bootsessionuuid: <uuid>\n",
		"/var/db/SystemPolicyConfiguration: drwx", "KextPolicy-shm: ", "it holds: ", "6 <user>  wheel  restricted 192 /var/db", "    com.apple.rootless 10",
		"bytes 18 and 19 of the header are 2 and 2: a write-ahead log", "    deprecation_alert_history: path TEXT\n",
		"        0, 4: 4 rows\n", "com.parallels.kext.vnic: 0, 4\n", "0 rows, NULL in 0, empty in 0",
		`"_name" : "<user> <serial>", "path" : "/Users/<user>/x.kext"`,
		"--style ( default | compact | json | ndjson | syslog )", "permitted; its first line came after ",
		"--- com.apple.system_extension.network_extension (Go to System Settings)",
		"Kernel Extension User Consent: ENABLED", "AllowUserOverrides = 1;", "    2 lines in all", "this boot:\n        0 rows\n", "gui/501 = {", "yes, 4\n",
		"com.parallels.kext.hypervisor, CFBundleShortVersionString", `    "apple": 2`, `    "parallels": 1`, "<root>/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext/Contents/Info.plist is not a regular file",
		"(another text): 1", "(a float64): 1",
		"launchctl print system/com.parallels.desktop.launchdaemon", " s)\n",
	} {
		if !strings.Contains(sheet, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, secret := range []string{"secret", "lovelace", "Ada", "analytical", "kowalski", "babbage", "QX7P2LH4TD", root, os.TempDir()} {
		if strings.Contains(strings.ToLower(sheet), strings.ToLower(secret)) {
			t.Errorf("%q is in it", secret)
		}
	}
	if t.Failed() {
		t.Log(sheet)
	}
	if stderr.Len() > 0 && !strings.HasPrefix(stderr.String(), "kextwatch: ") {
		t.Errorf("stderr: %s", stderr)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// On an empty disk every question has a reason instead of an answer.
func TestFactSheetOfNothing(t *testing.T) {
	facts, _ := asking(t.TempDir(), 0, nil)
	sheet, err := facts.sheet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(sheet, "\n## "); n != 18 || strings.Contains(sheet, "\n\n\n") {
		t.Errorf("%d questions:\n%s", n, sheet)
	}
	for _, want := range []string{"as root", "sysctl: file does not exist", "error 2, no such file or directory", "Parallels Desktop is not installed"} {
		if !strings.Contains(sheet, want) {
			t.Errorf("no %q in\n%s", want, sheet)
		}
	}
}

func TestFactSheetIsCutShort(t *testing.T) {
	facts, _ := asking(t.TempDir(), 501, nil)
	ctx, cancel := context.WithCancel(t.Context())
	facts.env = func(string) string { // the last that is asked before the questions
		cancel()
		return ""
	}
	if sheet, err := facts.sheet(ctx); sheet != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", sheet, err)
	}
}

func TestSlowQuestionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		facts, stderr := asking("/", 501, nil)
		for took, want := range map[time.Duration]string{time.Millisecond: "", time.Minute: "kextwatch: Why?\n"} {
			stderr.Reset()
			got := askSlowly(t.Context(), facts.Output, "Why?", func(context.Context) []string {
				time.Sleep(took)
				return []string{"because"}
			})
			if len(got) != 1 || stderr.String() != want {
				t.Errorf("after %v: %q, said %q", took, got, stderr)
			}
		}
	})
}
