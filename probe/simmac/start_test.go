package simmac_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// The facts about the start of a Mac are what the prober reads of it, and each change
// restarts the Mac.
func TestStartOfAppleSilicon(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "26.2", Parallels: "26.4.1", Arch: probe.AppleSilicon})
	const yes, no = probe.Yes, probe.No
	session := ""
	want := func(what string, want probe.Boot, gaps ...probe.Fact) {
		t.Helper()
		snap := s.snapshotWith(len(gaps))
		if snap.Boot != want {
			t.Errorf("%s: got %+v, want %+v", what, snap.Boot, want)
		}
		for _, fact := range []probe.Fact{probe.FactBootPolicy, probe.FactBootVolume, probe.FactVirtual} {
			if missing := len(gaps) > 0 && gaps[0] == fact; probe.HasGap(snap.Gaps, fact) != missing {
				t.Errorf("%s: gaps %+v", what, snap.Gaps)
			}
		}
		if snap.Mac.BootSession == session || snap.Mac.BootSession == "" {
			t.Errorf("%s: the Mac was not restarted", what)
		}
		session = snap.Mac.BootSession
	}
	is := probe.Boot{Security: probe.ReducedSecurity, UserKexts: yes, MDMKexts: no, External: no, Virtual: no}
	want("a new Mac", is)
	for policy, c := range map[simmac.BootPolicy]probe.Boot{
		simmac.BootFull:         {Security: probe.FullSecurity, UserKexts: no, MDMKexts: no},
		simmac.BootReduced:      {Security: probe.ReducedSecurity, UserKexts: no, MDMKexts: no},
		simmac.BootReducedUsers: {Security: probe.ReducedSecurity, UserKexts: yes, MDMKexts: no},
		simmac.BootPermissive:   {Security: probe.PermissiveSecurity, UserKexts: yes, MDMKexts: no},
		simmac.BootManaged:      {Security: probe.ReducedSecurity, UserKexts: no, MDMKexts: yes},
	} {
		c.External, c.Virtual = no, no
		if !slices.Contains(strings.FieldsFunc(simmac.BootPolicies, func(r rune) bool { return r == ' ' || r == ',' }), string(policy)) {
			t.Errorf("%s is not listed", policy)
		}
		s.must(s.SetBootPolicy(policy, minutes(1)))
		want(string(policy), c)
	}
	s.must(s.SetBootPolicy(simmac.BootTranslated, minutes(2)))
	want("translated", probe.Boot{External: no, Virtual: no}, probe.FactBootPolicy)
	s.must(s.SetBootPolicy(simmac.BootReducedUsers, minutes(3)))
	session = ""
	s.must(s.SetBootDisk("external", minutes(4)))
	is.External = yes
	want("external disk", is)
	s.must(s.SetBootDisk("internal", minutes(5)))
	s.must(s.SetVirtual(true, minutes(6)))
	is.External, is.Virtual = no, yes
	want("virtual", is)
	s.must(s.SetVirtual(false, minutes(7)))
	s.must(s.UpdateMacOS("27.0", minutes(8)))
	s.must(s.UpdateParallels("27.0.2", minutes(8)))
	is.Virtual = no
	want("updated to what is for Apple silicon only", is)
}

func TestStartRefuses(t *testing.T) {
	silicon := newSim(t, simmac.Options{MacOS: "26.2", Arch: probe.AppleSilicon})
	session := silicon.snapshot().Mac.BootSession
	for what, err := range map[string]error{
		"a policy":     silicon.SetBootPolicy("medium", minutes(1)),
		"no policy":    silicon.SetBootPolicy("", minutes(1)),
		"another disk": silicon.SetBootDisk("usb", minutes(1)),
	} {
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if silicon.snapshot().Mac.BootSession != session {
		t.Error("a refused change restarted the Mac")
	}

	intel := newSim(t, simmac.Options{MacOS: "15.2", Parallels: "26.4.1"})
	session = intel.snapshot().Mac.BootSession
	for what, err := range map[string]error{
		"boot policy": intel.SetBootPolicy(simmac.BootFull, minutes(1)),
		"disk":        intel.SetBootDisk("external", minutes(1)),
		"virtual":     intel.SetVirtual(true, minutes(1)),
		"macOS":       intel.UpdateMacOS("27.0", minutes(1)),
		"offer":       intel.OfferMacOS("27.0", minutes(1)),
		"Parallels":   intel.UpdateParallels("27.0.2", minutes(1)),
	} {
		if err == nil || !strings.Contains(err.Error(), "Intel processor") || !strings.Contains(err.Error(), "arm64") {
			t.Errorf("%s on Intel: %v", what, err)
		}
	}
	if snap := intel.snapshot(); snap.Mac.BootSession != session || snap.Mac.OS.Version != "15.2" || snap.Apps[0].Version != "26.4.1" || snap.Boot != (probe.Boot{}) {
		t.Errorf("a refused change changed the Mac: %+v, %+v, %+v", snap.Mac, snap.Apps, snap.Boot)
	}
	for _, tool := range []string{"usr/sbin/system_profiler", "usr/sbin/diskutil"} {
		if _, err := os.Stat(intel.dir + "/" + tool); err == nil {
			t.Errorf("a Mac with an Intel processor has %s", tool)
		}
	}
	intel.must(intel.UpdateMacOS("26.2", minutes(2)))
}

func TestStartTools(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "26.2", Arch: probe.AppleSilicon})
	const profiler, diskutil = "usr/sbin/system_profiler", "usr/sbin/diskutil"
	s.check(
		call{"usr/sbin/sysctl -n kern.hv_vmm_present", "0", "", 0},
		call{profiler + " SPHardwareDataType", "", "system_profiler: this Mac's only knows SPiBridgeDataType", 64},
		call{diskutil + " eraseDisk APFS x disk0", "", "diskutil: this Mac's only knows info -plist /", 64},
	)
	text, _, code := s.run(profiler, "SPiBridgeDataType")
	for _, line := range []string{"Controller:\n\n      Model Identifier: Mac", "\n      Boot Policy:\n        Secure Boot: Reduced Security\n", "\n        Allow All Kernel Extensions: Yes\n"} {
		if code != 0 || !strings.Contains(text, line) {
			t.Errorf("%q is not in %q", line, text)
		}
	}
	out, _, code := s.run(profiler, "SPiBridgeDataType", "-json")
	var answer struct{ SPiBridgeDataType []map[string]string }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || len(answer.SPiBridgeDataType) != 1 || answer.SPiBridgeDataType[0]["ibridge_secure_boot"] != "Reduced Security" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	out, _, code = s.run(diskutil, "info", "-plist", "/")
	var disk struct {
		Internal   bool
		MountPoint string
	}
	if _, err := plist.Unmarshal([]byte(out), &disk); err != nil || code != 0 || !disk.Internal || disk.MountPoint != "/" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	old := newSim(t, simmac.Options{MacOS: "15.2"})
	old.check(call{"usr/sbin/sysctl -n kern.hv_vmm_present", "", "sysctl: unknown oid 'kern.hv_vmm_present'", 1})
}
