package mac

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

const extensionList = `2 extension(s)
--- com.apple.system_extension.network_extension (Go to 'System Settings > General > Login Items & Extensions' to modify these system extension(s))
enabled	active	teamID	bundleID (version)	name	[state]
*	*	VBG97UB4TA	com.objective-see.lulu.extension (2.3.0/2.3.0)	Extension	[activated enabled]
--- com.apple.system_extension.endpoint_security
enabled	active	teamID	bundleID (version)	name	[state]
		EQHXZ8M8AV	com.google.santa.daemon (2022.1/2022.1)	santad	[terminated waiting to uninstall on reboot]
`

var listedExtensions = []probe.SystemExtension{
	{TeamID: "VBG97UB4TA", BundleID: "com.objective-see.lulu.extension", Category: "network_extension", State: "activated enabled"},
	{TeamID: "EQHXZ8M8AV", BundleID: "com.google.santa.daemon", Category: "endpoint_security", State: "terminated waiting to uninstall on reboot"},
}

func TestParseExtensions(t *testing.T) {
	waiting := strings.Replace(extensionList, "[activated enabled]", "[activated waiting for user]", 1)
	many := fmt.Sprintf("%d extension(s)\n", extensionLimit+1) + strings.Repeat("*\t*\tT\tid (1)\tn\t[s]\n", extensionLimit+1)
	for name, c := range map[string]struct {
		out  string
		want int
		err  string
	}{
		"two":                   {extensionList, 2, ""},
		"waiting":               {waiting, 2, ""},
		"none":                  {"0 extension(s)\n", 0, ""},
		"none, with a hint":     {"0 extension(s) (try again)\n", 0, ""},
		"a tab in a name":       {"1 extension(s)\n*\t*\tT\tid (1)\ta\tb\t[s]\n", 1, ""},
		"CRLF":                  {strings.ReplaceAll(extensionList, "\n", "\r\n"), 2, ""},
		"too many":              {many, extensionLimit, "more than 256"},
		"fewer than there are":  {strings.Replace(extensionList, "2 ext", "3 ext", 1), 2, "only 2 valid lines"},
		"nothing":               {"", 0, "only 0 valid lines"},
		"another language":      {"2 Erweiterungen\n", 0, "only 0 valid lines"},
		"rubbish":               {"\x00\xff\t\t\t\t\t[]\n", 1, "only 1 valid lines"},
		"an extension named so": {"1 extension(s)\n*\t*\tT\tid (1)\t0 extension(s)\t[s]\n", 1, ""},
		"control characters":    {"1 extension(s)\n*\t*\tT\tid\x1b[31m (1)\tn\t[s\x07]\n", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseExtensions([]byte(c.out))
			wantError(t, err, c.err)
			if len(got) != c.want {
				t.Fatalf("%d extensions: %+v", len(got), got)
			}
			for _, e := range got {
				if strings.ContainsAny(e.BundleID+e.State+e.TeamID+e.Category, "\x1b\x07") {
					t.Errorf("%+q", e)
				}
			}
		})
	}
	got, _ := parseExtensions([]byte(extensionList))
	if !slices.Equal(got, listedExtensions) {
		t.Errorf("got %+v, want %+v", got, listedExtensions)
	}
	if got, _ = parseExtensions([]byte(waiting)); !got[0].Waiting() || got[1].Waiting() {
		t.Errorf("got %+v, want that only the first waits", got)
	}
}

func FuzzParseExtensions(f *testing.F) {
	f.Add([]byte(extensionList))
	f.Add([]byte("0 extension(s)\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		got, err := parseExtensions(out)
		if len(got) > extensionLimit {
			t.Fatalf("%d extensions, %v", len(got), err)
		}
		for _, e := range got {
			if e.BundleID != probe.Printable(e.BundleID) || e.State != probe.Printable(e.State) {
				t.Errorf("%+q", e)
			}
		}
	})
}

func TestSystemExtensions(t *testing.T) {
	type entry = map[string]any
	file := entry{"version": 1, "developerMode": false, "bootUUID": "x", "extensions": []entry{
		{"identifier": "com.objective-see.lulu.extension", "teamID": "VBG97UB4TA", "state": "activated_waiting_for_user",
			"categories": []string{"com.apple.system_extension.network_extension"}, "bundleVersion": entry{"CFBundleVersion": "2.3.0"}},
		{"identifier": "a\x1b[31m", "teamID": "", "state": "validating"},
	}}
	fromFile := []probe.SystemExtension{
		{TeamID: "VBG97UB4TA", BundleID: "com.objective-see.lulu.extension", Category: "network_extension", State: "activated waiting for user"},
		{BundleID: "a[31m", State: "validating"},
	}
	many := entry{"extensions": slices.Repeat([]entry{{"identifier": "a", "state": "validating"}}, extensionLimit+1)}
	current := probe.OSVersion{Version: "26.2"}
	tells := "cat <<'END'\n" + extensionList + "END\n"
	for name, c := range map[string]struct {
		os   probe.OSVersion
		file any
		tool string
		want []probe.SystemExtension
		err  string
	}{
		"the file":             {current, file, "exit 70", fromFile, ""},
		"10.15":                {probe.OSVersion{Version: "10.15"}, file, "exit 70", fromFile, ""},
		"no file":              {current, nil, "cat <<'END'\n" + extensionList + "END\n", listedExtensions, ""},
		"a damaged file":       {current, "rubbish", "cat <<'END'\n" + extensionList + "END\n", listedExtensions, ""},
		"a file of other kind": {current, entry{"extensions": []string{"a"}}, "echo '0 extension(s)'", nil, ""},
		"no list in the file":  {current, entry{"version": 2}, tells, listedExtensions, ""},
		"an empty list":        {current, entry{"extensions": []entry{}}, "exit 70", nil, ""},
		"a state of a number":  {current, entry{"extensions": []any{entry{"identifier": "a", "state": 5}, "b"}}, tells, listedExtensions, ""},
		"no state":             {current, entry{"extensions": []entry{{"identifier": "a"}}}, tells, listedExtensions, ""},
		"some, and no tool":    {current, entry{"extensions": []any{file["extensions"].([]entry)[0], "b"}}, "exit 70", fromFile[:1], "exit status 70"},
		"no list, no tool":     {current, entry{"version": 2}, "exit 70", nil, "exit status 70"},
		"neither":              {current, nil, "", nil, "does not exist"},
		"before there was one": {probe.OSVersion{Version: "10.14.6"}, file, "exit 70", nil, ""},
		"too many":             {current, many, "exit 70", slices.Repeat([]probe.SystemExtension{{BundleID: "a", State: "validating"}}, extensionLimit), "more than 256"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			switch c.file.(type) {
			case nil:
			case string:
				mactest.AddFile(t, m.Root, probe.SystemExtensionsList, "rubbish")
			default:
				addPlist(t, m, probe.SystemExtensionsList, c.file)
			}
			if c.tool != "" {
				mactest.AddTool(t, m.Root, probe.SystemExtensionsTool, c.tool)
			}
			got, err := readSystemExtensions(t.Context(), m, c.os)
			wantError(t, err, c.err)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
