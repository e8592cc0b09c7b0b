package mac

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

const noProfiles = "There are no configuration profiles installed for user 'me'"

// profilesText returns a list of two profiles, the second with this payload.
func profilesText(keys string) string {
	return `_computerlevel[1] attribute: name: MDM Profile
_computerlevel[1] attribute: profileIdentifier: com.example.mdm
_computerlevel[1] payload count = 1
_computerlevel[1] payload[1] type = com.apple.system-extension-policy
_computerlevel[1] payload[1] payload = {
    AllowUserOverrides = 1;
    AllowedTeamIdentifiers = (
        VBG97UB4TA
    );
}
_computerlevel[2] attribute: name: Kernel extensions
_computerlevel[2] attribute: profileIdentifier: com.example.kexts
_computerlevel[2] payload[1] name = (null)
_computerlevel[2] payload[1] type = com.apple.syspolicy.kernel-extension-policy
_computerlevel[2] payload[1] payload = {
` + keys + `
}
_computerlevel[2] payload[2] type = com.apple.notificationsettings
_computerlevel[2] payload[2] payload = {
    NotificationSettings = ();
}
There are 2 configuration profiles installed
`
}

const allKeys = `    AllowNonAdminUserApprovals = 1;
    AllowUserOverrides = 0;
    AllowedKernelExtensions =     {
        "" =         (
            "com.example.old"
        );
        4C6364ACXT =         (
            "com.parallels.kext.hypervisor",
            "com.parallels.kext.vnic"
        );
    };
    AllowedTeamIdentifiers =     (
        EQHXZ8M8AV,
        4C6364ACXT
    );`

// tidy removes the indentation from a text. The tool may print it or not.
func tidy(text string) string {
	for strings.Contains(text, "=  ") {
		text = strings.ReplaceAll(text, "=  ", "= ")
	}
	return text
}

func TestParseProfiles(t *testing.T) {
	for name, c := range map[string]struct {
		out   string
		want  *kextPolicyPlist
		named string
	}{
		"none for the user": {noProfiles + "\n", nil, ""},
		"none for the Mac":  {"There are no configuration profiles installed on this system\n", nil, ""},
		"others":            {"_computerlevel[1] attribute: name: MDM Profile\n_computerlevel[1] attribute: organization: Example\n", nil, ""},
		"users may":         {profilesText("    AllowUserOverrides = 1;"), &kextPolicyPlist{UserOverrides: true, Kexts: map[string][]string{}}, "Kernel extensions"},
		"named twice":       {strings.ReplaceAll(profilesText("    AllowUserOverrides = 0;"), "com.example.kexts", kextPayload), &kextPolicyPlist{Kexts: map[string][]string{}}, "Kernel extensions"},
		"only a team":       {profilesText("    AllowedTeamIdentifiers = (\n        EQHXZ8M8AV\n    );"), &kextPolicyPlist{Teams: []string{"EQHXZ8M8AV"}, Kexts: map[string][]string{}}, "Kernel extensions"},
		"no team":           {profilesText("    AllowedTeamIdentifiers = (\n    );"), &kextPolicyPlist{Kexts: map[string][]string{}}, "Kernel extensions"},
		"all, tidy":         {profilesText(tidy(allKeys)), &kextPolicyPlist{NonAdminsAllow: true, Teams: []string{"EQHXZ8M8AV", "4C6364ACXT"}, Kexts: map[string][]string{"": {"com.example.old"}, "4C6364ACXT": {"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"}}}, "Kernel extensions"},
		"all, in columns":   {profilesText(allKeys), &kextPolicyPlist{NonAdminsAllow: true, Teams: []string{"EQHXZ8M8AV", "4C6364ACXT"}, Kexts: map[string][]string{"": {"com.example.old"}, "4C6364ACXT": {"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"}}}, "Kernel extensions"},
	} {
		got, named, err := parseProfiles(c.out)
		if err != nil || !reflect.DeepEqual(got, c.want) || named != c.named {
			t.Errorf("%s: got %+v, %q, %v, want %+v", name, got, named, err, c.want)
		}
	}
}

func TestParseProfilesRefusesUnknownForms(t *testing.T) {
	users := "    AllowUserOverrides = 1;"
	for name, out := range map[string]string{
		"nothing":            "",
		"another language":   "Es sind keine Konfigurationsprofile installiert",
		"rubbish":            "\x00\xff",
		"no keys":            profilesText(""),
		"only unknown keys":  profilesText("    AllowUser = 1;"),
		"another number":     profilesText("    AllowUserOverrides = 2;"),
		"a word":             profilesText("    AllowUserOverrides = perhaps;"),
		"no semicolon":       profilesText("    AllowUserOverrides = 1"),
		"a list as a flag":   profilesText("    AllowUserOverrides = (1);"),
		"a flag as a list":   profilesText("    AllowedTeamIdentifiers = 1;"),
		"an open list":       profilesText("    AllowedTeamIdentifiers = (\n        4C6364ACXT"),
		"kexts as a list":    profilesText("    AllowedKernelExtensions = (\n        4C6364ACXT\n    );"),
		"kexts of no team":   profilesText("    AllowedKernelExtensions = {\n        com.example = (x);\n    };"),
		"told twice":         profilesText(users + "\n" + users),
		"payload twice":      profilesText(users) + strings.ReplaceAll(profilesText(users), "_computerlevel[2]", "_computerlevel[3]"),
		"in no payload":      "_computerlevel[1] attribute: name: com.apple.syspolicy.kernel-extension-policy\n",
		"no payload lines":   "com.apple.syspolicy.kernel-extension-policy\n" + users + "\n",
		"type after another": strings.ReplaceAll(profilesText(users), "com.apple.syspolicy.kernel-extension-policy", "x") + "com.apple.syspolicy.kernel-extension-policy",
	} {
		if got, named, err := parseProfiles(out); err == nil || got != nil || named != "" {
			t.Errorf("%s: %+v, %q, %v", name, got, named, err)
		}
	}
}

func TestProfileFromFile(t *testing.T) {
	for name, c := range map[string]struct {
		payload any
		os      string
		want    probe.KextProfile
		gaps    string
	}{
		"empty":     {map[string]any{}, "13.7.2", probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, NonAdminsAllow: probe.No}, ""},
		"before 11": {map[string]any{"AllowNonAdminUserApprovals": true}, "10.15.7", probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}, ""},
		"all of it": {map[string]any{
			"AllowUserOverrides": true, "AllowNonAdminUserApprovals": true, "AllowedTeamIdentifiers": []string{"4C6364ACXT"},
			"AllowedKernelExtensions": map[string]any{"": []string{"com.example.old"}, "EQHXZ8M8AV": []string{"com.example.b", "com.example.a"}},
		}, "11.7.10", probe.KextProfile{
			Present: probe.Yes, UserOverrides: probe.Yes, NonAdminsAllow: probe.Yes, Teams: []string{"4C6364ACXT"},
			Kexts: []probe.TeamKexts{{BundleIDs: []string{"com.example.old"}}, {TeamID: "EQHXZ8M8AV", BundleIDs: []string{"com.example.b", "com.example.a"}}},
		}, ""},
		"what can be no one's": {map[string]any{
			"AllowedTeamIdentifiers":  []string{"4C6364ACXT ", "\x1b[31m", ""},
			"AllowedKernelExtensions": map[string]any{"team": []string{"com.example"}, "EQHXZ8M8AV": []string{"a b", "$(id)"}},
		}, "11.7.10", probe.KextProfile{
			Present: probe.Yes, UserOverrides: probe.No, NonAdminsAllow: probe.No, Kexts: []probe.TeamKexts{{TeamID: "EQHXZ8M8AV"}},
		}, ""},
		"a word for a flag":   {map[string]any{"AllowUserOverrides": "true"}, "11.7.10", probe.KextProfile{Present: probe.Yes}, "configuration profile"},
		"a number for a flag": {map[string]any{"AllowUserOverrides": 1}, "11.7.10", probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, NonAdminsAllow: probe.No}, ""},
		"a team for a list":   {map[string]any{"AllowedTeamIdentifiers": "4C6364ACXT"}, "11.7.10", probe.KextProfile{Present: probe.Yes}, "configuration profile"},
		"one odd team": {map[string]any{"AllowUserOverrides": true, "AllowedTeamIdentifiers": []any{[]string{"4C6364ACXT"}, "EQHXZ8M8AV"}}, "11.7.10",
			probe.KextProfile{Present: probe.Yes, UserOverrides: probe.Yes, Teams: []string{"EQHXZ8M8AV"}}, "configuration profile"},
		"a list": {[]string{"AllowUserOverrides"}, "11.7.10", probe.KextProfile{}, "configuration profile"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			addPlist(t, m, probe.ManagedKextPolicy, c.payload)
			mactest.AddTool(t, m.Root, probe.ProfilesTool, "exit 1") // is not queried
			got, gaps := readProfile(t.Context(), m, probe.OSVersion{Version: c.os})
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			wantGaps(t, gaps, c.gaps)
		})
	}
}

func TestUnreadableProfile(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.ProfilesTool, prints(noProfiles))
	if err := os.MkdirAll(filepath.Join(m.Root, probe.ManagedKextPolicy), 0o755); err != nil {
		t.Fatal(err)
	}
	got, gaps := readProfile(t.Context(), m, bigSur)
	if !reflect.DeepEqual(got, probe.KextProfile{}) {
		t.Errorf("%+v", got)
	}
	wantGaps(t, gaps, "configuration profile")
}

func TestProfileFromTool(t *testing.T) {
	forbids := probe.KextProfile{Present: probe.Yes, Name: "Kernel extensions", UserOverrides: probe.No, NonAdminsAllow: probe.Yes,
		Teams: []string{"EQHXZ8M8AV", "4C6364ACXT"}, Kexts: []probe.TeamKexts{
			{BundleIDs: []string{"com.example.old"}},
			{TeamID: "4C6364ACXT", BundleIDs: []string{"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"}},
		}}
	for name, c := range map[string]struct {
		script string
		uid    int
		want   probe.KextProfile
		gaps   string
	}{
		"a user sees none": {prints(noProfiles), 501, probe.KextProfile{}, ""},
		"root sees none":   {prints(noProfiles), 0, probe.KextProfile{Present: probe.No}, ""},
		"root sees it":     {prints(profilesText(allKeys)), 0, forbids, ""},
		"another language": {prints("Es sind keine Profile installiert"), 0, probe.KextProfile{}, "configuration profiles"},
		"prints nothing":   {"true", 0, probe.KextProfile{}, "configuration profiles"},
		"fails":            {prints(noProfiles) + "exit 1", 0, probe.KextProfile{}, "configuration profiles"},
		"hangs":            {"sleep 60", 0, probe.KextProfile{}, "configuration profiles"},
		"missing":          {"", 0, probe.KextProfile{}, "configuration profiles"},
		"is unknown":       {prints(profilesText("")), 0, probe.KextProfile{}, "configuration profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "hangs") {
				tooltest.ShortLimit(t, 2*time.Second)
			}
			m := root.FS{Root: mactest.Root(t)}
			m.UID = c.uid
			if c.script != "" {
				mactest.AddTool(t, m.Root, probe.ProfilesTool, `[ "$*" = "show -type configuration" ] || exit 1; `+c.script)
			}
			got, gaps := readProfile(t.Context(), m, bigSur)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			wantGaps(t, gaps, c.gaps)
		})
	}
}

func FuzzParseProfiles(f *testing.F) {
	f.Add(profilesText(allKeys))
	f.Add(profilesText(tidy(allKeys)))
	f.Add(noProfiles)
	hostile.Fuzz(f, func(t *testing.T, out string) {
		policy, _, err := parseProfiles(out)
		if err != nil && policy != nil {
			t.Fatalf("%+v, %v", policy, err)
		}
		if policy != nil && !strings.Contains(out, kextPayload) {
			t.Errorf("%+v without a payload", policy)
		}
		if policy != nil && policy.UserOverrides && !strings.Contains(out, "AllowUserOverrides") {
			t.Errorf("%+v is a guess", policy)
		}
	})
}
