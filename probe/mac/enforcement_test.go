package mac

import (
	"reflect"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestEnforcement(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	got, gaps := ReadEnforcement(t.Context(), m, bigSur)
	if !reflect.DeepEqual(got, probe.Enforcement{}) {
		t.Errorf("without tools: %+v", got)
	}
	wantGaps(t, gaps, "System Integrity Protection, consent to kernel extensions, configuration profiles")

	mactest.AddTool(t, m.Root, probe.CsrutilTool, prints(customSIP("unknown", "disabled")))
	mactest.AddTool(t, m.Root, probe.NvramTool, prints("csr-active-config\t%03%02%00%00"))
	mactest.AddTool(t, m.Root, probe.SpctlTool, spctl(prints(consentHead+"DISABLED"), prints(teamsHead+"4C6364ACXT")))
	addPlist(t, m, probe.ManagedKextPolicy, map[string]any{"AllowedTeamIdentifiers": []string{"EQHXZ8M8AV"}})
	want := probe.Enforcement{
		SIP:     probe.SIP{State: probe.SIPCustom, KextSigning: probe.No, KextApproval: probe.No},
		Consent: probe.Consent{Enabled: probe.No, Teams: []string{"4C6364ACXT"}},
		Profile: probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No, NonAdminsAllow: probe.No, Teams: []string{"EQHXZ8M8AV"}},
	}
	got, gaps = ReadEnforcement(t.Context(), m, bigSur)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	wantGaps(t, gaps, "")

	m.NoTools = true // another Mac's disk
	got, gaps = ReadEnforcement(t.Context(), m, bigSur)
	if !reflect.DeepEqual(got, probe.Enforcement{Profile: want.Profile}) {
		t.Errorf("files only: %+v", got)
	}
	wantGaps(t, gaps, "System Integrity Protection, consent to kernel extensions")
}
