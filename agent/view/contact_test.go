package view

import (
	"fmt"
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

var acme = approval.Contact{Organization: "ACME", URL: "https://help.acme.example/mac", Text: "IT Support, extension 4321"}

// contacts are what an organization can have set: nothing, all, and as much as is allowed.
var contacts = []approval.Contact{
	{}, acme, {Organization: "ACME"}, {URL: "tel:4321"},
	{Organization: strings.Repeat("Acme ", 12), URL: "https://help.example/" + strings.Repeat("x", 279), Text: strings.Repeat("Ask. ", 40)},
}

func TestContactWords(t *testing.T) {
	for _, tt := range []struct {
		c                 approval.Contact
		words, label, say string // say: at the end of an alert
	}{
		{approval.Contact{}, "", "", ""},
		{acme, "ACME: IT Support, extension 4321 (https://help.acme.example/mac)", "Contact ACME…", "Contact ACME: IT Support, extension 4321."},
		{approval.Contact{Organization: "ACME"}, "ACME", "", "Contact ACME."},
		{approval.Contact{Text: "Call 4321"}, "your administrator: Call 4321", "Contact Your Administrator: Call 4321", "Contact your administrator: Call 4321."},
		{approval.Contact{Organization: "ACME", Text: "Call 4321"}, "ACME: Call 4321", "Contact ACME: Call 4321", "Contact ACME: Call 4321."},
		{approval.Contact{URL: "https://acme.example"}, "your administrator (https://acme.example)", "Contact Your Administrator…", ""},
		{approval.Contact{Organization: "ACME", URL: "mailto:it@acme.example?subject=kextwatch"}, "ACME (it@acme.example)", "Contact ACME…", "Contact ACME (it@acme.example)."},
		{approval.Contact{Organization: "ACME", URL: "tel:+1-555-0100"}, "ACME (+1-555-0100)", "Contact ACME…", "Contact ACME (+1-555-0100)."},
		{approval.Contact{Organization: "Acme Corporation of America, Information Technology, 3rd floor", URL: "tel:10"}, "Acme Corporation of America, Information Technology, 3rd floor (10)", "Contact Acme Corporation of America, Information…", ""},
	} {
		if got := contact(tt.c); got != tt.words {
			t.Errorf("%+v: %q, want %q", tt.c, got, tt.words)
		}
		if got := contactLabel(menuCase{st: approval.Status{Contact: tt.c}}); got != tt.label {
			t.Errorf("%+v: label %q, want %q", tt.c, got, tt.label)
		}
		if tt.say == "" {
			continue
		}
		p := approval.Product{Name: "macFUSE", Verdict: approval.Managed}
		if got := contactInAlert("Ask your administrator.", p, approval.Status{Contact: tt.c}); got != "Ask your administrator. "+tt.say {
			t.Errorf("%+v: alert %q, want %q at its end", tt.c, got, tt.say)
		}
	}
}

// Each page, screen and dialog that leads to an administrator names the organization. Without
// the settings, and where there is nothing to ask, nothing does.
func TestContactWhereAnAdministratorHelps(t *testing.T) {
	for _, macOS := range []string{"10.15.7", "12.7.6", "26.2"} {
		for _, v := range approval.Verdicts {
			for _, admin := range []bool{true, false} {
				st := statusWith(v, macOS)
				if p := &st.Products[0]; !admin {
					p.Reasons = []approval.Reason{{Code: approval.ReasonNotAdmin, Severity: approval.Obstacle, Check: "session.admin"}}
				}
				st.Contact = acme
				p := st.Products[0]
				advice := Next(p, st)
				for _, r := range Reasons(p, st) {
					advice += r.Next
				}
				always := v == approval.Managed || v == approval.NeedsRecovery || v == approval.CannotLoad
				want := always || (v.NeedsAction() || v == approval.Unknown) && strings.Contains(advice, "dministrator")
				where := fmt.Sprintf("macOS %s, %s, administrator: %t", macOS, v, admin)
				for place, text := range map[string]string{
					"status":  Text(st).String(),
					"explain": Explain(st, true).String(),
					"watch":   Lines(Live{Status: st}.Screen(200, 60)).String(),
				} {
					if got := strings.Contains(text, "ACME: IT Support, extension 4321 (https://help.acme.example/mac)"); got != want {
						t.Errorf("%s: the contact in %s: %t, want %t\n%s", where, place, got, want, text)
					}
				}
				for place, text := range map[string]string{
					"report": string(NewReport(st, Checks(st, Own{}), nil, "1.0", func(text string) string { return text }).HTML()),
					"guide":  string(NewGuide(p, st).HTML()),
				} {
					if want && !strings.Contains(text, "Contact ACME: IT Support") || v == approval.Approved && admin && strings.Contains(text, "ACME") {
						t.Errorf("%s: the contact in the %s: %t", where, place, !want)
					}
				}
				st.Contact = approval.Contact{}
				if text := Explain(st, true).String(); strings.Contains(text, "Contact") {
					t.Errorf("%s, no contact:\n%s", where, text)
				}
			}
		}
	}
}

// doctor repeats the contact where a check leads to an administrator, and only there.
func TestContactInDoctor(t *testing.T) {
	st := statusWith(approval.Managed, "12.7.6")
	st.Products[0].Reasons = []approval.Reason{{Code: approval.ReasonManaged, Severity: approval.Obstacle, Check: "mdm.kext-policy"}}
	st.Contact = acme
	named := 0
	for _, c := range Checks(st, Own{}) {
		asks := c.Level != Ok && namesAdministrator(c.Next)
		if strings.Contains(c.Next, "Contact ACME") != asks {
			t.Errorf("%s: %q", c.ID, c.Next)
		}
		if asks {
			named++
		}
	}
	if named < 2 {
		t.Errorf("%d checks name an administrator", named)
	}
}

func TestContactInDialogAndUpgrade(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	st.Contact = acme
	p := st.Products[0]
	q := Dialog(approval.Notice{Event: approval.WindowOpened, Product: p, Window: p.Window}, st)
	if !strings.HasSuffix(q.Text, "\n\nContact ACME: IT Support, extension 4321 (https://help.acme.example/mac).") {
		t.Errorf("dialog %q", q.Text)
	}
	st.Facts.Enforcement.Profile = probe.KextProfile{Present: probe.Yes, UserOverrides: probe.No}
	u := approval.Upgrade{To: probe.OSVersion{Version: "13.0"}, Findings: []approval.Finding{{Product: p, To: probe.OSVersion{Version: "13.0"}, Rule: approval.UpgradeRules[0], Result: approval.UpgradeResults[0]}}}
	for _, rule := range approval.UpgradeRules {
		u.Findings[0].Rule = rule
		text := UpgradeText(st, u).String()
		if strings.Contains(text, "Ask your administrator") != strings.Contains(text, "Contact ACME") {
			t.Errorf("%s:\n%s", rule, text)
		}
	}
}

// A contact is added to an alert only where all of it fits, after what the user can do.
func TestContactInAlertReplacesNothing(t *testing.T) {
	added := 0
	for _, macOS := range []string{"10.15.7", "26.2"} {
		for _, v := range approval.Verdicts {
			st := statusWith(v, macOS)
			p := st.Products[0]
			for _, event := range approval.Events {
				n := approval.Notice{Event: event, Product: p, Window: &approval.Window{ClosesAt: opened}, From: "11.7.10", To: "12.7.6"}
				st.Contact = approval.Contact{}
				alone := Alert(n, st, true).Body
				for _, c := range contacts {
					st.Contact = c
					body := Alert(n, st, true).Body
					next := sentence(nextInShort(p, st))
					if !strings.HasPrefix(body, alone) && !(strings.HasPrefix(alone, next) && strings.HasPrefix(body, next)) || !fits(body) || strings.Contains(body, "https:") {
						t.Errorf("macOS %s, %s, %s, %+v: %q, alone %q", macOS, v, event, c, body, alone)
					}
					if strings.Contains(body, "Contact ") {
						added++
					}
					if v == approval.Managed && event == approval.ManagedEvent && c == acme && !strings.HasSuffix(body, " Contact ACME: IT Support, extension 4321.") {
						t.Errorf("macOS %s: %q, want the contact", macOS, body)
					}
				}
			}
		}
	}
	if added == 0 {
		t.Error("no alert has a contact")
	}
}

// The entry of the menu opens the address. Without an address it is a dimmed line with the
// text, and without both it is missing.
func TestContactInMenu(t *testing.T) {
	st := statusWith(approval.Approved, "26.2")
	for c, want := range map[approval.Contact]notify.Item{
		{}:                     {},
		{URL: "javascript:x"}:  {},
		{Organization: "ACME"}: {},
		acme:                   {Label: "Contact ACME…", Enabled: true},
		{Organization: "ACME", Text: "extension 4321"}: {Label: "Contact ACME: extension 4321"},
	} {
		st.Contact = c
		got := Menu(st, around).Items[notify.Contact]
		if want.Label == "" {
			got.Enabled = false
		}
		if got != want {
			t.Errorf("%+v: %+v, want %+v", c, got, want)
		}
	}
}

// Without Try Again, the first entry of the menu leads to the steps, and no text names an
// entry that is not there.
func TestMenuWithoutTryAgain(t *testing.T) {
	tried := 0
	for _, macOS := range []string{"10.15.7", "12.7.6", "26.2"} {
		for _, v := range approval.Verdicts {
			for _, no := range []bool{false, true} {
				st := statusWith(v, macOS)
				st.Products[0].Need = approval.Need{VMs: []probe.VM{{Name: "Windows", UUID: "x", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor}}}
				st.NoRetry = no
				m := Menu(st, around)
				all := append([]string{Text(st).String(), NewGuide(st.Products[0], st).Text(80), m.Items[notify.Retry].Label}, append(m.Next, m.Details...)...)
				for _, event := range approval.Events {
					all = append(all, Alert(approval.Notice{Event: event, Product: st.Products[0], Window: &approval.Window{ClosesAt: opened}}, st, true).Body)
				}
				named := strings.Contains(strings.Join(all, "\n"), "Try Again…")
				if keys := (Live{Status: st, Keys: true}).keys(80); no && strings.Contains(keys, "try again") || m.Primary.Action == notify.Retry && !strings.Contains(keys, "try again") {
					t.Errorf("macOS %s, %s, without: %t, the keys of watch are %q", macOS, v, no, keys)
				}
				if m.Primary.Action == notify.Retry {
					tried++
				}
				if no && (named || m.Primary.Action == notify.Retry) || !no && !named && m.Primary.Action != notify.Retry {
					t.Errorf("macOS %s, %s, without: %t, first %+v\n%s", macOS, v, no, m.Primary, strings.Join(all, "\n"))
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no menu begins with Try Again")
	}
}

func TestMenuWithoutQuit(t *testing.T) {
	hidden := around
	hidden.HideQuit = true
	for _, v := range approval.Verdicts {
		st := statusWith(v, "12.7.6")
		if with, without := Menu(st, around).Items[notify.Quit], Menu(st, hidden).Items[notify.Quit]; with.Label != "Quit kextwatch" || without.Label != "" {
			t.Errorf("%s: %+v and %+v", v, with, without)
		}
	}
}
