package mac

import (
	"os"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const (
	homeApp    = "/Users/me/Applications/Parallels Desktop.app"
	renamedApp = "/Applications/Parallels Desktop 17.app"
	trashedApp = "/Users/me/.Trash/Parallels Desktop.app"
	imageApp   = "/Volumes/Parallels Desktop 17/Parallels Desktop.app"
	closedApp  = "/Users/me/Documents/Parallels Desktop.app" // macOS would ask for permission
	vnic       = "/Contents/Library/Extensions/10.9/prl_vnic.kext"
)

// anywhere is a Mac without Parallels.
func anywhere(t testing.TB) root.FS {
	t.Helper()
	m := root.FS{Root: mactest.Root(t)}
	m.Home = m.Root + "/Users/me"
	for _, folder := range []string{"/Applications", "/Users/me"} {
		mactest.NoError(t, os.MkdirAll(m.Root+folder, 0o755))
	}
	return m
}

// addParallels installs Parallels Desktop with one kext at a place.
func addParallels(t testing.TB, m root.FS, place, version string) {
	t.Helper()
	addPlist(t, m, place+"/Contents/Info.plist", root.BundleInfo{ID: parallelsID, ShortVersion: version, Version: "1"})
	addKext(t, m, place+vnic, "com.parallels.kext.vnic", version+" 1")
}

func attempted(place string, minute int) probe.LoadRecord {
	return probe.LoadRecord{Path: place + vnic, TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.vnic", LastSeen: time.Unix(int64(60*minute), 0)}
}

func inFramework(place string, pending probe.Answer) *probe.Policy {
	return &probe.Policy{Rows: []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: "com.parallels.kext.vnic", AppPath: place, Pending: pending}}}
}

// Each fact that names the place of Parallels Desktop is enough to find it.
func TestParallelsAnywhere(t *testing.T) {
	another := func(t *testing.T, m root.FS, place string) {
		addPlist(t, m, place+"/Contents/Info.plist", root.BundleInfo{ID: "com.example.other", ShortVersion: "1", Version: "1"})
	}
	for name, c := range map[string]struct {
		set     func(t *testing.T, m root.FS)
		policy  *probe.Policy
		running string // the path of a program
		want    string // the path of the app; empty: not installed
		err     string
	}{
		"nowhere":     {},
		"usual place": {set: func(t *testing.T, m root.FS) { addParallels(t, m, probe.ParallelsApp, "17") }, want: probe.ParallelsApp},
		"in the home": {set: func(t *testing.T, m root.FS) { addParallels(t, m, homeApp, "17") }, want: homeApp},
		"renamed":     {set: func(t *testing.T, m root.FS) { addParallels(t, m, renamedApp, "17") }, want: renamedApp},
		"Utilities": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, "/Applications/Utilities/Parallels Desktop.app", "17")
		}, want: "/Applications/Utilities/Parallels Desktop.app"},
		"load history":      {set: func(t *testing.T, m root.FS) { addParallels(t, m, "/Applications/Tools/PD.app", "17") }, policy: recorded(attempted("/Applications/Tools/PD.app", 1)), want: "/Applications/Tools/PD.app"},
		"staged in history": {set: func(t *testing.T, m root.FS) { addParallels(t, m, "/Applications/Tools/PD.app", "17") }, policy: recorded(attempted("/Library/StagedExtensions/Applications/Tools/PD.app", 1)), want: "/Applications/Tools/PD.app"},
		"framework":         {set: func(t *testing.T, m root.FS) { addParallels(t, m, "/Applications/Tools/PD.app", "17") }, policy: inFramework("/Applications/Tools/PD.app/", probe.No), want: "/Applications/Tools/PD.app"},
		"client runs":       {set: func(t *testing.T, m root.FS) { addParallels(t, m, "/opt/PD.app", "17") }, running: "/opt/PD.app/Contents/MacOS/prl_client_app", want: "/opt/PD.app"},
		"service runs":      {set: func(t *testing.T, m root.FS) { addParallels(t, m, "/opt/PD.app", "17") }, running: "/opt/PD.app/Contents/MacOS/Parallels Service.app/Contents/MacOS/prl_disp_service", want: "/opt/PD.app"},
		"something runs":    {set: func(t *testing.T, m root.FS) { addParallels(t, m, "/opt/PD.app", "17") }, running: "/opt/PD.app/Contents/MacOS/other"},
		"another app runs":  {set: func(t *testing.T, m root.FS) { another(t, m, "/opt/PD.app") }, running: "/opt/PD.app/Contents/MacOS/prl_client_app"},
		"link to prlctl": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, "/opt/PD.app", "17")
			mactest.AddLink(t, m.Root, probe.PrlctlTool, "/opt/PD.app/Contents/MacOS/prlctl")
		}, want: "/opt/PD.app"},
		"relative link": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, "/opt/PD.app", "17")
			mactest.AddLink(t, m.Root, probe.PrlctlTool, "../../../opt/PD.app/Contents/MacOS/prlctl")
		}, want: "/opt/PD.app"},
		"link to nothing": {set: func(t *testing.T, m root.FS) {
			mactest.AddLink(t, m.Root, probe.PrlctlTool, "/opt/PD.app/Contents/MacOS/prlctl")
		}},
		"staged": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, "/Applications/PD.app", "17")
			addKext(t, m, probe.StagedExtensions+"/Applications/PD.app"+vnic, "com.parallels.kext.vnic", "17 1")
		}, want: "/Applications/PD.app"},
		"another app staged": {set: func(t *testing.T, m root.FS) {
			mactest.AddFile(t, m.Root, "/Applications/Fusion.app/Contents/Info.plist", "damaged")
			addKext(t, m, probe.StagedExtensions+"/Applications/Fusion.app"+"/Contents/Library/Extensions/vmmon.kext", "com.vmware.kext.vmx86", "1")
		}},
		"only staged": {set: func(t *testing.T, m root.FS) {
			addKext(t, m, probe.StagedExtensions+"/Applications/PD.app"+vnic, "com.parallels.kext.vnic", "17 1")
		}, policy: recorded(attempted("/Applications/PD.app", 1))},
		"another app": {set: func(t *testing.T, m root.FS) { another(t, m, renamedApp) }},
		"kexts prove it": {set: func(t *testing.T, m root.FS) {
			addKext(t, m, "/Applications/PD.app"+vnic, "com.parallels.kext.vnic", "17 1")
		}, policy: recorded(attempted("/Applications/PD.app", 1)), want: "/Applications/PD.app", err: "was not found"},

		"two copies, this one last": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, probe.ParallelsApp, "16")
			addParallels(t, m, renamedApp, "17")
		}, policy: recorded(attempted(probe.ParallelsApp, 1), attempted(renamedApp, 2)), want: renamedApp},
		"two copies, the usual last": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, probe.ParallelsApp, "16")
			addParallels(t, m, renamedApp, "17")
		}, policy: recorded(attempted(renamedApp, 1), attempted(probe.ParallelsApp, 2)), want: probe.ParallelsApp},
		"two copies, one scan": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, probe.ParallelsApp, "16")
			addParallels(t, m, renamedApp, "17")
		}, policy: recorded(attempted(renamedApp, 1), attempted(probe.ParallelsApp, 1)), want: probe.ParallelsApp},
		"two copies, none attempted": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, probe.ParallelsApp, "16")
			addParallels(t, m, renamedApp, "17")
		}, want: probe.ParallelsApp},
		"two copies, one pending": {set: func(t *testing.T, m root.FS) {
			addParallels(t, m, probe.ParallelsApp, "16")
			addParallels(t, m, renamedApp, "17")
		}, policy: inFramework(renamedApp, probe.Yes), want: renamedApp},
		"two copies, one is gone": {set: func(t *testing.T, m root.FS) { addParallels(t, m, probe.ParallelsApp, "16") }, policy: recorded(attempted(renamedApp, 2)), want: probe.ParallelsApp},

		"Trash":            {set: func(t *testing.T, m root.FS) { addParallels(t, m, trashedApp, "17") }, policy: recorded(attempted(trashedApp, 1), attempted(probe.ParallelsApp, 1))},
		"runs from Trash":  {set: func(t *testing.T, m root.FS) { addParallels(t, m, trashedApp, "17") }, running: trashedApp + "/Contents/MacOS/prl_client_app"},
		"disk image":       {set: func(t *testing.T, m root.FS) { addParallels(t, m, imageApp, "17") }, policy: recorded(attempted(imageApp, 1)), running: imageApp + "/Contents/MacOS/prl_client_app"},
		"image, framework": {set: func(t *testing.T, m root.FS) { addParallels(t, m, imageApp, "17") }, policy: inFramework(imageApp, probe.Yes)},
		"staged image": {set: func(t *testing.T, m root.FS) {
			addKext(t, m, probe.StagedExtensions+imageApp+vnic, "com.parallels.kext.vnic", "17 1")
		}, policy: recorded(attempted(probe.StagedExtensions+imageApp, 1))},
		"translocated": {policy: recorded(attempted("/private/var/folders/a/b/d/AppTranslocation/1F/d/Parallels Desktop.app", 1)), running: "/private/var/folders/a/b/d/AppTranslocation/1F/d/Parallels Desktop.app/Contents/MacOS/prl_client_app"},

		"closed folder, history": {policy: recorded(attempted(closedApp, 1)), want: closedApp, err: root.ErrOutside.Error()},
		"closed folder, runs":    {running: closedApp + "/Contents/MacOS/prl_client_app", want: closedApp, err: root.ErrOutside.Error()},
		"closed and readable":    {set: func(t *testing.T, m root.FS) { addParallels(t, m, homeApp, "17") }, policy: recorded(attempted(closedApp, 2)), want: homeApp},
		"home folder closed": {set: func(t *testing.T, m root.FS) {
			mactest.AddLink(t, m.Root, "/Users/me/Applications", "/Volumes/Stick/Applications")
		}, err: root.ErrOutside.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			m := anywhere(t)
			if c.set != nil {
				c.set(t, m)
			}
			p := NewProber(m)
			if c.running != "" {
				p.situation.programs.value.list = []process{{path: c.running}}
			}
			s := newShot(t.Context(), p.mac, time.Now(), Options{}, &p.queries)
			s.snap.Policy = c.policy
			p.readApps(s)
			got := ""
			if len(s.snap.Apps) > 0 {
				got = s.snap.Apps[0].Path
			}
			said := ""
			for _, g := range s.snap.Gaps {
				if g.Source == probe.FactParallels {
					said = g.Err
				}
			}
			if got != c.want || (said == "") != (c.err == "") || !strings.Contains(said, c.err) {
				t.Errorf("found %q, gap %q; want %q, %q", got, said, c.want, c.err)
			}
			if got != "" && (s.snap.Apps[0].Version == "") != (c.err != "") {
				t.Errorf("%+v: the version is known if and only if there is no gap", s.snap.Apps[0])
			}
			for _, k := range s.snap.Kexts {
				if root.Elsewhere(k.Path) {
					t.Errorf("%+v counts as on the disk", k)
				}
			}
		})
	}
}

// An app that was found by a program that runs is known after the program ended, until
// the app is gone.
func TestParallelsStaysKnown(t *testing.T) {
	for _, place := range []string{"/opt/PD.app", closedApp} {
		m := anywhere(t)
		addParallels(t, m, place, "17")
		p := NewProber(m)
		find := func() string {
			s := newShot(t.Context(), p.mac, time.Now(), Options{}, &p.queries)
			p.readApps(s)
			if len(s.snap.Apps) == 0 {
				return ""
			}
			return s.snap.Apps[0].Path
		}
		p.situation.programs.value.list = []process{{path: place + "/Contents/MacOS/prl_client_app"}}
		find()
		p.situation.clear()
		if got := find(); got != place {
			t.Errorf("found %q, want %s", got, place)
		}
		mactest.Remove(t, m.Root, place)
		want := ""
		if place == closedApp {
			want = place // it cannot be read, so it is not known to be gone
		}
		if got := find(); got != want {
			t.Errorf("after it was removed: found %q, want %q", got, want)
		}
	}
}

// The time of a kext in a Trash is no load attempt: macOS runs nothing from there.
func TestRecordOfAKextInATrash(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	s.sql(mactest.BlockedRow, strings.Replace(insertRecord, hypervisorPath, trashedApp+vnic, 1),
		strings.Replace(insertRecord, hypervisorPath, imageApp+vnic, 1))
	snap, _ := s.snapshot(false)
	if h := snap.Policy.History; len(h) != 1 || h[0].Path != imageApp+vnic {
		t.Errorf("history %+v, want only the kext on the disk image", h)
	}
}
