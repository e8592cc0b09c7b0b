package mac

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
)

const psRows = `    0 26-03:23:02 /sbin/launchd
    0 26-03:22:58 /usr/libexec/UserEventAgent
  501 01-18:15:52 /usr/libexec/UserEventAgent
  501    18:15:50 /System/Library/CoreServices/Finder.app/Contents/MacOS/Finder
  501       05:07 /Library/PreferencePanes/SteerMouse.prefPane/Contents/MacOS/SteerMouse Manager.app/Contents/MacOS/SteerMouse Manager
   -2       00:00 (defunct)
`

func TestParseProcesses(t *testing.T) {
	day := 24 * time.Hour
	want := []process{
		{0, 26*day + 3*time.Hour + 23*time.Minute + 2*time.Second, "/sbin/launchd"},
		{0, 26*day + 3*time.Hour + 22*time.Minute + 58*time.Second, sessionAgent},
		{501, day + 18*time.Hour + 15*time.Minute + 52*time.Second, sessionAgent},
		{501, 18*time.Hour + 15*time.Minute + 50*time.Second, "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder"},
		{501, 5*time.Minute + 7*time.Second, "/Library/PreferencePanes/SteerMouse.prefPane/Contents/MacOS/SteerMouse Manager.app/Contents/MacOS/SteerMouse Manager"},
		{-2, 0, "(defunct)"},
	}
	for name, out := range map[string]string{
		"rows":            psRows,
		"no last break":   strings.TrimSuffix(psRows, "\n"),
		"CRLF":            strings.ReplaceAll(psRows, "\n", "\r\n"),
		"with a heading":  "  UID ELAPSED COMM\n" + psRows,
		"rubbish between": "\x00\xff\n501\n501 1 x\n501 00:00\nroot 00:00 /x\n99999999999 00:00 /x\n501 1:2:3:4 /x\n" + psRows + strings.Repeat("9", 10000) + "\n",
	} {
		got, err := parseProcesses([]byte(out))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, out := range map[string]string{
		"nothing":       "",
		"a heading":     "  UID ELAPSED COMM\n",
		"a complaint":   "ps: Operation not permitted\n",
		"other columns": "  PID TTY           TIME CMD\n 1234 ttys000    0:00.01 -zsh\n",
		"too many":      strings.Repeat("0 00:00 /x\n", processLimit+1),
	} {
		if got, err := parseProcesses([]byte(out)); err == nil {
			t.Errorf("%s: %d processes", name, len(got))
		}
	}
}

func FuzzParseProcesses(f *testing.F) {
	f.Add([]byte(psRows))
	f.Add([]byte("ps: Operation not permitted\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		all, err := parseProcesses(out)
		if (err == nil) != (len(all) > 0) || len(all) > processLimit {
			t.Fatalf("%d processes, %v", len(all), err)
		}
		for _, p := range all {
			if p.age < 0 || p.path == "" || !strings.Contains(string(out), p.path) {
				t.Errorf("%+v was not printed", p)
			}
		}
		loginAt(all, 501, time.Unix(0, 0))
		remoteSigns(all)
		running(inputTools, all, anybody)
		paneOpen(all, probe.OSVersion{Version: "12.7.6"}, anybody)
	})
}

func TestInputTools(t *testing.T) {
	for path, want := range map[string]string{
		"/Applications/BetterTouchTool.app/Contents/MacOS/BetterTouchTool":                                                          "BetterTouchTool",
		"/Applications/SteerMouse.app/Contents/Library/LoginItems/SteerMouse Manager.app/Contents/MacOS/SteerMouse Manager":         "SteerMouse",
		"/Library/Application Support/org.pqrs/Karabiner-Elements/bin/karabiner_grabber":                                            "Karabiner-Elements",
		"/Library/Application Support/org.pqrs/Karabiner-Elements/Karabiner-Core-Service.app/Contents/MacOS/Karabiner-Core-Service": "Karabiner-Elements",
		"/Library/Application Support/Tablet/WacomTabletDriver.app/Contents/MacOS/WacomTabletDriver":                                "Wacom's tablet driver",
		"/Applications/Cog.app/Contents/MacOS/Cog":                                                                                  "Cog",
		"/Applications/Cogwheel.app/Contents/MacOS/Cogwheel":                                                                        "",
		"/System/Library/PrivateFrameworks/Home.framework/Support/Sonos":                                                            "",
		"/System/Applications/Cog.app/Contents/MacOS/Cog":                                                                           "", // invented
		"/Users/me/BetterTouchTool/notes":                                                                                           "",
		"/Applications/BetterTouchTool.app/Contents/MacOS/BetterTouchTool Helper":                                                   "",
		"/System/Library/CoreServices/RemoteManagement/ARDAgent.app/Contents/MacOS/ARDAgent":                                        "",
	} {
		got := running(inputTools, []process{{uid: 501, path: path}}, anybody)
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	two := []process{{path: "/x/Sonos"}, {path: "/x/Cog"}, {path: "/y/Cog"}}
	if got := running(inputTools, two, anybody); !slices.Equal(got, []string{"Cog", "Sonos"}) {
		t.Errorf("two tools, three processes: %q", got)
	}
	if got := running(inputTools, two, func(p process) bool { return p.path == "/y/Cog" }); !slices.Equal(got, []string{"Cog"}) {
		t.Errorf("only one counts: %q", got)
	}
}

func TestRemoteSigns(t *testing.T) {
	for name, c := range map[string]struct {
		uid  int
		path string
		want string
	}{
		"screen sharing":             {0, "/System/Library/CoreServices/RemoteManagement/screensharingd.bundle/Contents/MacOS/screensharingd", "Screen Sharing"},
		"its agent":                  {501, "/System/Library/CoreServices/RemoteManagement/ScreensharingAgent.bundle/Contents/MacOS/ScreensharingAgent", "Screen Sharing"},
		"its menu proves nothing":    {501, "/System/Library/CoreServices/RemoteManagement/SSMenuAgent.app/Contents/MacOS/SSMenuAgent", ""},
		"always there":               {501, "/System/Library/CoreServices/RemoteManagement/ARDAgent.app/Contents/MacOS/ARDAgent", ""},
		"TeamViewer":                 {501, "/Applications/TeamViewer.app/Contents/MacOS/TeamViewer", "TeamViewer"},
		"TeamViewer's service waits": {0, "/Applications/TeamViewer.app/Contents/MacOS/TeamViewer_Service", ""},
		"AnyDesk":                    {501, "/Applications/AnyDesk.app/Contents/MacOS/AnyDesk", "AnyDesk"},
		"AnyDesk as a service waits": {0, "/Applications/AnyDesk.app/Contents/MacOS/AnyDesk", ""},
		"RustDesk":                   {501, "/Applications/RustDesk.app/Contents/MacOS/RustDesk", "RustDesk"},
		"Parsec":                     {501, "/Applications/Parsec.app/Contents/MacOS/parsecd", "Parsec"},
		"Apple's parsecd":            {501, "/System/Library/PrivateFrameworks/CoreParsec.framework/parsecd", ""},
		"a tool of macOS":            {501, "/usr/libexec/rustdesk", ""},
		"another tool of macOS":      {501, "/usr/sbin/rustdesk", ""},
		"a part of macOS, updated":   {501, "/Library/Apple/System/Library/CoreServices/AnyDesk.app/Contents/MacOS/AnyDesk", ""},
		"a tool of the user":         {501, "/usr/local/bin/rustdesk", "RustDesk"},
		"on the data volume":         {501, "/System/Volumes/Data/Applications/Parsec.app/Contents/MacOS/parsecd", "Parsec"},
		"not macOS after all":        {501, "/System/../Applications/Parsec.app/Contents/MacOS/parsecd", "Parsec"},
		"Chrome Remote Desktop":      {501, "/Library/PrivilegedHelperTools/ChromeRemoteDesktopHost.app/Contents/MacOS/remoting_me2me_host", "Chrome Remote Desktop"},
	} {
		if got := remoteSigns([]process{{uid: c.uid, path: c.path}}); strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLoginAt(t *testing.T) {
	all, err := parseProcesses([]byte(psRows))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC)
	for uid, want := range map[int]time.Time{
		501: now.Add(-(24*time.Hour + 18*time.Hour + 15*time.Minute + 52*time.Second)),
		502: {}, // logged in through ssh
		0:   {}, // the system's own, as old as the Mac's start
	} {
		if got := loginAt(all, uid, now); !got.Equal(want) {
			t.Errorf("user %d: %v, want %v", uid, got, want)
		}
	}
	again := append(slices.Clone(all), process{501, time.Minute, sessionAgent})
	if !reflect.DeepEqual(loginAt(again, 501, now), loginAt(all, 501, now)) {
		t.Error("an agent that was started again is not a login")
	}
}

func TestPaneOpen(t *testing.T) {
	pane := []process{{uid: 501, path: "/System/Library/ExtensionKit/Extensions/SecurityPrivacyExtension.appex/Contents/MacOS/SecurityPrivacyExtension"}}
	old := []process{{uid: 501, path: "/System/Applications/System Preferences.app/Contents/MacOS/System Preferences"}}
	for name, c := range map[string]struct {
		os        string
		processes []process
		want      probe.Answer
	}{
		"26, open":             {"26.2", pane, probe.Yes},
		"13, closed":           {"13.0", nil, probe.No},
		"12, perhaps":          {"12.7.6", old, ""},
		"10.15, perhaps":       {"10.15.7", old, ""},
		"10.15, not even that": {"10.15.7", nil, probe.No},
		"which macOS?":         {"", pane, ""},
	} {
		if got := paneOpen(c.processes, probe.OSVersion{Version: c.os}, anybody); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := paneOpen(pane, probe.OSVersion{Version: "26.2"}, func(p process) bool { return p.uid == 502 }); got != probe.No {
		t.Errorf("another user's pane: %q", got)
	}
}

func TestParallelsSince(t *testing.T) {
	now := time.Date(2026, 7, 1, 21, 0, 0, 500, time.UTC)
	const app = "/Users/me/Applications/Parallels Desktop.app/Contents/MacOS/"
	client, service := app+"prl_client_app", app+"Parallels Service.app/Contents/MacOS/prl_disp_service"
	for name, c := range map[string]struct {
		processes []process
		since     time.Duration // before now; 0: unknown
	}{
		"nothing":               {nil, 0},
		"the service alone":     {[]process{{0, time.Hour, service}}, 0},
		"the application alone": {[]process{{501, time.Hour, client}}, 0},
		"the application later": {[]process{{0, time.Hour, service}, {501, 5 * time.Minute, client}}, 5 * time.Minute},
		"the service later":     {[]process{{501, time.Hour, client}, {0, time.Second, service}}, time.Second},
		"two users":             {[]process{{501, time.Hour, client}, {0, 2 * time.Hour, service}, {502, time.Minute, client}}, time.Hour},
		"other programs":        {[]process{{0, time.Hour, service}, {501, time.Hour, "/x/prl_client_app.sh"}, {501, time.Hour, "/prl_client_app/x"}}, 0},
	} {
		want := time.Time{}
		if c.since > 0 {
			want = now.Add(-c.since).Truncate(time.Second)
		}
		if got := parallelsSince(c.processes, now); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
