package simmac_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

const prlctl = "Applications/Parallels Desktop.app/Contents/MacOS/prlctl"

type listed struct {
	ID, Name, State, Home string
	Optimization          struct {
		Type   string `json:"Hypervisor type"`
		Nested string `json:"Nested virtualization"`
	}
}

// machines returns the list of prlctl.
func (s sim) machines() []listed {
	s.t.Helper()
	out, errs, code := s.run(prlctl, "list", "-a", "-i", "--json")
	var list []listed
	if err := json.Unmarshal([]byte(out), &list); err != nil || list == nil || code != 0 || errs != "" {
		s.t.Fatalf("prlctl: %v, exit %d, %q, %q", err, code, out, errs)
	}
	return list
}

func TestPrlctl(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4"})
	if list := s.machines(); len(list) > 0 {
		t.Errorf("a fresh Mac: %+v", list)
	}
	link, err := os.Readlink(s.dir + "/usr/local/bin/prlctl")
	if err != nil || link != "/"+prlctl {
		t.Errorf("the link leads to %q, %v", link, err)
	}
	const name = `"Windows" 11 $(id)`
	s.must(s.AddVM(simmac.VM{Name: name, Hypervisor: probe.ParallelsHypervisor}))
	s.must(s.AddVM(simmac.VM{Name: "Linux"}))
	list := s.machines()
	if len(list) != 2 || list[0].Name != name || list[0].Optimization.Type != "parallels" || list[0].State != "stopped" ||
		list[0].Home != "/Users/me/Parallels/"+name+".pvm/" || list[1].Optimization.Type != "apple" || list[1].Optimization.Nested != "off" {
		t.Fatalf("%+v", list)
	}

	out, errs, code := s.run(prlctl, "start", list[0].ID)
	if code == 0 || out != "Starting the VM...\n" || !strings.HasPrefix(errs, `Failed to start the VM: To start "`+name+`", allow the Parallels Hypervisor System Extension`) ||
		!strings.HasSuffix(errs, "supportinfo/pdfm18_en_US_56521).\n") {
		t.Errorf("blocked: exit %d, %q, %q", code, out, errs)
	}
	for _, id := range []string{list[1].ID, "{" + list[1].ID + "}"} {
		if out, errs, code := s.run(prlctl, "start", id); code != 0 || errs != "" || !strings.Contains(out, "successfully started") {
			t.Errorf("Apple's hypervisor: exit %d, %q, %q", code, out, errs)
		}
	}
	if out, errs, code := s.run(prlctl, "start", "no such"); code == 0 || out != "" || errs == "" {
		t.Errorf("no such machine: exit %d, %q, %q", code, out, errs)
	}
	s.expect("starting by script records nothing", `SELECT * FROM kext_policy`)

	s.must(s.UpdateParallels("20.4.2", minutes(1)))
	if _, errs, _ := s.run(prlctl, "start", list[0].ID); !strings.Contains(errs, "pdfm20_") {
		t.Errorf("after an update: %q", errs)
	}
	s.must(s.RemoveParallels())
	if link, err := os.Readlink(s.dir + "/usr/local/bin/prlctl"); err != nil || link == "" {
		t.Errorf("removing Parallels removed the link: %v", err)
	}
}

func TestAppStoreEditionHasNoPrlctl(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4", Edition: probe.AppStore})
	if _, err := os.Lstat(s.dir + "/usr/local/bin/prlctl"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestStartVM(t *testing.T) {
	const blocked = `SELECT count(*) FROM kext_policy WHERE NOT allowed`
	s := newSim(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4", VMs: []simmac.VM{
		{Name: "Windows", Hypervisor: probe.ParallelsHypervisor}, {Name: "Linux"},
	}})
	state := func(name string) string {
		list := s.machines()
		return list[slices.IndexFunc(list, func(vm listed) bool { return vm.Name == name })].State
	}
	s.must(s.StartVM("Linux", minutes(1)))
	s.expect("Apple's hypervisor", blocked, "0")
	if state("Linux") != "running" {
		t.Error("the virtual machine “Linux” does not run")
	}
	s.must(s.StartVM("Windows", minutes(2)))
	s.expect("Parallels' hypervisor", blocked, "4")
	s.expect("the attempt", `SELECT DISTINCT last_seen FROM kext_load_history_v3 WHERE team_id = '4C6364ACXT'`, "2026-05-06 05:02:00")
	if state("Windows") != "stopped" {
		t.Error("a blocked machine runs")
	}
	s.must(s.Allow(minutes(3)))
	s.must(s.Restart(minutes(4)))
	if state("Linux") != "stopped" {
		t.Error("a machine runs after a restart")
	}
	s.must(s.StartVM("Windows", minutes(5)))
	if state("Windows") != "running" {
		t.Error("an allowed machine does not run")
	}
	if err := s.SetVM(simmac.VM{Name: "Windows", Hypervisor: probe.AppleHypervisor}); err == nil {
		t.Error("a running machine got another hypervisor")
	}
	s.must(s.SetVMState("Windows", probe.VMSuspended))
	s.must(s.SetVMState("Windows", probe.VMStopped))
	s.must(s.SetVM(simmac.VM{Name: "Windows", Hypervisor: probe.AppleHypervisor}))
	if config, err := os.ReadFile(s.dir + "/Users/me/Parallels/Windows.pvm/config.pvs"); err != nil || !strings.Contains(string(config), "<HypervisorType>1</HypervisorType>") {
		t.Errorf("%s, %v", config, err)
	}
}

func TestInvalidVMs(t *testing.T) {
	s := newSim(t, simmac.Options{VMs: []simmac.VM{{Name: "One"}}})
	for name, err := range map[string]error{
		"no name":          s.AddVM(simmac.VM{}),
		"a folder":         s.AddVM(simmac.VM{Name: "../x"}),
		"hidden":           s.AddVM(simmac.VM{Name: ".x"}),
		"a line break":     s.AddVM(simmac.VM{Name: "a\nb"}),
		"long":             s.AddVM(simmac.VM{Name: strings.Repeat("x", 201)}),
		"there already":    s.AddVM(simmac.VM{Name: "One"}),
		"hypervisor":       s.AddVM(simmac.VM{Name: "Two", Hypervisor: "kvm"}),
		"set hypervisor":   s.SetVM(simmac.VM{Name: "One"}),
		"set none such":    s.SetVM(simmac.VM{Name: "Two", Hypervisor: probe.AppleHypervisor}),
		"state":            s.SetVMState("One", "paused"),
		"state of none":    s.SetVMState("Two", probe.VMRunning),
		"start none":       s.StartVM("Two", t0),
		"kextless perhaps": s.SetKextless("perhaps"),
		"SIP":              s.SetSIP("off", t0),
		"consent":          s.SetConsent("4c6364acxt", t0),
		"profile":          s.SetProfile("x"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEnforcementTools(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"})
	const csrutil, head = "usr/bin/csrutil status", "System Integrity Protection status: "
	noVariable := "nvram: Error getting variable - 'csr-active-config': (iokit/common) data was not found"
	s.check(
		call{csrutil, head + "enabled.", "", 0},
		call{"usr/sbin/nvram csr-active-config", "", noVariable, 1},
		call{"usr/sbin/nvram SystemAudioVolume", "SystemAudioVolume\t0", "", 0},
		call{"usr/bin/profiles show -type configuration", "There are no configuration profiles installed for user 'me'", "", 0},
	)
	s.must(s.SetSIP(simmac.SIPDisabled, minutes(1)))
	s.check(
		call{csrutil, head + "disabled.", "", 0},
		call{"usr/sbin/nvram csr-active-config", "csr-active-config\tw%00%00%00", "", 0},
	)
	s.must(s.SetSIP(simmac.SIPCustom, minutes(2)))
	out, _, _ := s.run("usr/bin/csrutil", "status")
	if !strings.HasPrefix(out, head+"enabled (Custom Configuration).\n\nConfiguration:\n\tApple Internal: disabled\n\tKext Signing: disabled\n") ||
		strings.Contains(out, "Kernel Integrity") {
		t.Errorf("custom: %q", out)
	}
	s.must(s.UpdateMacOS("13.7.2", minutes(3)))
	out, _, _ = s.run("usr/bin/csrutil", "status")
	if !strings.HasPrefix(out, head+"unknown (Custom Configuration).\n") || !strings.Contains(out, "\tKernel Integrity Protections: enabled\n") {
		t.Errorf("custom on 13: %q", out)
	}
	s.must(s.SetSIP(simmac.SIPEnabled, minutes(4)))
	s.check(call{csrutil, head + "enabled.", "", 0})

	s.must(s.SetConsent("4C6364ACXT", minutes(5)))
	s.must(s.SetConsent("EQHXZ8M8AV", minutes(6)))
	s.check(
		call{"usr/sbin/spctl kext-consent status", "Kernel Extension User Consent: ENABLED", "", 0},
		call{"usr/sbin/spctl kext-consent list", "Allowed Team Identifiers:\n4C6364ACXT\nEQHXZ8M8AV", "", 0},
	)
	s.must(s.SetConsent("off", minutes(7)))
	s.check(
		call{"usr/sbin/spctl kext-consent status", "Kernel Extension User Consent: DISABLED", "", 0},
		call{"usr/sbin/spctl kext-consent list", "spctl: no kext consent configuration found.", "", 0},
	)
}

// Settings that make approvals unnecessary let kexts load without one.
func TestKextsWithoutApproval(t *testing.T) {
	for name, spare := range map[string]func(sim) error{
		"SIP":        func(s sim) error { return s.SetSIP(simmac.SIPNoApproval, minutes(1)) },
		"consent":    func(s sim) error { return s.SetConsent("off", minutes(1)) },
		"team":       func(s sim) error { return s.SetConsent(probe.ParallelsTeamID, minutes(1)) },
		"allow-team": func(s sim) error { return s.SetProfile(simmac.ProfileAllowTeam) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"})
			s.must(s.Attempt(t0))
			if err := s.Load(t0); !errors.Is(err, fs.ErrPermission) {
				t.Fatalf("loaded before: %v", err)
			}
			s.must(spare(s))
			s.must(s.Load(minutes(2)))
		})
	}
	for name, ask := range map[string]func(sim) error{
		"SIP disabled": func(s sim) error { return s.SetSIP(simmac.SIPDisabled, minutes(1)) },
		"other team":   func(s sim) error { return s.SetConsent("EQHXZ8M8AV", minutes(1)) },
		"forbid":       func(s sim) error { return s.SetProfile(simmac.ProfileForbid) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"})
			s.must(ask(s))
			if err := s.Load(minutes(2)); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("loaded: %v", err)
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	const file = "/Library/Managed Preferences/com.apple.syspolicy.kernel-extension-policy.plist"
	const rows = `SELECT team_id, bundle_id, allowed FROM kext_policy_mdm`
	s := newSim(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4"})
	s.must(s.Attempt(t0))
	s.must(s.SetProfile(simmac.ProfileForbid))
	s.expect("forbid", rows, "EQHXZ8M8AV||1")
	if err := s.Allow(minutes(1)); err == nil {
		t.Error("the user clicked Allow, which a profile forbids")
	}
	var payload map[string]any
	s.plist(file, &payload)
	if _, ok := payload["AllowUserOverrides"]; ok || len(payload) != 1 {
		t.Errorf("forbid: %+v", payload)
	}
	s.must(s.SetProfile(simmac.ProfileAllowUsers))
	s.plist(file, &payload)
	if payload["AllowUserOverrides"] != true {
		t.Errorf("allow-users: %+v", payload)
	}
	s.must(s.Allow(minutes(2)))
	s.must(s.SetProfile(simmac.ProfileAllowTeam))
	s.expect("allow-team", rows, "4C6364ACXT||1")
	s.must(s.SetProfile(simmac.NoProfile))
	s.must(s.SetProfile(simmac.NoProfile))
	s.expect("none", rows)
	if _, err := os.Stat(s.dir + file); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
