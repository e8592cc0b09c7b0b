package mac_test

import (
	"reflect"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

var simStart = time.Date(2026, 5, 6, 5, 0, 0, 0, time.UTC)

// makeMac returns a simulated Mac and its root.FS.
func makeMac(t *testing.T, o simmac.Options) (*simmac.Mac, root.FS) {
	t.Helper()
	dir := t.TempDir()
	o.Now = simStart
	sim, err := simmac.New(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return sim, root.FS{Root: dir, Home: dir + "/Users/me", UID: 501}
}

func TestMachinesOfSimulatedMac(t *testing.T) {
	sim, m := makeMac(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4"})
	app := &probe.App{TeamID: probe.ParallelsTeamID, Version: "18.3.4", Edition: probe.Standard}
	os := probe.OSVersion{Version: "13.7.2"}
	read := func() probe.Machines {
		t.Helper()
		got, gaps := mac.ReadMachines(t.Context(), m, app, os)
		if len(gaps) > 0 {
			t.Errorf("missing facts %+v, want none", gaps)
		}
		for i := range got.List {
			got.List[i].UUID = ""
		}
		return got
	}
	want := probe.Machines{Known: true, From: "prlctl", Kextless: probe.Yes}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("none: got %+v, want %+v", got, want)
	}
	mactest.NoError(t, sim.AddVM(simmac.VM{Name: "Windows 11", Hypervisor: probe.ParallelsHypervisor}))
	mactest.NoError(t, sim.SetVMState("Windows 11", probe.VMRunning))
	mactest.NoError(t, sim.SetKextless("off"))
	want.Kextless = probe.No
	want.List = []probe.VM{{
		Name: "Windows 11", Path: "/Users/me/Parallels/Windows 11.pvm",
		State: probe.VMRunning, Hypervisor: probe.ParallelsHypervisor, Nested: probe.No,
	}}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// The files of the virtual machines give the same facts, as far as they have them.
	m.NoTools = true
	want.From, want.List[0].State, want.List[0].Nested = "config.pvs", "", ""
	got, gaps := mac.ReadMachines(t.Context(), m, app, os)
	got.List[0].UUID = ""
	if !reflect.DeepEqual(got, want) || len(gaps) != 1 {
		t.Errorf("files: got %+v, %+v, want %+v", got, gaps, want)
	}
}

func TestEnforcementOfSimulatedMac(t *testing.T) {
	for _, version := range []string{"10.13.6", "10.15.7", "13.7.2", "26.2"} {
		t.Run(version, func(t *testing.T) {
			sim, m := makeMac(t, simmac.Options{MacOS: version, Parallels: "16.5.1"})
			expect := func(what string, want probe.Enforcement) {
				t.Helper()
				got, gaps := mac.ReadEnforcement(t.Context(), m, probe.OSVersion{Version: version})
				if !reflect.DeepEqual(got, want) || len(gaps) > 0 {
					t.Errorf("%s:\n got %+v, %+v\nwant %+v", what, got, gaps, want)
				}
			}
			want := probe.Enforcement{
				SIP:     probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes},
				Consent: probe.Consent{Enabled: probe.Yes},
			}
			expect("fresh", want)
			mactest.NoError(t, sim.SetSIP(simmac.SIPDisabled, simStart))
			want.SIP = probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No, KextApproval: probe.Yes}
			expect("disabled", want)
			mactest.NoError(t, sim.SetSIP(simmac.SIPCustom, simStart))
			want.SIP.State = probe.SIPCustom
			expect("custom", want)
			mactest.NoError(t, sim.SetSIP(simmac.SIPNoApproval, simStart))
			want.SIP = probe.SIP{State: probe.SIPCustom, KextSigning: probe.Yes, KextApproval: probe.No}
			expect("no-approval", want)
			mactest.NoError(t, sim.SetConsent(probe.ParallelsTeamID, simStart))
			want.Consent.Teams = []string{probe.ParallelsTeamID}
			expect("team", want)
			mactest.NoError(t, sim.SetConsent("off", simStart))
			want.Consent = probe.Consent{Enabled: probe.No}
			expect("consent off", want)

			want.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, Teams: []string{"EQHXZ8M8AV"}}
			if version[:2] != "10" {
				want.Profile.NonAdminsAllow = probe.No
			}
			mactest.NoError(t, sim.SetProfile(simmac.ProfileForbid))
			expect("forbid", want)
			want.Profile.UserOverrides = probe.Yes
			mactest.NoError(t, sim.SetProfile(simmac.ProfileAllowUsers))
			expect("allow-users", want)
		})
	}
}
