package survey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mac"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

func TestDescribed(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, "/dir/file", "12345")
	if err := listen(t, filepath.Join(m.Root, "s")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"/dir/file":   "/dir/file: -rw-r--r--, uid ",
		"/dir":        "/dir: drwx",
		"/none":       "/none: stat: error 2, no such file or directory",
		"/dir/file/x": "/dir/file/x: stat: error 20, not a directory",
		"/s":          "/s: S",
	} {
		got := described(m, name)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if opens := strings.HasPrefix(name, "/dir") && name != "/dir/file/x"; opens != strings.HasSuffix(got, "; may be opened") {
			t.Errorf("%q may be opened: %t", got, opens)
		}
		if name == "/s" && !strings.Contains(got, "; opening: error ") {
			t.Errorf("%s: %q, want the error of opening it", name, got)
		}
	}
}

func listen(t *testing.T, path string) error {
	l, err := net.Listen("unix", path)
	if err == nil {
		t.Cleanup(func() { l.Close() })
	}
	return err
}

func TestAnswered(t *testing.T) {
	lines := func(n int) []byte { return []byte(strings.Repeat("x\n", n)) }
	tests := []struct {
		name string
		out  []byte
		err  error
		want []string
	}{
		{"lines", []byte("a\n\n\t\tb\x1b[31m\n    c"), nil, []string{"$ tool", "a", "  b[31m", "    c"}},
		{"nothing", nil, nil, []string{"$ tool"}},
		{"failed", []byte("x"), errors.New("exit\n1"), []string{"$ tool", "exit 1"}},
		{"much", lines(1000), nil, append(append([]string{"$ tool"}, slices.Repeat([]string{"x"}, answerLimit)...), "(and more)")},
	}
	for _, tt := range tests {
		if got := answered("tool", tt.out, tt.err, everyLine); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	if got := answered("tool", []byte("  a b\n c"), nil, func(line string) bool { return line[0] == 'a' }); !slices.Equal(got, []string{"$ tool", "  a b"}) {
		t.Errorf("only some: %q", got)
	}
}

func FuzzAnswered(f *testing.F) {
	f.Add([]byte("a\n\tb\x1b[31m\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		for _, line := range answered("tool", out, nil, everyLine) {
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || len(line) > 4*probe.PrintableLimit+40 {
				t.Errorf("line %q, want a short line of printable characters", line)
			}
		}
	})
}

// prlctl's answer contains names. Only the words for hypervisors may be shown.
func FuzzHypervisorWords(f *testing.F) {
	f.Add([]byte(`[{"Name":"x","Optimization":{"Hypervisor type":"apple"}}]`))
	f.Add([]byte(`{"hypervisor TYPE":["apple",1,null,{"Hypervisor type":"a\nb"}]}`))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		for _, line := range countedWords(out) {
			word, _, _ := strings.Cut(line, `": `)
			word = strings.TrimPrefix(word, `"`)
			fixed := strings.HasPrefix(line, "(") || line == "none" || line == "prlctl did not print JSON"
			if !fixed && !hypervisorForm.MatchString(word) {
				t.Errorf("line %q, want only words of Parallels", line)
			}
		}
	})
}

func TestExtensionNeeds(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	const place = probe.ParallelsApp + "/Contents/Library/Extensions/10.9/prl_vnic.kext"
	mactest.AddFile(t, m.Root, probe.StagedExtensions+place+"/Contents/Info.plist", `<plist version="1.0"><dict><key>CFBundleIdentifier</key><string>com.parallels.kext.vnic</string>
		<key>CFBundleShortVersionString</key><string>14.0.1</string><key>CFBundleVersion</key><string>14.0.1 45154</string>
		<key>OSBundleLibraries</key><dict><key>com.apple.kpi.mach</key><string>10.0.0</string><key>com.apple.kpi.bsd</key><string>8.0.0</string></dict></dict></plist>`)
	want := []string{
		"/Contents/Library/Extensions/10.9/prl_vnic.kext",
		`    com.parallels.kext.vnic, CFBundleShortVersionString "14.0.1", CFBundleVersion "14.0.1 45154"`,
		"    com.apple.kpi.bsd 8.0.0", "    com.apple.kpi.mach 10.0.0",
	}
	if got := extensionNeeds(m, probe.ParallelsApp, place); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A log tool without output is reported in another way than one that refuses.
func TestLogAccess(t *testing.T) {
	for script, want := range map[string]string{
		`exec sleep 60`: "printed nothing within 2s",
		`echo 'Filtering the log data using "x"'; exec sleep 60`:         "permitted; its first line came after 0.",
		`echo "log: Must be admin to run 'stream' command" >&2; exit 64`: "/usr/bin/log: exit status 64: log: Must be admin",
	} {
		m := root.FS{Root: mactest.Root(t)}
		mactest.AddTool(t, m.Root, probe.LogTool, `[ "$1" = stream ] || { printf 'x\n  --style ( json )\n'; exit 0; }`+"\n"+script)
		got := logAccess(t.Context(), m)
		if len(got) != 4 || got[1] != "  --style ( json )" || !strings.HasPrefix(got[3], want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDisabledSoftwareOfOldMacOS(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.ProfilerTool, `[ $# = 1 ] && echo "Disabled Software:" || exit 1`)
	if got := disabledSoftware(t.Context(), m); len(got) != 4 || got[3] != "Disabled Software:" {
		t.Errorf("got %q, want four lines, the last one the answer", got)
	}
}

func TestFrameworkQuestion(t *testing.T) {
	policy := &probe.Policy{Rows: []probe.PolicyRow{
		{TeamID: "4C6364ACXT", BundleID: "com.parallels.kext.vnic", Pending: probe.Yes, App: "Parallels Desktop"},
		{TeamID: "EQHXZ8M8AV", BundleID: "com.google.santa-driver", Allowed: true, NeedsRestart: probe.Yes},
	}}
	want := []string{
		"state: ok",
		`com.parallels.kext.vnic: allowed false, pending "yes", pending upgrade "", needs a restart "", of "Parallels Desktop"`,
		"2 rows: 1 allowed, 1 pending, 0 pending upgrades, 1 need a restart",
	}
	if got := frameworkAnswers(policy, probe.Source{State: probe.OK}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := frameworkAnswers(nil, probe.Source{State: probe.Denied, Reason: "may not"}); fmt.Sprint(got) != "[state: denied may not]" {
		t.Errorf("got %q, want the state and the reason", got)
	}
	questions := Questions((root.FS{Root: mactest.Root(t)}))
	if got := questions[len(questions)-1].Ask(t.Context()); len(got) != 2 || got[0] != "state: absent" {
		t.Errorf("without osascript: %q", got)
	}
}

func TestQuestionsAfterContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, q := range Questions((root.FS{Root: mactest.Root(t)})) {
		if got := q.Ask(ctx); len(got) != 1 || got[0] != "not asked: context canceled" {
			t.Errorf("%s: %q", q.Text, got)
		}
	}
}

func TestNames(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	for _, home := range []string{"ada", "Shared", ".localized"} {
		mactest.AddFile(t, m.Root, "/Users/"+home+"/x", "")
	}
	mactest.AddTool(t, m.Root, "/usr/bin/id", `[ "$1" = -F ] && echo "Ada Lovelace" || echo ada`)
	mactest.AddTool(t, m.Root, "/usr/sbin/scutil", `case $2 in ComputerName) echo "Ada’s Mac" ;; LocalHostName) echo Adas-Mac ;; *) echo "HostName: not set"; exit 1 ;; esac`)
	mactest.AddTool(t, m.Root, probe.SysctlTool, `echo Adas-Mac.fritz.box`)
	mactest.AddTool(t, m.Root, "/usr/sbin/ioreg", `printf '{\n  "IOPlatformSerialNumber" = "C02XG0FDJGH5"\n  "IOPlatformUUID" = "x"\n}\n'`)
	got := fmt.Sprintf("%q", mac.ReadNames(t.Context(), m))
	if want := `{["ada" "ada" "Ada Lovelace"] ["Ada’s Mac" "Adas-Mac" "Adas-Mac.fritz.box" "Adas-Mac"] ["C02XG0FDJGH5"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := mac.ReadNames(t.Context(), (root.FS{Root: mactest.Root(t)})); len(got.Users)+len(got.Computers)+len(got.Serials) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

// Root does not run prlctl. The answer says how to run it.
func TestRootDoesNotRunPrlctl(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := strings.Join(hypervisorWords(ctx, root.FS{Root: "/"}), "\n")
	if !strings.Contains(got, "not asked: /usr/local/bin/prlctl is not run as root") ||
		!strings.Contains(got, "run `kextwatch doctor --facts` without sudo") {
		t.Errorf("got the answer\n%s", got)
	}
}

// The form of the auxiliary collection is asked for, but the kexts of other vendors
// are private.
func TestCollectionHidesOtherVendors(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, probe.SystemVersion, `<?xml version="1.0"?><plist version="1.0"><dict><key>ProductVersion</key><string>12.7.6</string><key>ProductBuildVersion</key><string>21H1320</string></dict></plist>`)
	mactest.AddTool(t, m.Root, probe.KmutilTool, `case "$*" in
*aux*) cat <<'END'
Index Refs Name (Version) UUID <Linked Against>
    - - 0 0 0 com.parallels.kext.vnic (1)
  151    0 0xffffff7f84210000 0x27000    0x27000    com.example.secret (1.0 secret) 25F67BEE-4F3B-3E1C-9A1F-0F5A5E3B8D11 <7 5>
    - - 0 0 0 face.secret (1)
secret.name (2)
not loaded: com.example.secret (1)
No variant specified
END
;;
*) echo '1 2 3 4 5 com.example.secret (1)' ;;
esac`)
	rows := []string{
		"Index Refs Name (Version) UUID <Linked Against>", "    - - 0 0 0 com.parallels.kext.vnic (1)",
		"  151 0 0xffffff7f84210000 0x27000 0x27000 <kext>", "    - - 0 0 0 <kext>", "<kext>", "<a line of another form>", "No variant specified",
	}
	want := append([]string{"$ " + probe.KmutilTool + " showloaded --collection aux --show all"}, rows...)
	want = append(append(want, "$ "+probe.KmutilTool+" showloaded --collection aux --show all --list-only"), rows...)
	got := collectionRows(t.Context(), m)
	for i, line := range got {
		got[i] = strings.Repeat(" ", len(line)-len(strings.TrimLeft(line, " "))) + strings.Join(strings.Fields(line), " ")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := loadedList(t.Context(), m); !slices.Equal(got, []string{"yes, 1"}) {
		t.Errorf("loaded: %q", got)
	}
	mactest.Remove(t, m.Root, probe.SystemVersion)
	mactest.AddFile(t, m.Root, probe.SystemVersion, `<?xml version="1.0"?><plist version="1.0"><dict><key>ProductVersion</key><string>10.15.7</string><key>ProductBuildVersion</key><string>19H2026</string></dict></plist>`)
	if got := collectionRows(t.Context(), m); len(got) != 1 || !strings.Contains(got[0], "10.15.7") {
		t.Errorf("macOS 10.15: %q", got)
	}
}

func FuzzWithoutKext(f *testing.F) {
	f.Add("  151    0 0x0 0x27000 ", "com.example.secret", " (1.0) <7>")
	f.Add("not loaded: ", "a.b", "\n(")
	hostile.Fuzz(f, func(t *testing.T, before, kext, after string) {
		if !probe.IsBundleID(kext) || len(kext) < 4 || strings.Contains(before+after, kext) || strings.HasPrefix(before, "Index ") || strings.HasPrefix(strings.TrimLeft(before, " "), "$ ") {
			t.Skip()
		}
		if line := before + kext + " (1)" + after; !strings.Contains(line, "com.parallels.") && strings.HasSuffix(before, " ") && strings.Contains(withoutKext(line), kext) {
			t.Errorf("%q became %q", line, withoutKext(line))
		}
	})
}

// system_profiler runs in the language of the user and in English, in both forms. If it
// hangs, it is not tried again.
func TestBootPolicyWords(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	t.Setenv("LANG", "fr_FR.UTF-8")
	mactest.AddTool(t, m.Root, probe.ProfilerTool, `echo "$* $LANG $LC_ALL"`)
	const command = probe.ProfilerTool + " SPiBridgeDataType"
	want := []string{
		"$ " + command, "SPiBridgeDataType", "$ " + command + " -json", "SPiBridgeDataType -json",
		"$ LANG=C LC_ALL=C " + command, "SPiBridgeDataType C C", "$ LANG=C LC_ALL=C " + command + " -json", "SPiBridgeDataType -json C C",
		"$ " + command + " -json -AppleLanguages (en)", "SPiBridgeDataType -json -AppleLanguages (en)",
	}
	if got := bootPolicyWords(t.Context(), m); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	tooltest.ShortLimit(t, 200*time.Millisecond)
	mactest.AddTool(t, m.Root, probe.ProfilerTool, `sleep 60 & wait`)
	if got := bootPolicyWords(t.Context(), m); len(got) != 2 || !strings.Contains(got[1], "did not answer in time") {
		t.Errorf("it hangs: %q", got)
	}
}

// Names of disks are private.
func TestStartedFrom(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.DiskutilTool, `[ "$*" = 'info -plist /' ] && cat <<'END'
<plist version="1.0">
<dict>
	<key>BusProtocol</key>
	<string>USB</string>
	<key>MediaName</key>
	<string>secret</string>
	<key>Internal</key>
	<false/>
	<key>VolumeName</key>
	<string>secret</string>
</dict>
</plist>
END`)
	mactest.AddTool(t, m.Root, probe.SysctlTool, `echo 1`)
	want := []string{"$ " + probe.DiskutilTool + " info -plist /", " <key>BusProtocol</key>", " <string>USB</string>", " <key>Internal</key>", " <false/>", "kern.hv_vmm_present: 1"}
	if got := startedFrom(t.Context(), m); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := startedFrom(t.Context(), root.FS{Root: mactest.Root(t)}); len(got) != 3 || !strings.Contains(got[1], "does not exist") || !strings.Contains(got[2], "does not exist") {
		t.Errorf("without tools: %q", got)
	}
}

func TestNewGetters(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.OsascriptTool, `case "$4" in *requiresSecurityDowngrade*) echo 'requiresSecurityDowngrade: yes' ;; *) exit 1 ;; esac`)
	if got := newGetters(t.Context(), m); len(got) != 2 || got[1] != "requiresSecurityDowngrade: yes" {
		t.Errorf("%q", got)
	}
}
