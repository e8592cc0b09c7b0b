package kextlog

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
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
		manager    = "/usr/libexec/kernelmanagerd"
		vnic       = "com.parallels.kext.vnic"
		wifi       = "com.zxystd.AirportItlwm"
		staged     = `URL = "file:///Library/StagedExtensions/Applications/Parallels%20Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext/"`
		inApp      = "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext"
		refused    = " failed to load - (libkern/kext) system policy prevents loading; check the system/kernel logs for errors or try kextutil(8)."
		virtualBox = "/Library/Application Support/VirtualBox/VBoxDrv.kext"
		kext       = "<OSKext 0x7fb85d528a40 [0x7fffa669baf0]> { " + staged + `, ID = "` + vnic + `" }`

		place       = "/private/var/db/KernelExtensionManagement/Staging/" + vnic + ".MpA3dj/prl_vnic.kext"
		bundle      = "Kext " + vnic + " v18.1.1 in executable kext bundle " + vnic + " at " + place
		excluded    = "In exclude list: " + bundle + " is in exclude list: inExcludeList"
		badlySigned = "Authenticating extension failed: " + bundle + ":\n\nAuthenticating extension failed: Bad code signature"
		badlyOwned  = "Validating extension failed: " + bundle + ":\n\nFilesystem error: Invalid ownership (502:20) should be (0:0) on " + place + "\nFilesystem error: Invalid ownership (502:20) should be (0:0) on " + place + "/Contents"
		missing     = "Unable to resolve dependencies: '" + vnic + "' names a dependency on 'com.apple.iokit.IOFireWireFamily', which was not found."
	)
	whole := probe.Attempt{TeamID: "4C6364ACXT"}
	at := func(place string, outcome probe.Outcome) []string {
		return outcomeOf(probe.Attempt{Path: place}, outcome)
	}
	failure := func(outcome probe.Outcome) []string { return outcomeOf(probe.Attempt{BundleID: vnic}, outcome) }
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

		// Refusals that no approval changes, macOS 11 to 26. The texts are from issues of
		// public projects, with the bundle ID and the path of another extension.
		{"exclude list: intel/haxm 346, macOS 11.1", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "` + excluded + `" UserInfo={NSLocalizedDescription=` + excluded + `}`, failure(probe.Excluded)},
		{"exclude list, kernelmanagerd", manager, "", "failed to load/rebuild extensions: " + excluded, failure(probe.Excluded)},
		{"not in the exclude list: utmapp/UTM 4026, macOS 12.3", manager, "com.apple.kernelmanagerd.logging", "At least one of the request extensions / bundled extensions " + vnic + " are NOT in the exclude list. Will do full resolution of load request\n\t" + bundle, nil},
		{"no boot collection: macfuse 976, macOS 13.6", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "Could not find: Unable to get contents of boot kernel collection collection at /System/Volumes/Preboot/x/kernelcache" UserInfo={}`, nil},
		{"not found: macfuse 1125, macOS 15.6.1", manager, "", "failed to load/rebuild extensions: Could not find: Extension with identifier 'com.apple.driver.AppleKIS' not found", nil},
		{"no executable: 360Controller 1139", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "Could not find: Executable for ` + bundle + ` not found" UserInfo={}`, nil},
		{"no privilege: EMU-driver 136", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "Insufficient permissions for action: Unable to load '` + vnic + `' in unprivileged request." UserInfo={}`, nil},
		{"in use", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "Kernel request failed: (libkern/kext) kext is in use or retained (cannot unload) (-603946984)" UserInfo={}`, nil},
		{"signature: SMCAMDProcessor 122, macOS 11", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=29 "` + badlySigned + `" UserInfo={NSLocalizedDescription=` + badlySigned + `}`, failure(probe.BadSignature)},
		{"authenticating, another reason", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=29 "Authenticating extension failed: ` + bundle + ":\n\nsomething else\" UserInfo={}", nil},
		{"owner: VoltageShift 65, macOS 11", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=30 "` + badlyOwned + `" UserInfo={NSLocalizedDescription=` + badlyOwned + `}`, failure(probe.BadOwnership)},
		{"owner and signature: a note on macOS 15", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=30 "` + badlyOwned + "\nAuthenticating extension failed: Bad code signature\" UserInfo={}", append(failure(probe.BadOwnership), failure(probe.BadSignature)...)},
		{"two invalid extensions", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=30 "` + badlySigned + "\n" + strings.ReplaceAll(badlyOwned, vnic, wifi) + `" UserInfo={}`,
			append(failure(probe.BadSignature), outcomeOf(probe.Attempt{BundleID: wifi}, probe.BadOwnership)...)},
		{"validating, another reason", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=30 "Validating extension failed: ` + bundle + ":\n\nCFBundleVersion must be a valid kext version\" UserInfo={}", nil},
		{"Apple's, invalid", manager, "", strings.ReplaceAll(badlySigned, vnic, "com.apple.x"), nil},
		{"dependency: Patched-Sur 493, macOS 11.3", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "` + missing + `" UserInfo={NSLocalizedDescription=` + missing + `}`, failure(probe.MissingDependency)},
		{"dependency of Apple's", "/usr/bin/kmutil", "", "Unable to resolve dependencies: 'com.apple.kext.AMD7000Controller' names a dependency on '" + vnic + "', which was not found.", nil},
		{"dependencies, none named: MyKextInstaller 7, macOS 26.5", "/usr/bin/kmutil", "", "Unable to resolve dependencies", nil},
		{"collection: Turbo-Boost-Switcher 168", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=31 "Error occurred while building a collection: in '/Library/x/` + vnic + `' missing __TEXT segment" UserInfo={}`, nil},
		{"processor: 360Controller 1139", "/usr/bin/kmutil", "", "Error Domain=KMErrorDomain Code=71 \"Incompatible architecture: Binary is for x86_64, but needed arch arm64e\nUnsupported Error: one or more extensions are unsupported to load \t" + bundle + `" UserInfo={}`, failure(probe.WrongArch)},
		{"processor: 360Controller 1273, macOS 14.1", "/usr/bin/kmutil", "", "Error Domain=KMErrorDomain Code=71 \"Incompatible architecture: Binary is for x86_64, but needed arch arm64e\nUnsupported Error: one or more extensions are unsupported to load: \t" + bundle + `" UserInfo={}`, failure(probe.WrongArch)},
		{"processor, no name: Thunderbolt3Unblocker 65", "/usr/bin/kmutil", "", `Error Domain=KMErrorDomain Code=71 "Incompatible architecture: Binary is for x86_64, but needed arch arm64e" UserInfo={}`, nil},
		{"unsupported for another reason", "/usr/bin/kmutil", "", "Unsupported Error: one or more extensions are unsupported to load \t" + bundle, nil},
		{"syspolicyd knows no exclude list", policyDaemon, kextSubsystem, excluded, nil},
		{"another program excludes", "/tmp/kmutil", "", excluded, nil},
		{"load notification", manager, "", "Received kext load notification: " + vnic, nil},
		{"loaded at boot", manager, "", vnic + " exists in Optional(file:///Applications/x.kext), telling kernel to mark as available", nil},
		{"SQLite's noise", manager, "com.apple.libsqlite3", "cannot open file at line 46922 of [554764a6e7]", nil},

		// kextd and kextload, macOS 10.13 to 10.15
		{"kextd", "/usr/libexec/kextd", "", "Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { " + staged + `, ID = "` + vnic + `" }`, outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"kextd, Apple's", "/usr/libexec/kextd", "", `Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///x.kext/", ID = "com.apple.x" }`, nil},
		{"kextd, no ID", "/usr/libexec/kextd", "", `Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "file:///x.kext/", ID = "" }`, nil},
		{"kextload, Parallels' path", "/sbin/kextload", "", inApp + refused, outcomeOf(probe.Attempt{TeamID: "4C6364ACXT"}, probe.Refused)},
		{"kextload, staged path", "/sbin/kextload", "", "/Library/StagedExtensions" + inApp + refused, outcomeOf(probe.Attempt{TeamID: "4C6364ACXT"}, probe.Refused)},
		{"kextload, at another place", "/sbin/kextload", "", "/Users/me/Applications/PD 17.app/Contents/Library/Extensions/10.9/prl_vnic.kext" + refused, outcomeOf(probe.Attempt{TeamID: "4C6364ACXT"}, probe.Refused)},
		{"kextload, another app", "/sbin/kextload", "", "/Applications/VMware Fusion.app/Contents/Library/kexts/vmmon.kext" + refused, at("/Applications/VMware Fusion.app/Contents/Library/kexts/vmmon.kext", probe.Refused)},
		{"kextload, not in an app", "/sbin/kextload", "", "/Library/Extensions/prl_vnic.kext" + refused, at("/Library/Extensions/prl_vnic.kext", probe.Refused)},
		{"kextload, VirtualBox", "/sbin/kextload", "", virtualBox + refused, at(virtualBox, probe.Refused)},
		{"kextload, VirtualBox, staged", "/sbin/kextload", "", "/Library/StagedExtensions" + virtualBox + refused, at(virtualBox, probe.Refused)},
		{"kextload, on the data volume", "/sbin/kextload", "", "/System/Volumes/Data" + virtualBox + refused, at(virtualBox, probe.Refused)},
		{"kextload, Apple's path", "/sbin/kextload", "", "/System/Library/Extensions/IOUSBFamily.kext" + refused, nil},
		{"kextload, in a Trash", "/sbin/kextload", "", "/Users/me/.Trash/VBoxDrv.kext" + refused, nil},
		{"kextload, on a disk image", "/sbin/kextload", "", "/Volumes/VirtualBox/VBoxDrv.kext" + refused, nil},
		{"kextload, no kext", "/sbin/kextload", "", "/Library/Extensions/x.app" + refused, nil},
		{"kextload, no name", "/sbin/kextload", "", "/Library/Extensions/.kext" + refused, nil},
		{"kextload, upwards", "/sbin/kextload", "", "/Library/Extensions/../x.kext" + refused, nil},
		{"kextload, control characters", "/sbin/kextload", "", "/Library/Extensions/\x1b[31mx.kext" + refused, nil},
		{"kextload, right to left", "/sbin/kextload", "", "/Library/Extensions/\u202ex.kext" + refused, nil},
		{"kextload, a long path", "/sbin/kextload", "", "/Library/" + strings.Repeat("x/", 600) + "x.kext" + refused, nil},
		{"another program, a path", "/tmp/kextload", "", virtualBox + refused, nil},
		{"kextload, bundle ID", "/sbin/kextload", "", vnic + refused, outcomeOf(probe.Attempt{BundleID: vnic}, probe.Refused)},
		{"kextload, another path", "/sbin/kextload", "", "/Library/Extensions/x.kext" + refused, at("/Library/Extensions/x.kext", probe.Refused)},
		{"kextutil", "/usr/bin/kextutil", "", "System policy prevents loading the kernel extension.", nil},

		// Refusals that no approval changes, macOS 10.13 to 10.15: security.c of kext_tools
		{"kextd, exclude list", "/usr/libexec/kextd", "", "Kext rejected due to presence on exclude list: " + kext, failure(probe.Excluded)},
		{"kextd, owner: Thunderbolt3Unblocker 36, macOS 10.14.4", "/usr/libexec/kextd", "", "Kext rejected due to improper filesystem permissions: " + kext, failure(probe.BadOwnership)},
		{"kextd, owner, relative URL", "/usr/libexec/kextd", "", `Kext rejected due to improper filesystem permissions: <OSKext 0x7ff5744c56c0 [0x7fff859b48f0]> { URL = "prl_vnic.kext/ -- file:///Library/Extensions/", ID = "` + vnic + `" }`, failure(probe.BadOwnership)},
		{"kextd, Apple's owner: Hackintool 87", "/usr/libexec/kextd", "", `Kext rejected due to improper filesystem permissions: <OSKext 0x7fa446621880 [0x7fff912328c0]> { URL = "file:///x.kext/", ID = "com.apple.driver.KextExcludeList" }`, nil},
		{"kextd, signature", "/usr/libexec/kextd", "", "Kext rejected due to invalid signature: " + kext, failure(probe.BadSignature)},
		{"kextutil, location: Karabiner-Elements 1451, macOS 10.13", "/usr/bin/kextutil", "", "Kext rejected due to insecure location: " + kext, failure(probe.InsecureLocation)},
		{"kextd, location", "/usr/libexec/kextd", "", "Kext rejected due to insecure location: " + kext, failure(probe.InsecureLocation)},
		{"kextd, another reason", "/usr/libexec/kextd", "", "Kext rejected due to invalid authentication params: " + kext, nil},
		{"kextd, signature allowed: AppleIntelWiFiMVM 23", "/usr/libexec/kextd", "", "Kext with invalid signature (-67062) allowed: " + kext, nil},
		{"quoted within a line", "/usr/libexec/kextd", "", "x Kext rejected due to insecure location: " + kext, nil},
		{"another program's location", "/tmp/kextd", "", "Kext rejected due to insecure location: " + kext, nil},

		// kextd_request.c, kextload_main.c and staging.m of kext_tools, OSKext.c of IOKitUser
		{"kextd, exclude list, at a request", "/usr/libexec/kextd", "", vnic + " is in exclude list; omitting.", failure(probe.Excluded)},
		{"kextd, dependencies: AppleIntelWiFiMVM 4", "/usr/libexec/kextd", "", "Can't load " + inApp + " - failed to resolve dependencies.", outcomeOf(whole, probe.MissingDependency)},
		{"kextd, one dependency", "/usr/libexec/kextd", "", inApp + " - no compatible dependency found for com.apple.kpi.bsd.", nil},
		{"kextd, processor", "/usr/libexec/kextd", "", "Can't load /Library/StagedExtensions" + inApp + " - no code for running kernel's architecture.", outcomeOf(whole, probe.WrongArch)},
		{"kextd, another path", "/usr/libexec/kextd", "", "Can't load /Library/Extensions/x.kext - failed to resolve dependencies.", at("/Library/Extensions/x.kext", probe.MissingDependency)},
		{"kextd, authentication: Karabiner-Elements 598", "/usr/libexec/kextd", "", "Can't load " + inApp + " - authentication problems.", nil},
		{"kextd, staging: Thunderbolt3Unblocker 55, macOS 10.15.4", "/usr/libexec/kextd", "", "Bundle (" + inApp + ") failed to validate, deleting: /Library/StagedExtensions/Library/Extensions/CA9F0B92-19E6-4794-898E-11FD69AB76F3.kext", outcomeOf(whole, probe.BadSignature)},
		{"kextd, staging, any reason: macfuse 804, macOS 10.14.6", "/usr/libexec/kextd", "", "Unable to stage kext (" + inApp + ") to secure location.", nil},
		{"kextd, security checks, approval too", "/usr/libexec/kextd", "", vnic + " failed security checks; failing.", nil},
		{"kextd, a dependency's security checks", "/usr/libexec/kextd", "", vnic + "'s dependencies failed security checks; failing.", nil},
		{"kextload, dependencies: AppleIntelInfo 16", "/sbin/kextload", "", inApp + " failed to load - (libkern/kext) dependency resolution failure; check the system/kernel logs for errors or try kextutil(8).", outcomeOf(whole, probe.MissingDependency)},
		{"kextload, processor", "/sbin/kextload", "", vnic + " failed to load - (libkern/kext) requested architecture/executable not found; check the system/kernel logs for errors or try kextutil(8).", failure(probe.WrongArch)},
		{"kextload, although the location is insecure: Karabiner-Elements 1451", "/sbin/kextload", "", inApp + " failed to load - (libkern/kext) authentication failure (file ownership/permissions); check the system/kernel logs for errors or try kextutil(8).", nil},
		{"kextload, no reason: macfuse 804", "/sbin/kextload", "", inApp + " failed to load - (libkern/kext) not loadable (reason unspecified); check the system/kernel logs for errors or try kextutil(8).", nil},
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
			if len(got) > 0 && !passesPredicate(tt.process, tt.message) {
				t.Error("the predicate does not pass this message")
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// passesPredicate reports whether the part of Predicate for this process passes a
// message.
func passesPredicate(process, message string) bool {
	for part := range strings.SplitSeq(Predicate, "(process ") {
		if !strings.Contains(part, `"`+path.Base(process)+`"`) {
			continue
		}
		for _, contains := range strings.Split(part, `CONTAINS "`)[1:] {
			if text, _, _ := strings.Cut(contains, `"`); strings.Contains(message, text) {
				return true
			}
		}
	}
	return false
}

func outcomeOf(a probe.Attempt, outcome probe.Outcome) []string {
	return []string{fmt.Sprintf("%s|%s|%s|%s|%s", a.TeamID, a.BundleID, a.Path, a.CDHash, outcome)}
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

// FuzzParseLogLine checks that a line gives few attempts, each with a time and with a
// valid bundle ID that is not Apple's, or with the clean path of a kext.
func FuzzParseLogLine(f *testing.F) {
	for _, message := range []string{
		"Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: " + testHash,
		"Extension with identifiers a.b,c.d not approved to load. Please approve using System Settings.",
		"Loading extension(s): a.b requires a reboot",
		`Kext rejected due to system policy: <OSKext 0x1 [0x2]> { URL = "file:///", ID = "a.b" }`,
		"/Applications/Parallels Desktop.app/x failed to load - (libkern/kext) system policy prevents loading; check",
		"Kext rejected due to insecure location: <OSKext 0x1 [0x2]> { URL = \"file:///\", ID = \"a.b\" }\nCan't load a.b - failed to resolve dependencies.\na.b is in exclude list; omitting.",
		"Bundle (/Applications/Parallels Desktop.app/x.kext) failed to validate, deleting: /x",
		"/Library/Application Support/VirtualBox/VBoxDrv.kext failed to load - (libkern/kext) system policy prevents loading; check the system/kernel logs for errors or try kextutil(8).",
		"/System/Volumes/Data/Library/StagedExtensions/Library/x.kext failed to load - (libkern/kext) system policy prevents loading\n/../x.kext failed to load - (libkern/kext) system policy prevents loading",
		"Can't load //Library/x.kext - failed to resolve dependencies.\nCan't load /Library/\u202ex\x00.kext - no code for running kernel's architecture.\nBundle (/Library/x.kext/) failed to validate, deleting: /",
		"Validating extension failed: Kext a.b v1 in x:\n\nFilesystem error: Invalid ownership (1:1)\nAuthenticating extension failed: Kext c.d v2:\nAuthenticating extension failed: Bad code signature",
		"In exclude list: Kext a.b v1\nIncompatible architecture: x\nUnsupported Error: one or more extensions are unsupported to load \tKext a.b v1\n'a.b' names a dependency on 'c.d', which was not found",
	} {
		for _, process := range []string{policyDaemon, "/usr/bin/kmutil", "/usr/libexec/kextd"} {
			f.Add([]byte(logged(process, kextSubsystem, message)))
		}
	}
	hostile.Fuzz(f, func(t *testing.T, line []byte) {
		found := parseLogLine(line)
		if len(found) > namedLimit {
			t.Errorf("%d attempts", len(found))
		}
		for _, a := range found {
			whole := a.BundleID == "" && a.TeamID == probe.ParallelsTeamID && a.Path == ""
			onlyPath := a.BundleID == "" && a.TeamID == "" && path.IsAbs(a.Path) && path.Clean(a.Path) == a.Path && path.Ext(a.Path) == ".kext" &&
				probe.OneLine(a.Path) == a.Path && len(a.Path) <= pathLimit
			if a.At.IsZero() || a.From != probe.FromLog || !whole && !onlyPath && !probe.IsBundleID(a.BundleID) || a.BundleID != "" && a.Path != "" ||
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
