package mac

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const (
	testExtensions = probe.ParallelsApp + "/Contents/Library/Extensions"
	hypervisorID   = "com.parallels.kext.hypervisor"
	hypervisorPath = testExtensions + "/10.9/prl_hypervisor.kext"
)

var testApp = &probe.App{TeamID: probe.ParallelsTeamID, Path: probe.ParallelsApp}

func addKext(t testing.TB, m root.FS, place, id, version string) {
	t.Helper()
	addPlist(t, m, place+"/Contents/Info.plist", root.BundleInfo{ID: id, Version: version})
}

func parallelsKext(place, id, version string) probe.Kext {
	return probe.Kext{TeamID: probe.ParallelsTeamID, Path: place, BundleID: id, Version: version}
}

// recorded returns a policy with this load history.
func recorded(history ...probe.LoadRecord) *probe.Policy { return &probe.Policy{History: history} }

func wantKexts(t *testing.T, got []probe.Kext, want ...probe.Kext) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a, b probe.Kext) bool { return reflect.DeepEqual(a, b) }) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestKextsOfTheApp(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	addKext(t, m, hypervisorPath, hypervisorID, "14.0.1 45154")
	addKext(t, m, testExtensions+"/10.6/prl_hypervisor.kext", hypervisorID, "14.0.1 45154")
	addKext(t, m, testExtensions+"/prl_vnic.kext", "com.parallels.kext.vnic", "14.0.1 45154")
	addKext(t, m, testExtensions+"/10.9/other.kext", "com.example.kext", "1.0")
	mactest.AddFile(t, m.Root, testExtensions+"/10.9/README", "")
	mactest.AddFile(t, m.Root, testExtensions+"/version.plist", "")
	kexts, gaps := findKexts(m, nil, testApp, nil)
	wantKexts(t, kexts,
		parallelsKext(testExtensions+"/10.6/prl_hypervisor.kext", hypervisorID, "14.0.1 45154"),
		parallelsKext(hypervisorPath, hypervisorID, "14.0.1 45154"),
		parallelsKext(testExtensions+"/prl_vnic.kext", "com.parallels.kext.vnic", "14.0.1 45154"),
	)
	wantGaps(t, gaps, "")
}

func TestNoKexts(t *testing.T) {
	for _, app := range []*probe.App{nil, testApp} {
		kexts, gaps := findKexts(root.FS{Root: mactest.Root(t)}, nil, app, nil)
		wantKexts(t, kexts)
		wantGaps(t, gaps, "")
	}
}

func TestStagedKexts(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	addKext(t, m, hypervisorPath, hypervisorID, "15.1.3 47255")
	addKext(t, m, probe.StagedExtensions+hypervisorPath, hypervisorID, "15.1.2 47123")
	addKext(t, m, probe.StagedExtensions+testExtensions+"/10.9/prl_vnic.kext", "com.parallels.kext.vnic", "15.1.2 47123")
	installed := parallelsKext(hypervisorPath, hypervisorID, "15.1.3 47255")
	staged := parallelsKext(testExtensions+"/10.9/prl_vnic.kext", "com.parallels.kext.vnic", "15.1.2 47123")
	staged.Staged = true
	kexts, gaps := findKexts(m, nil, testApp, nil)
	wantKexts(t, kexts, installed, staged)
	wantGaps(t, gaps, "")

	// After an uninstall the load history still leads to the staged copy.
	mactest.Remove(t, m.Root, probe.ParallelsApp)
	staged = parallelsKext(hypervisorPath, hypervisorID, "15.1.2 47123")
	staged.Staged = true
	kexts, gaps = findKexts(m, nil, nil, recorded(probe.LoadRecord{Path: probe.StagedExtensions + hypervisorPath, TeamID: probe.ParallelsTeamID, BundleID: hypervisorID}))
	wantKexts(t, kexts, staged)
	wantGaps(t, gaps, "")
}

func TestKextsOfTheHistory(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	addKext(t, m, hypervisorPath, hypervisorID, "14.0.1 45154")
	addKext(t, m, "/Library/Extensions/HighPoint.kext", "com.highpoint-tech.kext", "4.4.5")
	addKext(t, m, "/Library/Extensions/Replaced.kext", "com.example.new", "1")
	addKext(t, m, "/Library/Extensions/NotAKext.app", "com.example.app", "1")
	record := func(path, team, id string) probe.LoadRecord {
		return probe.LoadRecord{Path: path, TeamID: team, BundleID: id}
	}
	kexts, gaps := findKexts(m, nil, testApp, recorded(
		record(hypervisorPath, probe.ParallelsTeamID, hypervisorID),
		record(probe.StagedExtensions+hypervisorPath, probe.ParallelsTeamID, hypervisorID),
		record("/Library/Extensions/HighPoint.kext", "DX6G69M9N2", "com.highpoint-tech.kext"),
		record("/Library/Extensions/HighPoint.kext", "DX6G69M9N2", "com.highpoint-tech.kext"),
		record("/Library/Extensions/Replaced.kext", "DX6G69M9N2", "com.example.old"),
		record("/Library/Extensions/Gone.kext", "DX6G69M9N2", "com.example.gone"),
		record("/Library/Extensions/NotAKext.app", "DX6G69M9N2", "com.example.app"),
		record("/Library/Extensions/../Extensions/HighPoint.kext", "TEAM", "com.highpoint-tech.kext"),
		record("Library/Extensions/HighPoint.kext", "TEAM", "com.highpoint-tech.kext"),
		record("", "TEAM", "com.highpoint-tech.kext"),
	))
	wantKexts(t, kexts,
		parallelsKext(hypervisorPath, hypervisorID, "14.0.1 45154"),
		probe.Kext{BundleID: "com.highpoint-tech.kext", TeamID: "DX6G69M9N2", Path: "/Library/Extensions/HighPoint.kext", Version: "4.4.5"},
		probe.Kext{BundleID: "com.example.new", Path: "/Library/Extensions/Replaced.kext", Version: "1"},
	)
	wantGaps(t, gaps, "")
}

func TestUnreadableKexts(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, testExtensions+"/10.9/a.kext/Contents/Info.plist", "bplist00")
	addPlist(t, m, testExtensions+"/10.9/b.kext/Contents/Info.plist", map[string]any{"CFBundleIdentifier": hypervisorID, "CFBundleVersion": 14})
	addKext(t, m, testExtensions+"/10.9/c\x1b.kext", "com.parallels.\x1b[31m", "1")
	addKext(t, m, testExtensions+"/10.9/d.kext", "com.parallels.kext.vnic", "")
	mactest.AddFile(t, m.Root, testExtensions+"/10.9/empty.kext/Contents/MacOS/prl", "")
	kexts, gaps := findKexts(m, nil, testApp, nil)
	unversioned := parallelsKext(testExtensions+"/10.9/d.kext", "com.parallels.kext.vnic", "")
	unversioned.Unread = true
	wantKexts(t, kexts, parallelsKext(testExtensions+"/10.9/b.kext", hypervisorID, "14"), unversioned)
	const source = "kernel extensions on the disk"
	wantGaps(t, gaps, strings.Join([]string{source, source, source}, ", "))
}

func TestKextsAreCapped(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	var history []probe.LoadRecord
	for i := range kextLimit + 10 {
		place := fmt.Sprintf("/Library/Vendor/%d.kext", i)
		history = append(history, probe.LoadRecord{Path: place, BundleID: "com.example", LastSeen: time.Unix(int64(i), 0)})
		if i < 10 || i == kextLimit+9 {
			addKext(t, m, place, "com.example", "1")
		}
	}
	for i := range 5 { // what was not looked at counts as there
		history[i].BundleID = fmt.Sprintf("com.example.%d", i)
	}
	kexts, gaps := findKexts(m, nil, nil, recorded(history...))
	wantKexts(t, kexts[:1], probe.Kext{BundleID: "com.example", Path: history[kextLimit+9].Path, Version: "1"})
	if len(kexts) != 6 || !kexts[5].Unread || kexts[5].BundleID != "com.example.0" {
		t.Errorf("got %+v, want five kexts that were not read", kexts)
	}
	wantGaps(t, gaps, "other kernel extensions on the disk")
	if len(gaps) == 1 && !strings.HasPrefix(gaps[0].Err, "10 more") {
		t.Errorf("missing facts %+v, want one that counts 10 more", gaps)
	}
}
