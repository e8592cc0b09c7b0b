package kextlog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
)

const (
	policyDaemon  = "/usr/libexec/syspolicyd"
	kextSubsystem = "com.apple.syspolicy.kext"
	testHash      = "c995300bc995300bc995300bc995300bc995300b"
)

// logged returns a line as log(1) prints it, with all fields.
func logged(process, subsystem, message string) string {
	text, _ := json.Marshal(message)
	return fmt.Sprintf(`{"traceID":18446744073709551615,"eventMessage":%s,"eventType":"logEvent","source":null,"formatString":"%%{public}s",`+
		`"activityIdentifier":0,"subsystem":"%s","category":"default","threadID":5174,"senderImageUUID":"7BD644E2-74AB-4310-8E56-D7CE28DC8CDB",`+
		`"backtrace":{"frames":[{"imageOffset":79292,"imageUUID":"7BD644E2-74AB-4310-8E56-D7CE28DC8CDB"}]},"bootUUID":"","processImagePath":"%s",`+
		`"timestamp":"2026-07-02 01:14:10.348728+0300","senderImagePath":"%[3]s","machTimestamp":9223372036854775809,"messageType":"Default",`+
		`"processImageUUID":"7BD644E2-74AB-4310-8E56-D7CE28DC8CDB","processID":262,"senderProgramCounter":79292,"parentActivityIdentifier":0,"timezoneName":""}`,
		text, subsystem, strings.ReplaceAll(process, "/", `\/`))
}

// TestParseLogLine has an example of every known form, taken from public logs, and
// lines that must not be accepted.
func TestParseLogLine(t *testing.T) {
	const (
		manager = "/usr/libexec/kernelmanagerd"
		vnic    = "com.parallels.kext.vnic"
		wifi    = "com.zxystd.AirportItlwm"
		staged  = `URL = "file:///Library/StagedExtensions/Applications/Parallels%20Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext/"`
		inApp   = "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext"
		refused = " failed to load - (libkern/kext) system policy prevents loading; check the system/kernel logs for errors or try kextutil(8)."
	)
	parallels := probe.Attempt{TeamID: "4C6364ACXT", BundleID: vnic, CDHash: testHash}
	tests := []struct {
		name, process, subsystem, message string
		want                              []string
	}{
		// syspolicyd, macOS 11 to 26
		{"evaluated", policyDaemon, kextSubsystem, "canLoadKernelExtension - direct, evaluate, Kext (4C6364ACXT, " + vnic + ") version: " + testHash, outcomeOf(parallels, probe.Tried)},
		{"blocked", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: " + testHash, outcomeOf(parallels, probe.Refused)},
		{"allowed", policyDaemon, kextSubsystem, "Kernel Extension ALLOWED: Kext (4C6364ACXT, " + vnic + ") version: " + testHash, outcomeOf(parallels, probe.Permitted)},
		{"upgrade", policyDaemon, kextSubsystem, "Triggered kext upgrade: Kext (4C6364ACXT, " + vnic + ") version: " + testHash, outcomeOf(parallels, probe.Upgrade)},
		{"unsigned", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext ((null), " + wifi + ") version: " + testHash, outcomeOf(probe.Attempt{BundleID: wifi, CDHash: testHash}, probe.Refused)},
		{"no hash", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: (null)", outcomeOf(probe.Attempt{TeamID: "4C6364ACXT", BundleID: vnic}, probe.Refused)},
		{"hash in capitals", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: " + strings.ToUpper(testHash), outcomeOf(parallels, probe.Refused)},
		{"hash of another length", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: " + testHash + "00", outcomeOf(probe.Attempt{TeamID: "4C6364ACXT", BundleID: vnic}, probe.Refused)},
		{"several lines", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: " + testHash + "\nKernel Extension ALLOWED: Kext ((null), " + wifi + ") version: x",
			append(outcomeOf(parallels, probe.Refused), outcomeOf(probe.Attempt{BundleID: wifi}, probe.Permitted)...)},
		{"Apple's team", policyDaemon, kextSubsystem, "Kernel Extension ALLOWED: Kext (Apple Software, com.example.rvi) version: " + testHash, nil},
		{"Apple's extension", policyDaemon, kextSubsystem, "Kernel Extension ALLOWED: Kext ((null), com.Apple.nke.rvi) version: " + testHash, nil},
		{"no bundle ID", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, ) version: " + testHash, nil},
		{"not the form of a bundle ID", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, com.evil/../../x) version: " + testHash, nil},
		{"not the form of a team", policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACX, " + vnic + ") version: " + testHash, nil},
		{"alert held back", policyDaemon, kextSubsystem, "Holding work until alerts available: <private>", nil},
		{"quoted within", policyDaemon, kextSubsystem, `no file "Kernel Extension BLOCKED: Kext (4C6364ACXT, ` + vnic + `) version: ` + testHash, nil},
		{"another subsystem", policyDaemon, "com.apple.syspolicy", "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: " + testHash, nil},
		{"another program", "/tmp/usr/libexec/syspolicyd", kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, " + vnic + ") version: " + testHash, nil},
		{"syspolicyd cannot refuse as kmutil does", policyDaemon, kextSubsystem, "Extension with identifiers " + vnic + " not approved to load.", nil},

		// kernelmanagerd and kmutil, macOS 11 to 26
		{"not approved", manager, "", "failed to load/rebuild extensions: Extension with identifiers com.apple.nke.rvi," + vnic + "," + wifi + " not approved to load. Please approve using System Settings.",
			append(outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused), outcomeOf(probe.Attempt{BundleID: wifi}, probe.Refused)...)},
		{"not approved, macOS 12", manager, "", "failed to load/rebuild extensions: Extension with identifiers " + vnic + " not approved to load. Please approve using System Preferences.", outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"rebuild", manager, "", "library rebuild request failed: Extension with identifiers " + vnic + " not approved to load. Please approve using System Settings.", outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"kmutil", "/usr/bin/kmutil", "", "kmutil encountered error (27): Extension with identifiers " + vnic + " not approved to load. Please approve using System Settings.", outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"error domain, twice in one", "/usr/bin/kmutil", "", `(KernelManagement) Remote encountered error: Error Domain=KMErrorDomain Code=27 "Extension with identifiers ` + vnic + ` not approved to load. Please approve using System Settings." UserInfo={NSLocalizedDescription=Extension with identifiers ` + vnic + ` not approved to load. Please approve using System Settings.}`,
			outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"helper, several lines", "/usr/libexec/kernelmanager_helper", "com.apple.kernelmanagerd.logging", "approval results:\n\tapprovalsRequiredFromSyspolicyd: true\nExtension with identifiers " + vnic + ", " + wifi + " not approved to load.",
			append(outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused), outcomeOf(probe.Attempt{BundleID: wifi}, probe.Refused)...)},
		{"reboot", "/usr/bin/kmutil", "", "Loading extension(s): " + vnic + " requires a reboot", outcomeOf(probe.Attempt{BundleID: vnic}, probe.NeedsRestart)},
		{"reboot, in an error", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=28 "Loading extension(s): ` + vnic + `,` + wifi + ` requires a reboot" UserInfo={}`,
			append(outcomeOf(probe.Attempt{BundleID: vnic}, probe.NeedsRestart), outcomeOf(probe.Attempt{BundleID: wifi}, probe.NeedsRestart)...)},
		{"other errors", "/usr/bin/kmutil", "", "kmutil encountered error (71): no KDK", nil},
		{"load notification", manager, "", "Received kext load notification: " + vnic, nil},
		{"loaded at boot", manager, "", vnic + " exists in Optional(file:///Applications/x.kext), telling kernel to mark as available", nil},
		{"SQLite's noise", manager, "com.apple.libsqlite3", "cannot open file at line 46922 of [554764a6e7]", nil},

		// kextd and kextload, macOS 10.13 to 10.15
		{"kextd", "/usr/libexec/kextd", "", "Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { " + staged + `, ID = "` + vnic + `" }`, outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"kextd, Apple's", "/usr/libexec/kextd", "", `Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///x.kext/", ID = "com.apple.x" }`, nil},
		{"kextd, no ID", "/usr/libexec/kextd", "", `Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///x.kext/", ID = "" }`, nil},
		{"kextd, security checks", "/usr/libexec/kextd", "", inApp + " failed security checks; failing.", nil},
		{"kextload, Parallels' path", "/sbin/kextload", "", inApp + refused, outcomeOf(probe.Attempt{TeamID: "4C6364ACXT"}, probe.Refused)},
		{"kextload, staged path", "/sbin/kextload", "", "/Library/StagedExtensions" + inApp + refused, outcomeOf(probe.Attempt{TeamID: "4C6364ACXT"}, probe.Refused)},
		{"kextload, bundle ID", "/sbin/kextload", "", vnic + refused, outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"kextload, another path", "/sbin/kextload", "", "/Library/Extensions/x.kext" + refused, nil},
		{"kextutil", "/usr/bin/kextutil", "", "System policy prevents loading the kernel extension.", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, a := range parseLogLine([]byte(logged(tt.process, tt.subsystem, tt.message))) {
				if at := time.Date(2026, 7, 1, 22, 14, 10, 348728000, time.UTC); !a.At.Equal(at) || a.At.Location() != time.UTC || a.From != probe.FromLog {
					t.Errorf("at %v from %q", a.At, a.From)
				}
				got = append(got, outcomeOf(a, a.Outcome)...)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func outcomeOf(a probe.Attempt, outcome probe.Outcome) []string {
	return []string{fmt.Sprintf("%s|%s|%s|%s", a.TeamID, a.BundleID, a.CDHash, outcome)}
}

func TestParseLogLineSkips(t *testing.T) {
	good := logged(policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: "+testHash)
	if len(parseLogLine([]byte(good))) != 1 {
		t.Fatal("the valid line, which is changed below, shows no attempt")
	}
	for name, line := range map[string]string{
		"nothing":           "",
		"blank":             "  ",
		"banner":            `Filtering the log data using "process == \"syspolicyd\""`,
		"end of log show":   `{"count":7,"finished":1}`,
		"cut off":           good[:len(good)-9],
		"not an object":     "[" + good + "]",
		"two objects":       good + good,
		"no time":           strings.Replace(good, "2026-07-02 01:14:10.348728+0300", "", 1),
		"another time":      strings.Replace(good, "01:14:10.348728+0300", "01:14:10", 1),
		"time is a number":  strings.Replace(good, `"2026-07-02 01:14:10.348728+0300"`, "1782944050", 1),
		"message is a list": strings.Replace(good, `"eventMessage":`, `"eventMessage":[],"x":`, 1),
	} {
		if got := parseLogLine([]byte(line)); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestParseLogLineNamesFew(t *testing.T) {
	var ids []string
	for i := range 5000 {
		ids = append(ids, fmt.Sprint("a.", i))
	}
	line := logged("/usr/bin/kmutil", "", "Extension with identifiers "+strings.Join(ids, ",")+" not approved to load.")
	if got := parseLogLine([]byte(line)); len(got) != namedLimit {
		t.Errorf("%d attempts", len(got))
	}
}

// FuzzParseLogLine checks that a line gives few attempts, each with a time and a
// valid bundle ID that is not Apple's.
func FuzzParseLogLine(f *testing.F) {
	for _, message := range []string{
		"Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: " + testHash,
		"Extension with identifiers a.b,c.d not approved to load. Please approve using System Settings.",
		"Loading extension(s): a.b requires a reboot",
		`Kext rejected due to system policy: <OSKext 0x1 [0x2]> { URL = "file:///", ID = "a.b" }`,
		"/Applications/Parallels Desktop.app/x failed to load - (libkern/kext) system policy prevents loading; check",
	} {
		for _, process := range []string{policyDaemon, "/usr/bin/kmutil", "/usr/libexec/kextd"} {
			f.Add([]byte(logged(process, kextSubsystem, message)))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		found := parseLogLine(line)
		if len(found) > namedLimit {
			t.Errorf("%d attempts", len(found))
		}
		for _, a := range found {
			whole := a.BundleID == "" && a.TeamID == probe.ParallelsTeamID
			if a.At.IsZero() || a.From != probe.FromLog || !whole && !probe.IsBundleID(a.BundleID) ||
				strings.HasPrefix(a.BundleID, "com.apple.") || a.CDHash != "" && len(a.CDHash) != 40 {
				t.Errorf("%+v", a)
			}
		}
	})
}

func BenchmarkParseLogLine(b *testing.B) {
	for name, line := range map[string]string{
		"attempt": logged(policyDaemon, kextSubsystem, "Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: "+testHash),
		"rubbish": logged("/usr/libexec/kernelmanagerd", "", strings.Repeat("Received kext load notification: com.example.x; ", 4)),
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(line)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				parseLogLine(data)
			}
		})
	}
}
