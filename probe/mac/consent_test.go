package mac

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

const (
	consentHead  = "Kernel Extension User Consent: "
	teamsHead    = "Allowed Team Identifiers:\n"
	noTeamsReply = "spctl: no kext consent configuration found."
)

func TestParseConsent(t *testing.T) {
	for out, want := range map[string]probe.Answer{
		consentHead + "ENABLED\n":                              probe.Yes,
		consentHead + "DISABLED\n":                             probe.No,
		"Some new line\n" + consentHead + "ENABLED":            probe.Yes,
		consentHead + "ENABLED\r\n":                            probe.Yes,
		consentHead + "ENABLED\n" + consentHead + "DISABLED\n": "",
		consentHead + "enabled\n":                              "",
		consentHead + "\n":                                     "",
		consentHead + "ENABLED, perhaps\n":                     "",
		"Zustimmung zu Kernelerweiterungen: AKTIVIERT\n":       "",
		"": "",
	} {
		got, err := parseConsent([]byte(out))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", out, got, err, want)
		}
	}
}

func TestParseConsentTeams(t *testing.T) {
	for out, want := range map[string][]string{
		noTeamsReply + "\n":                           nil,
		teamsHead:                                     nil,
		teamsHead + "4C6364ACXT\n":                    {"4C6364ACXT"},
		teamsHead + "4C6364ACXT\nEQHXZ8M8AV\n":        {"4C6364ACXT", "EQHXZ8M8AV"},
		teamsHead + "\t4C6364ACXT\r\n\n  EQHXZ8M8AV ": {"4C6364ACXT", "EQHXZ8M8AV"},
	} {
		got, err := parseConsentTeams([]byte(out))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", out, got, err, want)
		}
	}
	for name, out := range map[string]string{
		"nothing":        "",
		"no head":        "4C6364ACXT\n",
		"another head":   "Erlaubte Teams:\n4C6364ACXT\n",
		"short":          teamsHead + "4C6364ACX\n",
		"long":           teamsHead + "4C6364ACXTT\n",
		"small letters":  teamsHead + "4c6364acxt\n",
		"a sentence":     teamsHead + "none at all\n",
		"hostile":        teamsHead + "4C6364AC\x1bT\n",
		"too many":       teamsHead + strings.Repeat("4C6364ACXT\n", teamLimit+1),
		"reply and more": noTeamsReply + "\n4C6364ACXT",
	} {
		if got, err := parseConsentTeams([]byte(out)); err == nil || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// spctl returns the script of spctl; status and list are scripts for its commands.
func spctl(status, list string) string {
	return "case \"$*\" in\n'kext-consent status')\n" + status + "\n;;\n'kext-consent list')\n" + list + "\n;;\n*) exit 1 ;;\nesac\n"
}

func TestConsent(t *testing.T) {
	enabled := prints(consentHead + "ENABLED")
	yes := probe.Consent{Enabled: probe.Yes}
	for name, c := range map[string]struct {
		spctl string
		want  probe.Consent
		gaps  string
	}{
		"asks":                  {spctl(enabled, prints(noTeamsReply)), yes, ""},
		"says so with exit 1":   {spctl(enabled, "echo '"+noTeamsReply+"' >&2; exit 1"), yes, ""},
		"off":                   {spctl(prints(consentHead+"DISABLED"), prints(noTeamsReply)), probe.Consent{Enabled: probe.No}, ""},
		"a team":                {spctl(enabled, prints(teamsHead+"4C6364ACXT")), probe.Consent{Enabled: probe.Yes, Teams: []string{"4C6364ACXT"}}, ""},
		"list fails":            {spctl(enabled, prints(teamsHead+"4C6364ACXT")+"exit 1"), yes, "teams allowed from Recovery"},
		"list prints rubbish":   {spctl(enabled, "echo what"), yes, "teams allowed from Recovery"},
		"list prints nothing":   {spctl(enabled, "true"), yes, "teams allowed from Recovery"},
		"list hangs":            {spctl(enabled, "sleep 60"), yes, "teams allowed from Recovery"},
		"status fails":          {spctl(enabled+"exit 1", prints(noTeamsReply)), probe.Consent{}, "consent to kernel extensions"},
		"status hangs":          {spctl("sleep 60", prints(noTeamsReply)), probe.Consent{}, "consent to kernel extensions"},
		"status prints rubbish": {spctl("echo what", prints(noTeamsReply)), probe.Consent{}, "consent to kernel extensions"},
		"missing":               {"", probe.Consent{}, "consent to kernel extensions"},
		"an spctl without it":   {"echo 'System Policy Basic Usage:' >&2; exit 1", probe.Consent{}, "consent to kernel extensions"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "hangs") {
				tooltest.ShortLimit(t, 2*time.Second) // enough for those before it
			}
			m := root.FS{Root: mactest.Root(t)}
			if c.spctl != "" {
				mactest.AddTool(t, m.Root, probe.SpctlTool, c.spctl)
			}
			got, gaps := readConsent(t.Context(), m, "", true)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			wantGaps(t, gaps, c.gaps)
		})
	}
}

// The two questions do not wait for each other: each answers only when both were asked.
func TestConsentAsksBothAtOnce(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	waits := func(mine, other string) string {
		return ": >'" + m.Root + "/" + mine + "'; tries=0; until [ -e '" + m.Root + "/" + other + "' ]; do tries=$((tries + 1)); [ $tries -lt 60 ] || exit 1; sleep 0.1; done\n"
	}
	mactest.AddTool(t, m.Root, probe.SpctlTool, spctl(
		waits("status", "list")+prints(consentHead+"ENABLED"), waits("list", "status")+prints(teamsHead+"4C6364ACXT")))
	got, gaps := readConsent(t.Context(), m, "", true)
	if got.Enabled != probe.Yes || !slices.Equal(got.Teams, []string{"4C6364ACXT"}) || len(gaps) > 0 {
		t.Errorf("%+v, %+v", got, gaps)
	}
}

func FuzzParseConsent(f *testing.F) {
	f.Add([]byte(consentHead + "ENABLED\n"))
	f.Add([]byte(teamsHead + "4C6364ACXT\n"))
	f.Add([]byte(noTeamsReply))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		if got, err := parseConsent(out); (err == nil) != (got == probe.Yes || got == probe.No) {
			t.Errorf("%q, %v", got, err)
		}
		teams, err := parseConsentTeams(out)
		if err != nil && teams != nil || len(teams) > teamLimit {
			t.Errorf("%q, %v", teams, err)
		}
		for _, team := range teams {
			if !probe.IsTeamID(team) {
				t.Errorf("%q", team)
			}
		}
	})
}
