package mac

import (
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// A virtual machine was used this morning. If it is listed as running, and no kext is
// loaded any more, then the older of the two lists is read again: together they would
// prove that macOS does not load an approved kext.
func TestListsThatContradictEachOtherAreOfOneMoment(t *testing.T) {
	s := newSnapshotStory(t, "12.7.6", "")
	s.sql(strings.Replace(mactest.BlockedRow, "hypervisor', 0", "hypervisor', 1", 1), insertRecord)
	addPlist(t, s.m, probe.ParallelsApp+"/Contents/Info.plist", root.BundleInfo{ID: "com.parallels.desktop.console", ShortVersion: "17.1.7", Version: "51588"})
	loaded := func(id string) {
		mactest.AddTool(t, s.m.Root, probe.KmutilTool, `echo '   26    1 0 0 0 `+id+` (14.0.1 45154) UUID <5 4 3 1>'`)
	}
	loaded(hypervisorID)
	mactest.AddTool(t, s.m.Root, probe.PrlctlTool, `cat "${0%/*}/list"`)
	list := func(state string) {
		mactest.AddFile(t, s.m.Root, "/usr/local/bin/list", `[{"ID": "{`+vmID+`}", "Name": "Windows", "State": "`+state+
			`", "Home": "/Users/me/Parallels/Windows.pvm/", "Optimization": {"Hypervisor type": "parallels"}}]`)
	}
	list("running")
	morning := s.prober.Snapshot(t.Context(), snapshotAt, Options{Fresh: true})
	if morning.Machines.List[0].State != probe.VMRunning || morning.Machines.ReadAt.IsZero() || morning.Loaded.ReadAt.IsZero() {
		t.Fatalf("%+v, %+v; want a running virtual machine, and when both lists were read", morning.Machines, morning.Loaded)
	}
	list("stopped") // no file that is watched changes
	loaded("com.example.other")
	evening := s.prober.Snapshot(t.Context(), snapshotAt.Add(8*time.Hour), Options{Loading: true})
	if len(evening.Machines.List) != 1 || evening.Machines.List[0].State != probe.VMStopped {
		t.Errorf("%+v; want the virtual machine as it is now", evening.Machines)
	}
	if apart := evening.Loaded.ReadAt.Sub(evening.Machines.ReadAt).Abs(); apart > sameMoment {
		t.Errorf("the lists are %v apart, want at most %v", apart, sameMoment)
	}
}
