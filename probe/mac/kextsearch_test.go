package mac

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// addCode is addKext for a kext with an executable, and with libraries.
func addCode(t testing.TB, m root.FS, place, id, version, team string, archs ...probe.Arch) {
	t.Helper()
	name := strings.TrimSuffix(path.Base(place), ".kext")
	addPlist(t, m, place+"/Contents/Info.plist", map[string]any{
		"CFBundleIdentifier": id, "CFBundleVersion": version, "CFBundleExecutable": name,
		"OSBundleLibraries": map[string]any{"com.apple.kpi.libkern": "16.0", "com.apple.iokit.IOFireWireFamily": 4, "not a bundle ID": "1"},
	})
	mactest.AddFile(t, m.Root, place+"/Contents/MacOS/"+name, string(executable(team, archs...)))
}

var testLibraries = []string{"com.apple.iokit.IOFireWireFamily", "com.apple.kpi.libkern"}

func pathsOf(kexts []probe.Kext) []string {
	var places []string
	for _, k := range kexts {
		places = append(places, k.Path)
	}
	slices.Sort(places)
	return places
}

func TestPlacesOfKexts(t *testing.T) {
	const fusion, tunnelblick, other = "/Applications/VMware Fusion.app", "/Applications/Utilities/Tunnelblick.app", "/Applications/Other.app"
	found := []string{
		"/Library/Extensions/UAD2System.kext",
		"/Library/Extensions/Name with spaces.kext",
		"/Library/Filesystems/kbfuse.fs/Contents/Extensions/13/kbfuse.kext",
		"/Library/Filesystems/macfuse.fs/Contents/Extensions/14/macfuse.kext",
		"/Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext",
		"/Library/Filesystems/old.fs/Contents/Extensions/old.kext",
		"/Library/Filesystems/tuxera_ntfs.fs/Contents/Resources/Support/10.9/tuxera_ntfs.kext",
		"/Library/Application Support/VMware Tools/vmhgfs.kext",
		fusion + "/Contents/Library/kexts/vmnet.kext",
		fusion + "/Contents/Library/Extensions/vmx86.kext",
		fusion + "/Contents/Library/Extensions/11/vmci.kext",
		tunnelblick + "/Contents/Resources/tun-notarized.kext",
	}
	elsewhere := []string{
		"/Library/Extensions/Folder/deep.kext",
		"/Library/Extensions/UAD2System.kext/Contents/PlugIns/inner.kext",
		"/Library/Filesystems/loose.kext",
		"/Library/Filesystems/NetFSPlugins/Contents/Extensions/a.kext",
		"/Library/Filesystems/macfuse.fs/Contents/Resources/Support/tuxera.kext",
		"/Library/Application Support/loose.kext",
		"/Library/Application Support/a/b/deep.kext",
		"/Library/Application Support/com.apple.TCC/private.kext",
		"/System/Library/Extensions/IOStorage.kext",
		other + "/Contents/Library/Extensions/nobody-named.kext",
		fusion + "/Contents/MacOS/x.kext",
		"/Users/me/Library/Extensions/x.kext",
	}
	m := root.FS{Root: mactest.Root(t)}
	for i, place := range slices.Concat(found, elsewhere) {
		addKext(t, m, place, fmt.Sprintf("com.example.a%d", i), "1")
	}
	addKext(t, m, "/Library/Extensions/AppleMobileDevice.kext", "com.apple.driver.AppleMobileDevice", "1")
	addKext(t, m, "/Library/Extensions/SoftRAID.kext", "com.softraid.driver.SoftRAID", "6.3.1") // Apple ships it; the rules decide
	kexts, gaps := findKexts(m, nil, nil, &probe.Policy{
		Rows:    []probe.PolicyRow{{TeamID: "EG7KH642X6", BundleID: "com.vmware.kext.x", AppPath: fusion}, {AppPath: "/Volumes/Disk/Other.app"}, {AppPath: "../Other.app"}},
		History: []probe.LoadRecord{{Path: probe.StagedExtensions + tunnelblick + "/Contents/Resources/gone.kext", BundleID: "net.tunnelblick.tun"}},
	})
	want := append(slices.Clone(found), "/Library/Extensions/SoftRAID.kext")
	if slices.Sort(want); !slices.Equal(pathsOf(kexts), want) {
		t.Errorf("got  %q\nwant %q", pathsOf(kexts), want)
	}
	wantGaps(t, gaps, "")
}

// The policy names apps: first those of the load history, newest first.
func TestAppsWithKexts(t *testing.T) {
	at := func(place string, minute int) probe.LoadRecord {
		return probe.LoadRecord{Path: place + "/Contents/Resources/x.kext", LastSeen: time.Unix(int64(minute), 0)}
	}
	policy := recorded(at("/Applications/Old.app", 1), at(probe.StagedExtensions+"/Applications/New.app", 3), at("/Applications/New.app", 2),
		at("/Library/Extensions", 4), at(probe.ParallelsApp, 5), at("/Volumes/Disk/A.app", 6), at("/Users/me/Downloads/B.app", 7))
	policy.Rows = []probe.PolicyRow{{AppPath: "/Applications/Named.app"}, {AppPath: "/Applications/Old.app/"}, {AppPath: ""}, {AppPath: "Relative.app"}, {AppPath: "/Applications/Not"}}
	m := root.FS{Root: "/root", Home: "/root/Users/me"}
	want := []string{"/Applications/New.app", "/Applications/Old.app", "/Applications/Named.app"}
	if got := kextApps(policy, probe.ParallelsApp, m.Reads); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := kextApps(nil, "", m.Reads); got != nil {
		t.Errorf("without a policy: %q", got)
	}
}

// What the executable and the list of a kext say is part of its facts: wherever it is.
func TestCodeOfKexts(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	addCode(t, m, hypervisorPath, hypervisorID, "18.1.1 53328", probe.ParallelsTeamID, probe.Intel)
	addCode(t, m, "/Library/Extensions/a.kext", "com.example.a", "1", testTeam, bothArchs...)
	addCode(t, m, "/Library/Extensions/b.kext", "com.example.b", "1", "", probe.AppleSilicon)
	addKext(t, m, "/Library/Extensions/codeless.kext", "com.example.codeless", "1")
	addPlist(t, m, "/Library/Extensions/d.kext/Contents/Info.plist", root.BundleInfo{ID: "com.example.d", Version: "1", Executable: "../../../a.kext/Contents/MacOS/a"})
	addPlist(t, m, "/Library/Extensions/e.kext/Contents/Info.plist", root.BundleInfo{ID: "com.example.e", Version: "1", Executable: "pipe"})
	mactest.NoError(t, os.MkdirAll(m.Root+"/Library/Extensions/e.kext/Contents/MacOS", 0o755))
	mactest.NoError(t, syscall.Mkfifo(m.Root+"/Library/Extensions/e.kext/Contents/MacOS/pipe", 0o644))
	kexts, gaps := findKexts(m, nil, testApp, recorded(probe.LoadRecord{Path: "/Library/Extensions/b.kext", TeamID: "VB5E2TV963", BundleID: "com.example.b"}))
	wantKexts(t, kexts,
		probe.Kext{BundleID: hypervisorID, TeamID: probe.ParallelsTeamID, Path: hypervisorPath, Version: "18.1.1 53328", Code: []probe.Arch{probe.Intel}, Libraries: testLibraries},
		probe.Kext{BundleID: "com.example.b", TeamID: "VB5E2TV963", Path: "/Library/Extensions/b.kext", Version: "1", Code: []probe.Arch{probe.AppleSilicon}, Libraries: testLibraries},
		probe.Kext{BundleID: "com.example.a", TeamID: testTeam, Path: "/Library/Extensions/a.kext", Version: "1", Code: bothArchs, Libraries: testLibraries},
		probe.Kext{BundleID: "com.example.codeless", Path: "/Library/Extensions/codeless.kext", Version: "1"},
		probe.Kext{BundleID: "com.example.d", Path: "/Library/Extensions/d.kext", Version: "1"},
		probe.Kext{BundleID: "com.example.e", Path: "/Library/Extensions/e.kext", Version: "1"},
	)
	wantGaps(t, gaps, "")
}

func TestTeamOfKext(t *testing.T) {
	const id, signed, named, other = "com.example.a", testTeam, "VB5E2TV963", "EG7KH642X6"
	row := func(team, id string) probe.Policy {
		return probe.Policy{Rows: []probe.PolicyRow{{TeamID: team, BundleID: id}}}
	}
	mdm := func(team, id string) probe.Policy {
		return probe.Policy{MDM: []probe.MDMRow{{TeamID: team, BundleID: id}}}
	}
	record := func(team, id string) probe.Policy {
		return probe.Policy{History: []probe.LoadRecord{{TeamID: team, BundleID: id, Path: "/Library/Gone.kext"}}}
	}
	join := func(all ...probe.Policy) (p probe.Policy) {
		for _, one := range all {
			p.Rows, p.MDM, p.History = append(p.Rows, one.Rows...), append(p.MDM, one.MDM...), append(p.History, one.History...)
		}
		return p
	}
	m := root.FS{Root: mactest.Root(t)}
	addCode(t, m, "/Library/Extensions/a.kext", id, "1", signed, probe.Intel)
	for name, c := range map[string]struct {
		policy probe.Policy
		want   string
	}{
		"nothing names it":       {probe.Policy{}, signed},
		"a row":                  {row(named, id), named},
		"a profile":              {mdm(named, id), named},
		"a load record":          {record(named, id), named},
		"all of them":            {join(row(named, id), mdm(named, id), record(named, id)), named},
		"another bundle ID":      {row(named, "com.example.b"), signed},
		"a profile for the team": {mdm(named, ""), signed},
		"two teams":              {join(row(named, id), record(other, id)), signed},
		"an unsigned row":        {row("", id), ""},
		"unsigned and signed":    {join(row("", id), row(named, id)), signed},
	} {
		kexts, _ := findKexts(m, nil, nil, &c.policy)
		if len(kexts) != 1 || kexts[0].TeamID != c.want {
			t.Errorf("%s: %+v, want team %q", name, kexts, c.want)
		}
	}
}

// What may not be read counts as there, and nobody has to install anything again.
func TestKextsThatMayNotBeRead(t *testing.T) {
	denied := &fs.PathError{Op: "stat", Path: "x", Err: fs.ErrPermission}
	const motu, id, team = "/Library/Extensions/MOTUFireWireAudio.kext", "com.motu.driver.FireWireAudio", "KRCLLMGZ2D"
	m := root.FS{Root: mactest.Root(t)}
	unread := func(place string) []probe.Kext {
		return []probe.Kext{{BundleID: id, TeamID: team, Path: place, Unread: true}}
	}
	row := probe.PolicyRow{TeamID: team, BundleID: id, AppPath: "/Applications/MOTU.app"}
	for name, c := range map[string]struct {
		found  foundKexts
		policy probe.Policy
		want   []probe.Kext
		err    string
	}{
		"nothing names it": {
			found: foundKexts{kexts: []foundKext{{path: motu, err: denied}}},
			err:   "kextwatch has no permission to read the kernel extension " + motu,
		},
		"several": {
			found: foundKexts{kexts: []foundKext{{path: motu, err: denied}, {path: "/Library/Extensions/x.kext", err: denied}}},
			err:   "kextwatch has no permission to read 2 kernel extensions: the first is " + motu,
		},
		"a row fits its name": {
			found:  foundKexts{kexts: []foundKext{{path: motu, err: denied}}},
			policy: probe.Policy{Rows: []probe.PolicyRow{row}},
			want:   unread(motu), err: motu,
		},
		"a row does not fit its name": {
			found:  foundKexts{kexts: []foundKext{{path: "/Library/Extensions/Other.kext", err: denied}}},
			policy: probe.Policy{Rows: []probe.PolicyRow{row}},
			err:    "Other.kext",
		},
		"the folder of all kexts": {
			found:  foundKexts{hidden: []hiddenFolder{{probe.Extensions, denied}}},
			policy: probe.Policy{Rows: []probe.PolicyRow{row, {TeamID: probe.ParallelsTeamID, BundleID: hypervisorID}, {BundleID: "com.apple.x"}, {BundleID: "not/valid"}}},
			want:   unread(probe.Extensions), err: "permission denied",
		},
		"its app": {
			found:  foundKexts{hidden: []hiddenFolder{{"/Applications/MOTU.app/Contents/Resources", denied}}},
			policy: probe.Policy{Rows: []probe.PolicyRow{row}},
			want:   unread("/Applications/MOTU.app/Contents/Resources"), err: "permission denied",
		},
		"another app": {
			found:  foundKexts{hidden: []hiddenFolder{{"/Applications/Other.app/Contents/Resources", denied}}},
			policy: probe.Policy{Rows: []probe.PolicyRow{row}},
			err:    "permission denied",
		},
	} {
		kexts, gaps := gatherKexts(m, nil, nil, &c.policy, c.found)
		if len(kexts) != len(c.want) || len(kexts) > 0 && !reflect.DeepEqual(kexts, c.want) {
			t.Errorf("%s: %+v, want %+v", name, kexts, c.want)
		}
		wantGaps(t, gaps, string(probe.FactOtherKexts))
		if len(gaps) == 1 && (!strings.Contains(gaps[0].Err, c.err) || gaps[0].Next != deniedNext) {
			t.Errorf("%s: %+v, want %q and nothing to do", name, gaps[0], c.err)
		}
	}
}

func TestNamesFit(t *testing.T) {
	for _, c := range []struct {
		place, id string
		want      bool
	}{
		{"/L/MOTUFireWireAudio.kext", "com.motu.driver.FireWireAudio", true},
		{"/L/HighPointRR.kext", "com.highpoint-tech.kext.HighPointRR", true},
		{"/L/zfs.kext", "org.openzfsonosx.zfs", false}, // too short to prove anything
		{"/L/driver.kext", "com.a.kext", false},
		{"/L/Audio.kext", "com.a.audiobox", true},
		{"/L/a.kext", "com.motu.driver.FireWireAudio", false},
		{"/L/.kext", "com.motu.driver.FireWireAudio", false},
	} {
		if got := fits(c.place, c.id); got != c.want {
			t.Errorf("%s and %s: %v", c.place, c.id, got)
		}
	}
}

// Nothing that lies in the places of kexts makes kextwatch hang, read elsewhere, or show
// control characters.
func TestHostilePlaces(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	m.Home = m.Root + "/Users/me"
	add := func(place string) {
		addKext(t, m, place, "com.example."+strings.Trim(path.Base(place), "\x1b\n\u202e"), "1")
	}
	add("/Library/Extensions/good.kext")
	add("/Library/Extensions/escape\x1b[31m.kext")
	add("/Library/Extensions/line\nbreak.kext")
	add("/Library/Extensions/turned\u202e.kext")
	add("/Users/me/Desktop/away.kext")
	add("/Volumes/Stick/x.fs/Contents/Extensions/a.kext")
	mactest.AddFile(t, m.Root, "/Library/Extensions/file.kext", "")
	mactest.NoError(t, syscall.Mkfifo(m.Root+"/Library/Extensions/pipe.kext", 0o644))
	mactest.AddFile(t, m.Root, "/Library/Extensions/empty.kext/x", "")
	mactest.AddFile(t, m.Root, "/Library/Extensions/inner.kext/Contents", "")
	mactest.NoError(t, os.MkdirAll(m.Root+"/Library/Extensions/list.kext/Contents/Info.plist", 0o755))
	mactest.NoError(t, os.MkdirAll(m.Root+"/Library/Extensions/pipes.kext/Contents", 0o755))
	mactest.NoError(t, syscall.Mkfifo(m.Root+"/Library/Extensions/pipes.kext/Contents/Info.plist", 0o644))
	mactest.AddLink(t, m.Root, "/Library/Extensions/link.kext", "good.kext")
	mactest.AddLink(t, m.Root, "/Library/Extensions/away.kext", "/Users/me/Desktop/away.kext")
	mactest.AddLink(t, m.Root, "/Library/Extensions/dangling.kext", "nothing.kext")
	mactest.AddLink(t, m.Root, "/Library/Extensions/loop.kext", "loop.kext")
	mactest.AddLink(t, m.Root, "/Library/Filesystems/loop.fs", "/Library/Filesystems/loop.fs")
	mactest.AddLink(t, m.Root, "/Library/Filesystems/up.fs/Contents/Extensions/up", "..")
	mactest.AddLink(t, m.Root, "/Library/Filesystems/away.fs", "/Volumes/Stick/x.fs")
	mactest.AddLink(t, m.Root, "/Library/Application Support/self", ".")
	mactest.AddLink(t, m.Root, "/Library/Application Support/away", "/Volumes/Stick")
	mactest.AddFile(t, m.Root, "/Library/Application Support/file", "")
	mactest.AddFile(t, m.Root, "/Library/Filesystems/file.fs", "")
	kexts, gaps := findKexts(m, nil, nil, nil)
	if want := []string{"/Library/Extensions/good.kext", "/Library/Extensions/link.kext"}; !slices.Equal(pathsOf(kexts), want) {
		t.Errorf("got %q, want %q", pathsOf(kexts), want)
	}
	var reasons []string
	for _, gap := range gaps {
		reasons = append(reasons, gap.Err)
		if strings.ContainsAny(gap.Err, "\x1b\n\u202e") {
			t.Errorf("%q", gap.Err)
		}
	}
	all := strings.Join(reasons, "\n")
	for _, part := range []string{"only the paths of 3 kernel extensions", "invalid name", "loop.kext", "loop.fs", "list.kext", "pipes.kext"} {
		if !strings.Contains(all, part) {
			t.Errorf("no gap with %q in\n%s", part, all)
		}
	}
	if len(gaps) != 6 {
		t.Errorf("%d gaps, want 6:\n%s", len(gaps), all)
	}
}

// A folder with very many entries costs a limited time. The rest of it may have the kext
// of any row.
func TestFolderWithManyEntries(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.NoError(t, os.MkdirAll(m.Root+probe.Extensions, 0o755))
	for i := range 10_000 {
		mactest.NoError(t, os.WriteFile(fmt.Sprintf("%s%s/%05d.kext", m.Root, probe.Extensions, i), nil, 0o644))
	}
	addKext(t, m, "/Library/Filesystems/a.fs/Contents/Extensions/a.kext", "com.example.a", "1")
	kexts, gaps := findKexts(m, nil, nil, &probe.Policy{Rows: []probe.PolicyRow{{TeamID: testTeam, BundleID: "com.example.b"}}})
	if want := []string{probe.Extensions}; !slices.Equal(pathsOf(kexts), want) || len(kexts) == 1 && !kexts[0].Unread {
		t.Errorf("%+v, want only the one that may be there", kexts)
	}
	if len(gaps) != 2 || !strings.Contains(gaps[1].Err, "more kexts were not read") && !strings.Contains(gaps[0].Err, "more kexts were not read") {
		t.Errorf("%+v, want one for the entries and one for the kexts that were not read", gaps)
	}
}

// Kexts that nothing names do not use up the number of those that the history names, and
// the other way round.
func TestSearchAndHistoryHaveTheirOwnLimits(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	var history []probe.LoadRecord
	for i := range kextLimit {
		place := fmt.Sprintf("/Library/Vendor/%d.kext", i)
		addKext(t, m, place, fmt.Sprintf("com.example.named%d", i), "1")
		history = append(history, probe.LoadRecord{Path: place, BundleID: fmt.Sprintf("com.example.named%d", i)})
	}
	for i := range searchKextLimit + 3 {
		addKext(t, m, fmt.Sprintf("/Library/Extensions/%d.kext", i), fmt.Sprintf("com.example.found%d", i), "1")
	}
	kexts, gaps := findKexts(m, nil, nil, recorded(history...))
	if len(kexts) != kextLimit+searchKextLimit {
		t.Errorf("%d kexts, want %d", len(kexts), kextLimit+searchKextLimit)
	}
	if len(gaps) != 1 || !strings.HasPrefix(gaps[0].Err, "3 more") {
		t.Errorf("%+v, want one that counts 3", gaps)
	}

	// What the history names beyond its limit is known if the search has read it.
	for i := range 5 {
		history = append(history, probe.LoadRecord{Path: fmt.Sprintf("/Library/Extensions/%d.kext", i), BundleID: "com.example.old"})
	}
	kexts, gaps = findKexts(m, nil, nil, recorded(history...))
	if len(kexts) != kextLimit+searchKextLimit || len(gaps) != 1 || !strings.HasPrefix(gaps[0].Err, "3 more") {
		t.Errorf("%d kexts and %+v", len(kexts), gaps)
	}
}

// callCount counts the calls about files whose paths contain a word.
type callCount struct {
	word  string
	calls int
}

func (c *callCount) files() *root.Files {
	return &root.Files{Before: func(p string) {
		if strings.Contains(p, c.word) {
			c.calls++
		}
	}}
}

// A search reads again only what has changed, and notices each change.
func TestSearchRemembers(t *testing.T) {
	count := callCount{word: ".kext"}
	m := root.FS{Root: mactest.Root(t), Files: count.files()}
	for _, name := range []string{"a", "b"} {
		addCode(t, m, "/Library/Extensions/"+name+".kext", "com.example."+name, "1", testTeam, probe.Intel)
	}
	addKext(t, m, "/Library/Extensions/codeless.kext", "com.example.codeless", "1")
	s := &kextSearcher{mac: m}
	search := func(after string, calls int, want ...string) foundKexts {
		t.Helper()
		count.calls = 0
		found := s.search(t.Context(), nil)
		var got []string
		for _, k := range found.kexts {
			got = append(got, fmt.Sprint(k.info.ID, " ", k.info.Version, " ", k.code.archs))
		}
		if !slices.Equal(got, want) || len(found.hidden) > 0 {
			t.Errorf("%s:\n got %q\nwant %q", after, got, want)
		}
		if count.calls != calls {
			t.Errorf("%s: %d calls about kexts, want %d", after, count.calls, calls)
		}
		return found
	}
	const a, b, c = "com.example.a 1 [x86_64]", "com.example.b 1 [x86_64]", "com.example.codeless 1 []"
	first := search("first", 10, a, b, c)
	if again := search("unchanged", 0, a, b, c); !again.equal(first) {
		t.Errorf("%+v differs from %+v", again, first)
	}
	addCode(t, m, "/Library/Extensions/a.kext", "com.example.a", "2.0", testTeam, probe.Intel)
	updated := search("updated in its place", 4, "com.example.a 2.0 [x86_64]", b, c)
	if updated.equal(first) {
		t.Error("an update is no change")
	}
	addCode(t, m, "/Library/Extensions/b.kext", "com.example.b", "1", testTeam, bothArchs...)
	search("another executable", 4, "com.example.a 2.0 [x86_64]", "com.example.b 1 [arm64 x86_64]", c)
	mactest.Remove(t, m.Root, "/Library/Extensions/b.kext/Contents/MacOS/b")
	search("no executable", 2, "com.example.a 2.0 [x86_64]", "com.example.b 1 []", c)
	mactest.Remove(t, m.Root, "/Library/Extensions/a.kext")
	search("removed", 2, "com.example.b 1 []", c)
	addKext(t, m, "/Library/Extensions/d.kext", "com.example.d", "1")
	search("added", 4, "com.example.b 1 []", c, "com.example.d 1 []")
	if len(s.infos.now) != 3 {
		t.Errorf("%d kexts are remembered, want 3", len(s.infos.now))
	}
}

// A folder is listed again after a change, also if its disk keeps times in seconds.
func TestSearchListsAgain(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	addKext(t, m, "/Library/Extensions/a.kext", "com.example.a", "1")
	addKext(t, m, "/Library/Extensions/b", "com.example.b", "1")
	folder := m.Root + probe.Extensions
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	mactest.NoError(t, os.Chtimes(folder, old, old))
	s := &kextSearcher{mac: m}
	s.search(t.Context(), nil)
	mactest.NoError(t, os.Rename(folder+"/b", folder+"/b.kext")) // the size of the folder stays, on every file system
	mactest.NoError(t, os.Chtimes(folder, old, old))
	if found := s.search(t.Context(), nil); len(found.kexts) != 1 {
		t.Errorf("%+v; the stamp did not change, so the folder was not to be listed again", found.kexts)
	}
	now := time.Now().Truncate(time.Second)
	mactest.NoError(t, os.Chtimes(folder, now, now))
	if found := s.search(t.Context(), nil); len(found.kexts) != 2 {
		t.Errorf("%+v, want both", found.kexts)
	}
	addKext(t, m, "/Library/Extensions/c.kext", "com.example.c", "1")
	mactest.NoError(t, os.Chtimes(folder, now, now)) // in the same second
	if found := s.search(t.Context(), nil); len(found.kexts) != 3 {
		t.Errorf("%+v, want three", found.kexts)
	}
}

// A folder that does not answer keeps what was known about it. The others are read, and few
// calls wait, so that the files that matter are still read.
func TestFolderThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		dead            []string
		kexts, waiting  int
		hidden          []string
		takes, takesNow time.Duration // the first search, and the next ones
	}{
		"a kext":      {[]string{"/05.kext"}, 23, 1, []string{probe.Extensions}, root.FileLimit, 0},
		"a folder":    {[]string{"/Library/Filesystems"}, 23, 1, []string{probe.Filesystems}, root.FileLimit, 0},
		"all folders": {[]string{"/Library/"}, 22, 2, []string{probe.Extensions, probe.Filesystems}, root.FileLimit + root.FileHurry, 0},
	} {
		dir := mactest.Root(t)
		synctest.Test(t, func(t *testing.T) {
			var on atomic.Bool
			var waiting atomic.Int32
			wait := make(chan struct{})
			m := root.FS{Root: dir, Files: &root.Files{Before: func(p string) {
				if on.Load() && slices.ContainsFunc(c.dead, func(part string) bool { return strings.Contains(p, part) }) {
					waiting.Add(1)
					<-wait
				}
			}}}
			for i := range 20 {
				addKext(t, m, fmt.Sprintf("/Library/Extensions/%02d.kext", i), fmt.Sprintf("com.example.a%d", i), "1")
			}
			addKext(t, m, "/Library/Filesystems/a.fs/Contents/Extensions/a.kext", "com.example.fs", "1")
			addKext(t, m, "/Library/Application Support/x/x.kext", "com.example.x", "1")
			s := &kextSearcher{mac: m}
			if found := s.search(t.Context(), nil); len(found.kexts) != 22 {
				t.Fatalf("%s: %d kexts, want 22", name, len(found.kexts))
			}
			on.Store(true)
			addKext(t, m, "/Library/Extensions/05.kext", "com.example.a5", "2.0") // has to be read
			addKext(t, m, "/Library/Application Support/y/y.kext", "com.example.y", "1")
			for try := range 3 {
				start := time.Now()
				found := s.search(t.Context(), nil)
				var hidden []string
				for _, h := range found.hidden {
					hidden = append(hidden, h.path)
				}
				if len(found.kexts) != c.kexts || !slices.Equal(hidden, c.hidden) {
					t.Errorf("%s: %d kexts and %q hidden; want %d and %q", name, len(found.kexts), hidden, c.kexts, c.hidden)
				}
				if took := time.Since(start); try == 0 && took > c.takes || try > 0 && took > c.takesNow {
					t.Errorf("%s: search %d took %v", name, try, took)
				}
			}
			if int(waiting.Load()) != c.waiting {
				t.Errorf("%s: %d calls wait, want %d", name, waiting.Load(), c.waiting)
			}
			close(wait)
			on.Store(false)
			time.Sleep(time.Hour) // until the paths are tried again
			if found := s.search(t.Context(), nil); len(found.kexts) != 23 || len(found.hidden) > 0 {
				t.Errorf("%s: %d kexts and %+v; want 23", name, len(found.kexts), found.hidden)
			}
		})
	}
}

// BenchmarkSearch measures the first search on a Mac with 300 kexts of other vendors, and
// the next ones, after which nothing has changed.
func BenchmarkSearch(b *testing.B) {
	m := root.FS{Root: mactest.Root(b)}
	for i := range 300 {
		addCode(b, m, fmt.Sprintf("%s/Example%03d.kext", probe.Extensions, i), fmt.Sprintf("com.example.driver%d", i), "1.0", testTeam, bothArchs...)
	}
	for i := range 100 {
		mactest.AddFile(b, m.Root, fmt.Sprintf("%s/Example %d/settings", probe.ApplicationSupport, i), "")
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if found := (&kextSearcher{mac: m}).search(b.Context(), nil); len(found.kexts) != 300 {
				b.Fatalf("%d kexts", len(found.kexts))
			}
		}
	})
	s := &kextSearcher{mac: m}
	s.search(b.Context(), nil)
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			if found := s.search(b.Context(), nil); len(found.kexts) != 300 {
				b.Fatalf("%d kexts", len(found.kexts))
			}
		}
	})
}
