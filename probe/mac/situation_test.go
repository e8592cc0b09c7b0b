package mac

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

const (
	netstatHead = "Active Internet connections (including servers)\nProto Recv-Q Send-Q  Local Address          Foreign Address        (state)    \n"
	vncRow      = "tcp4       0      0  192.168.1.10.5900      192.168.1.20.52444     ESTABLISHED\n"
	otherRow    = "tcp4       0      0  192.168.1.10.52444     192.168.1.20.5900      ESTABLISHED\n"
	listenRow   = "tcp46      0      0  *.5900                 *.*                    LISTEN     \n"
)

func TestParseNetstat(t *testing.T) {
	for name, c := range map[string]struct {
		out    string
		shared bool
		err    string
	}{
		"connected":          {netstatHead + listenRow + vncRow, true, ""},
		"over IPv6":          {netstatHead + "tcp6       0      0  fe80::10e2:3a4b%e.5900 fe80::1c2d%en0.52444   ESTABLISHED\n", true, ""},
		"through a tunnel":   {netstatHead + "tcp4 0 0 127.0.0.1.5900 127.0.0.1.50000 ESTABLISHED\n", true, ""},
		"with more columns":  {netstatHead + "tcp4 0 0 10.0.0.1.5900 10.0.0.2.5 ESTABLISHED 131072 131072 412 0\n", true, ""},
		"this Mac looks":     {netstatHead + otherRow, false, ""},
		"only listens":       {netstatHead + listenRow, false, ""},
		"was connected":      {netstatHead + strings.Replace(vncRow, "ESTABLISHED", "TIME_WAIT  ", 1), false, ""},
		"another port":       {netstatHead + strings.Replace(vncRow, ".5900 ", ".15900", 1), false, ""},
		"no connections":     {netstatHead, false, ""},
		"nothing":            {"", false, "no valid line"},
		"rubbish":            {"\x00\xff\ntcp\ntcp4 5900 ESTABLISHED\n", false, "no valid line"},
		"another language":   {"Aktive Internetverbindungen\n", false, "no valid line"},
		"rubbish in between": {netstatHead + "\x00\xff\n" + vncRow + strings.Repeat("x", 10000), true, ""},
	} {
		shared, err := parseNetstat([]byte(c.out))
		wantError(t, err, c.err)
		if shared != c.shared {
			t.Errorf("%s: %v, want %v", name, shared, c.shared)
		}
	}
}

func FuzzParseNetstat(f *testing.F) {
	f.Add([]byte(netstatHead + vncRow + listenRow))
	f.Add([]byte("netstat: illegal option"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		if shared, err := parseNetstat(out); shared && (err != nil || !strings.Contains(string(out), ".5900")) {
			t.Errorf("%v, %v", shared, err)
		}
	})
}

func TestParseGroups(t *testing.T) {
	for out, want := range map[string]probe.Answer{
		"20 12 61 79 80 81 98 701 33 100 204 250 395 398 399 400\n": probe.Yes,
		"20 12 61 701 100\n": probe.No,
		"80":                 probe.Yes,
		"":                   "",
		"staff admin\n":      "",
		"20 -80\n":           "",
		"20 80 99999999999":  "",
		"id: invalid user\n": "",
	} {
		got, err := parseGroups([]byte(out))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", out, got, err)
		}
	}
}

func ioregOf(sessions string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>IOConsoleLocked</key><false/><key>IOKitDiagnostics</key><dict><key>Classes</key><dict><key>IOService</key><integer size="32">0x1</integer></dict></dict>` + sessions + `</dict></plist>`
}

func session(uid int, locked string) string {
	if locked != "" {
		locked = "<key>CGSSessionScreenIsLocked</key>" + locked
	}
	return fmt.Sprintf(`<dict>%s<key>kCGSSessionUserIDKey</key><integer size="64">%d</integer></dict>`, locked, uid)
}

func TestParseLocked(t *testing.T) {
	users := func(sessions ...string) string {
		return ioregOf("<key>IOConsoleUsers</key><array>" + strings.Join(sessions, "") + "</array>")
	}
	console := func(out string) string {
		return strings.Replace(out, "<key>IOConsoleLocked</key><false/>", "<key>IOConsoleLocked</key><true/>", 1)
	}
	at := func(uid int, onConsole string) string {
		return strings.Replace(session(uid, ""), "</dict>", "<key>kCGSSessionOnConsoleKey</key>"+onConsole+"</dict>", 1)
	}
	for name, c := range map[string]struct {
		out  string
		want probe.Answer
		err  string
	}{
		"only the console":    {console(users(at(501, "<true/>"))), probe.Yes, ""},
		"console, older":      {console(users(session(501, ""))), probe.Yes, ""},
		"another's console":   {console(users(at(502, "<true/>"), at(501, "<false/>"))), probe.No, ""},
		"the session decides": {console(users(session(501, "<false/>"))), probe.No, ""},
		"neither yes nor no":  {users(session(501, "<string>perhaps</string>")), "", ""},
		"locked":              {users(session(501, "<true/>")), probe.Yes, ""},
		"locked, as a number": {users(session(501, "<integer>1</integer>")), probe.Yes, ""},
		"not locked":          {users(session(501, "")), probe.No, ""},
		"unlocked again":      {users(session(501, "<false/>")), probe.No, ""},
		"only the other's":    {users(session(502, "<true/>"), session(501, "")), probe.No, ""},
		"only another user":   {users(session(502, "<true/>")), "", ""},
		"nobody":              {users(), "", ""},
		"no list of sessions": {ioregOf(""), "", ""},
		"odd user":            {users("<dict><key>kCGSSessionUserIDKey</key><string>501</string></dict>"), "", ""},
		"one of other shape":  {users("<string>me</string>", session(501, "<true/>")), probe.Yes, ""},
		"mine of other shape": {users("<string>me</string>", session(502, "<true/>")), "", "damaged property list"},
		"nothing":             {"", "", "neither XML nor binary"},
		"words":               {"+-o Root  <class IORegistryEntry>", "", "neither XML nor binary"},
		"half":                {users(session(501, "<true/>"))[:200], "", "damaged property list"},
		"another shape":       {ioregOf("<key>IOConsoleUsers</key><string>me</string>"), "", "damaged property list"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseLocked([]byte(c.out), 501)
			wantError(t, err, c.err)
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func FuzzParseLocked(f *testing.F) {
	f.Add([]byte(ioregOf("<key>IOConsoleUsers</key><array>" + session(501, "<true/>") + "</array>")))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		if got, err := parseLocked(out, 501); err != nil && got != "" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// busyMac returns a Mac of user 501 (or of this user, without the right to chown)
// whose situation has every fact.
func busyMac(t testing.TB) root.FS {
	t.Helper()
	m := root.FS{Root: mactest.Root(t)}
	m.UID = 501
	console := mactest.AddFile(t, m.Root, probe.ConsoleDevice, "")
	if os.Geteuid() == 0 {
		if err := os.Chown(console, 501, -1); err != nil {
			t.Fatal(err)
		}
	}
	print := func(text string) string { return "cat <<'END'\n" + text + "END\n" }
	mactest.AddTool(t, m.Root, probe.PsTool, `[ "$*" = "-axww -o uid= -o etime= -o comm=" ] || exit 1; `+print(psRows+
		"0 01:00 /Applications/Parallels Desktop.app/Contents/MacOS/Parallels Service.app/Contents/MacOS/prl_disp_service\n"+
		"501 00:10 /Applications/TeamViewer.app/Contents/MacOS/TeamViewer\n"+
		"502 00:10 /Applications/Cog.app/Contents/MacOS/Cog\n"+
		"501 00:02 /x/SecurityPrivacyExtension\n"))
	mactest.AddTool(t, m.Root, probe.NetstatTool, `[ "$*" = "-an -p tcp" ] || exit 1; `+print(netstatHead+vncRow))
	mactest.AddTool(t, m.Root, probe.IDTool, `[ "$*" = -G ] || exit 1; echo 20 80`)
	mactest.AddTool(t, m.Root, probe.IoregTool, `[ "$*" = "-n Root -d1 -a" ] || exit 1; `+print(ioregOf("<key>IOConsoleUsers</key><array>"+session(501, "<true/>")+"</array>\n")+"\n"))
	mactest.AddTool(t, m.Root, probe.SystemExtensionsTool, `[ "$*" = list ] || exit 1; `+print(extensionList))
	return m
}

func consoleOwner(t testing.TB, m root.FS) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(m.Root, probe.ConsoleDevice))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// ofNow removes the login time, which depends on the clock, from a situation.
func ofNow(s probe.Situation) probe.Situation {
	s.LoginAt = time.Time{}
	return s
}

func TestSituation(t *testing.T) {
	m := busyMac(t)
	before := time.Now().Add(-42*time.Hour - 15*time.Minute - 53*time.Second)
	got, gaps := readSituation(t, m, probe.OSVersion{Version: "26.2"})
	after := time.Now().Add(-42*time.Hour - 15*time.Minute - 52*time.Second)
	wantGaps(t, gaps, "")
	if got.LoginAt.Before(before.Truncate(time.Second)) || got.LoginAt.After(after) {
		t.Errorf("logged in at %v, not between %v and %v", got.LoginAt, before, after)
	}
	want := probe.Situation{
		Asked: true, UID: 501, ConsoleUID: consoleOwner(t, m), Locked: probe.Yes, Admin: probe.Yes,
		Remote:     []string{"a connection to screen sharing", "TeamViewer"},
		InputTools: []string{"SteerMouse"},
		PaneOpen:   probe.Yes, Service: probe.Yes, ExtensionsAsked: true, Extensions: listedExtensions,
	}
	if !reflect.DeepEqual(ofNow(got), want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A failing tool does not change the answers of the other tools.
func TestSituationWithOneFailingTool(t *testing.T) {
	macOS := probe.OSVersion{Version: "26.2"}
	whole := busyMac(t)
	all, _ := readSituation(t, whole, macOS)
	tools := map[string]struct {
		source string
		loses  func(*probe.Situation)
	}{
		probe.PsTool: {"running programs", func(s *probe.Situation) {
			s.Remote, s.InputTools, s.PaneOpen, s.Service = s.Remote[:1:1], nil, "", ""
		}},
		probe.NetstatTool:          {"network connections", func(s *probe.Situation) { s.Remote = s.Remote[1:] }},
		probe.IDTool:               {"administrator", func(s *probe.Situation) { s.Admin = "" }},
		probe.IoregTool:            {"screen lock", func(s *probe.Situation) { s.Locked = "" }},
		probe.SystemExtensionsTool: {"system extensions", func(s *probe.Situation) { s.Extensions = nil }},
	}
	check := func(t *testing.T, name, script string) {
		m := busyMac(t)
		if script == "" {
			mactest.Remove(t, m.Root, name)
		} else {
			mactest.AddTool(t, m.Root, name, script)
		}
		want := ofNow(all)
		tools[name].loses(&want)
		got, gaps := readSituation(t, m, macOS)
		wantGaps(t, gaps, tools[name].source)
		if !reflect.DeepEqual(ofNow(got), want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	for name := range tools {
		for ailment, script := range map[string]string{
			"is missing":              "",
			"prints rubbish":          `printf '\000\377<plist>\n[x]\t\t\t\t\t[x'`,
			"prints nothing":          "true",
			"speaks another language": "echo 'Zugriff verweigert'",
			"fails":                   "echo sorry >&2; exit 1",
			"prints without end":      "yes /usr/libexec/UserEventAgent",
		} {
			t.Run(filepath.Base(name)+" "+ailment, func(t *testing.T) {
				t.Parallel()
				check(t, name, script)
			})
		}
	}
	t.Run("hangs", func(t *testing.T) {
		tooltest.ShortLimit(t, 2*time.Second)
		for name := range tools {
			t.Run(filepath.Base(name), func(t *testing.T) {
				t.Parallel()
				check(t, name, "sleep 60 & wait")
			})
		}
	})
	t.Run("no console", func(t *testing.T) {
		m := busyMac(t)
		mactest.Remove(t, m.Root, probe.ConsoleDevice)
		got, gaps := readSituation(t, m, macOS)
		wantGaps(t, gaps, "console user")
		want := ofNow(all)
		want.ConsoleUID = -1
		if !reflect.DeepEqual(ofNow(got), want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func (s *snapshotStory) situation(snap probe.Snapshot, fresh bool, now time.Time) (probe.Situation, string) {
	s.t.Helper()
	log := filepath.Join(s.m.Root, "queried")
	if err := os.RemoveAll(log); err != nil {
		s.t.Fatal(err)
	}
	got := s.prober.whole(s.t.Context(), now, Options{Fresh: fresh}, snap, s.prober.readSituation).Situation
	data, err := os.ReadFile(log)
	if err != nil && !root.NotExist(err) {
		s.t.Fatal(err)
	}
	return got, strings.Join(strings.Fields(string(data)), " ")
}

// The tools are run only while a user may have to click Allow, at most once a
// minute.
func TestSituationQueriedOnlyIfItMatters(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	mactest.AddTool(t, s.m.Root, probe.PsTool, "echo ps >>'"+filepath.Join(s.m.Root, "queried")+"'\necho 0 00:00 /bin/ps")
	blocked, quiet := probe.Snapshot{Policy: &probe.Policy{Rows: []probe.PolicyRow{{TeamID: "4C6364ACXT", BundleID: hypervisorID}}}}, probe.Snapshot{}
	loaded := blocked
	loaded.Loaded = probe.Loaded{Known: true, Kexts: []probe.LoadedKext{{BundleID: hypervisorID, Version: "14.0.1 45154"}}}
	other := func(source probe.SourceName, pending probe.Answer, change func(*probe.Snapshot)) probe.Snapshot {
		snap := probe.Snapshot{Policy: &probe.Policy{Source: source, Rows: []probe.PolicyRow{{TeamID: "EG7KH642X6", BundleID: "com.vmware.kext.vmx86", Pending: pending}}}}
		change(&snap)
		return snap
	}
	seen := func(ago time.Duration) func(*probe.Snapshot) {
		return func(s *probe.Snapshot) {
			s.Policy.History = []probe.LoadRecord{{TeamID: "EG7KH642X6", BundleID: "com.vmware.kext.vmx86", LastSeen: snapshotAt.Add(-ago)}}
		}
	}
	none := func(*probe.Snapshot) {}
	apple := probe.Snapshot{Policy: &probe.Policy{Rows: []probe.PolicyRow{{BundleID: "com.apple.nke.rvi"}}}}
	at := snapshotAt
	for _, step := range []struct {
		what    string
		snap    probe.Snapshot
		fresh   bool
		after   time.Duration
		queried string
		known   bool
	}{
		{"nothing waits", quiet, false, 0, "", false},
		{"Apple's own is refused", apple, false, 0, "", false},
		{"another vendor: left over", other(probe.Database, "", none), false, 0, "", false},
		{"another vendor: left over, tried last year", other(probe.Database, "", seen(365*24*time.Hour)), false, 0, "", false},
		{"another vendor: the framework says that it does not wait", other(probe.Framework, probe.No, none), false, 0, "", false},
		{"another vendor: tried lately", other(probe.Database, "", seen(29*time.Minute)), false, 0, "ps", true},
		{"nothing waits any more", quiet, false, 0, "", false},
		{"another vendor: on the disk", other(probe.Database, "", func(s *probe.Snapshot) { s.Kexts = []probe.Kext{{BundleID: "com.vmware.kext.vmx86"}} }), false, 0, "ps", true},
		{"nothing waits any more", quiet, false, 0, "", false},
		{"another vendor: the log tells of an attempt", other(probe.Framework, probe.No, func(s *probe.Snapshot) {
			s.Attempts = []probe.Attempt{{At: snapshotAt, BundleID: "com.vmware.kext.vmx86"}}
		}), false, 0, "ps", true},
		{"nothing waits any more", quiet, false, 0, "", false},
		{"another vendor: waits in the pane", other(probe.Framework, probe.Yes, none), false, 0, "ps", true},
		{"nothing waits any more", quiet, false, 0, "", false},
		{"another vendor: the framework does not say what waits", other(probe.Framework, "", none), false, 0, "ps", true},
		{"nothing waits any more", quiet, false, 0, "", false},
		{"another vendor: a folder cannot be read", other(probe.Database, "", func(s *probe.Snapshot) { s.Gaps = []probe.Gap{{Source: probe.FactKextsOnDisk}} }), false, 0, "ps", true},
		{"nothing waits any more", quiet, false, 0, "", false},
		{"refused, but loaded", loaded, false, 0, "", false},
		{"blocked", blocked, false, 0, "ps", true},
		{"a tick of the window", blocked, false, 15 * time.Second, "", true},
		{"almost a minute", blocked, false, 44 * time.Second, "", true},
		{"a minute", blocked, false, time.Second, "ps", true},
		{"somebody asks", blocked, true, 0, "ps", true},
		{"the clock was set back", blocked, false, -time.Hour, "ps", true},
		{"allowed", quiet, false, time.Second, "", false},
		{"blocked again at once", blocked, false, time.Second, "ps", true},
		{"somebody asks while nothing waits", quiet, true, time.Second, "ps", true},
	} {
		at = at.Add(step.after)
		got, queried := s.situation(step.snap, step.fresh, at)
		if queried != step.queried || got.Asked != step.known {
			t.Errorf("%s: queried %q, %v; want %q, %v", step.what, queried, got.Asked, step.queried, step.known)
		}
	}
	s.prober.mac.NoTools = true
	if got, queried := s.situation(blocked, true, at); queried != "" || got.Asked {
		t.Errorf("another Mac's disk: queried %q, %+v", queried, got)
	}
}

// Up to macOS 10.15 an allowed kext of Parallels that is not loaded leads to one
// query: of the running programs.
func TestParallelsWithoutKexts(t *testing.T) {
	s := newSnapshotStory(t, "10.15.7", "")
	for _, name := range []string{probe.PsTool, probe.NetstatTool, probe.IDTool, probe.IoregTool, probe.SystemExtensionsTool} {
		mactest.AddTool(t, s.m.Root, name, "echo "+filepath.Base(name)+" >>'"+filepath.Join(s.m.Root, "queried")+"'\n"+
			"echo '501 10:00 /Users/me/Parallels Desktop.app/Contents/MacOS/prl_client_app'\necho '0 20:00 /x/prl_disp_service'")
	}
	mac := func(change func(*probe.Snapshot)) probe.Snapshot {
		snap := probe.Snapshot{
			Mac:    probe.Mac{OS: probe.OSVersion{Version: "10.15.7"}, Arch: probe.Intel},
			Policy: &probe.Policy{Rows: []probe.PolicyRow{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID, Allowed: true}}},
			Apps:   []probe.App{*parallelsVersion("14.0.1")},
			Kexts:  []probe.Kext{{TeamID: probe.ParallelsTeamID, BundleID: hypervisorID}},
			Loaded: probe.Loaded{Known: true, Kexts: []probe.LoadedKext{{BundleID: "com.example.x"}}},
		}
		change(&snap)
		return snap
	}
	lacks := mac(func(*probe.Snapshot) {})
	at := snapshotAt
	for _, step := range []struct {
		what    string
		snap    probe.Snapshot
		after   time.Duration
		queried string
		known   bool
	}{
		{"no kext is loaded", lacks, 0, "ps", true},
		{"15 s later", lacks, 15 * time.Second, "", true},
		{"a minute later", lacks, 45 * time.Second, "ps", true},
		{"the kext is loaded", mac(func(s *probe.Snapshot) { s.Loaded.Kexts[0].BundleID = hypervisorID }), time.Minute, "", false},
		{"another kext of Parallels is loaded", mac(func(s *probe.Snapshot) { s.Loaded.Kexts[0].BundleID = "com.parallels.kext.vnic" }), time.Minute, "", false},
		{"it is not known what is loaded", mac(func(s *probe.Snapshot) { s.Loaded = probe.Loaded{} }), time.Minute, "", false},
		{"not installed", mac(func(s *probe.Snapshot) { s.Apps = nil }), time.Minute, "", false},
		{"not on the disk", mac(func(s *probe.Snapshot) { s.Kexts = nil }), time.Minute, "", false},
		{"never asked for", mac(func(s *probe.Snapshot) { s.Policy.Rows = nil }), time.Minute, "", false},
		{"macOS 11", mac(func(s *probe.Snapshot) { s.Mac.OS.Version = "11.0" }), time.Minute, "", false},
		{"unknown macOS", mac(func(s *probe.Snapshot) { s.Mac.OS = probe.OSVersion{} }), time.Minute, "", false},
	} {
		at = at.Add(step.after)
		got, queried := s.situation(step.snap, false, at)
		if queried != step.queried || got.Asked || got.ParallelsSince.IsZero() == step.known {
			t.Errorf("%s: queried %q, %+v; want %q, %v", step.what, queried, got, step.queried, step.known)
		}
		// In the clock of the snapshots, which is not that of this machine.
		if since := got.ParallelsSince; step.queried != "" && (since.Before(at.Add(-11*time.Minute)) || since.After(at.Add(-9*time.Minute))) {
			t.Errorf("%s: since %v, the snapshot is of %v", step.what, since, at)
		}
	}
}

func BenchmarkSituation(b *testing.B) {
	m := busyMac(b)
	for b.Loop() {
		if _, gaps := readSituation(b, m, probe.OSVersion{Version: "26.2"}); len(gaps) > 0 {
			b.Fatal(gaps)
		}
	}
}

// The login window belongs to root, and so does the screen of a simulated Mac that root
// made.
func TestMadeByRoot(t *testing.T) {
	dir := mactest.Root(t)
	if got, want := madeByRoot(root.FS{Root: dir}), os.Getuid() == 0; got != want {
		t.Errorf("a simulated Mac: %v, want %v", got, want)
	}
	if madeByRoot(root.FS{Root: "/"}) {
		t.Error("a real Mac counts as simulated")
	}
	if os.Getuid() == 0 {
		mactest.NoError(t, os.Chown(dir, 501, -1))
		if madeByRoot(root.FS{Root: dir}) {
			t.Error("a Mac that a user made counts as made by root")
		}
	}
}
