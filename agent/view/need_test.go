package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

func machine(name string, state probe.VMState, nested probe.Answer) probe.VM {
	return probe.VM{UUID: "8c7a0e6c-0000-4000-8000-000000000001", Name: name, State: state, Hypervisor: probe.ParallelsHypervisor, Nested: nested}
}

var (
	windows   = machine("Windows", probe.VMStopped, probe.No)
	suspended = machine("Sleepy", probe.VMSuspended, probe.No)
	running   = machine("Busy", probe.VMRunning, probe.No)
	paused    = machine("Odd", "", probe.No)
	lab       = machine("Lab", probe.VMStopped, probe.Yes)
	sues      = func() probe.VM { vm := machine("Sue's", probe.VMStopped, probe.No); vm.OtherUsers = true; return vm }()
)

// needs has a Mac for each reason of a need, and for several at once.
var needs = []struct {
	name  string
	macOS string
	need  approval.Need
}{
	{"networking", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleKextNetworking, Networking: true}},
	{"networking on 10.15 does not matter", "10.15.7", approval.Need{Answer: probe.Yes, Because: approval.RuleOldMacOS}},
	{"a stopped machine", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{windows}}},
	{"a suspended machine", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{suspended}}},
	{"a running machine", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{running}}},
	{"a machine in an unknown state", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{paused}}},
	{"a nested machine", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{lab}}},
	{"another user's machine", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{sues}}},
	{"networking, suspended and nested", "12.7.6", approval.Need{Answer: probe.Yes, Because: approval.RuleKextNetworking, Networking: true, VMs: []probe.VM{suspended, lab}}},
	{"all kinds", "26.2", approval.Need{Answer: probe.Yes, Because: approval.RuleParallelsHypervisor, VMs: []probe.VM{windows, suspended, running, lab, sues}}},
	{"Parallels 15", "11.7.10", approval.Need{Answer: probe.Yes, Because: approval.RuleOldParallels}},
	{"every machine on Apple's hypervisor", "12.7.6", approval.Need{Answer: probe.No, Because: approval.RuleAppleHypervisor}},
	{"unknown", "12.7.6", approval.Need{}},
}

// testdata/need.txt shows what is said for each reason of a need, at each stage.
func TestAdviceFollowsTheReasonOfTheNeed(t *testing.T) {
	var out strings.Builder
	for _, n := range needs {
		fmt.Fprintf(&out, "=== %s, macOS %s\n", n.name, n.macOS)
		for _, v := range []approval.Verdict{approval.NotAsked, approval.BlockedOpen, approval.BlockedClosed} {
			st := statusWith(v, n.macOS)
			st.Products[0].Need = n.need
			p := st.Products[0]
			fmt.Fprintf(&out, "%s: %s\n→ %s\n", v, Why(p, st), Next(p, st))
			if v != approval.BlockedClosed {
				continue
			}
			closed := Alert(approval.Notice{Event: approval.WindowClosed, Product: p, Window: p.Window}, st, true)
			fmt.Fprintf(&out, "alert: %s\n", closed.Body)
			for _, d := range slices.Concat(Menu(st, around).Next, Menu(st, around).Details) {
				fmt.Fprintf(&out, "menu: %s\n", d)
				if utf8.RuneCountInString(d) > 60 {
					t.Errorf("%s: a menu line of more than 60 characters: %q", n.name, d)
				}
			}
		}
		out.WriteString("\n")
	}
	golden(t, "testdata/need.txt", out.String())
}

// When the time is over, every text says what brings the button back before it sends
// anyone to the button.
func TestTheTimeIsOver(t *testing.T) {
	for _, n := range needs {
		for _, tray := range []bool{true, false} {
			st := statusWith(approval.BlockedClosed, n.macOS)
			p := &st.Products[0]
			p.Need = n.need
			for _, c := range approval.Catalog {
				if c.Severity == approval.Obstacle || c.Code == approval.ReasonError56521 {
					p.Reasons = append(p.Reasons, approval.Reason{Code: c.Code, Severity: c.Severity, Check: c.Check})
				}
			}
			closed := Alert(approval.Notice{Event: approval.WindowClosed, Product: *p, Window: p.Window}, st, tray)
			texts := map[string]string{"alert": closed.Body, "status": Text(st).String(), "window check": "", "next": Next(*p, st)}
			for _, c := range Checks(st, Own{}) {
				if c.ID == "window" {
					texts["window check"] = c.Detail + " " + c.Next
				}
			}
			for name, text := range texts {
				way := strings.Index(text, "again")
				if i := strings.Index(text, tryAgainEntry[1:]); i >= 0 && (way < 0 || i < way) {
					way = i
				}
				for _, verb := range []string{"tart ", "esume the", "et its owner", "epeat what"} {
					if i := strings.Index(text, verb); i >= 0 && (way < 0 || i < way) {
						way = i
					}
				}
				if i := strings.Index(text, "lick Allow"); way < 0 || i >= 0 && i < way {
					t.Errorf("%s, %s: %q sends to a button that is gone", n.name, name, text)
				}
			}
		}
	}
}

// Words that would be false: a machine that does not exist cannot start, one on Apple's
// hypervisor cannot switch to it, and a suspended one cannot be shut down first.
func TestAdviceIsPossible(t *testing.T) {
	for _, n := range needs {
		for _, v := range []approval.Verdict{approval.NotAsked, approval.BlockedOpen, approval.BlockedUnknown, approval.BlockedClosed} {
			if v == approval.NotAsked && n.need.Answer == probe.No {
				continue // not-needed
			}
			st := statusWith(v, n.macOS)
			st.Products[0].Need = n.need
			text := Text(st).String()
			for impossible, when := range map[string]bool{
				"Apple's hypervisor, which needs no approval": len(n.need.CanMove()) == 0 && n.need.Answer != "",
				"irtual machine": len(n.need.VMs) == 0 && n.need.Answer != "",
				"UseKextless":    !n.need.Networking,
				"shut down the":  n.name != "a running machine",
			} {
				if when && strings.Contains(text, impossible) {
					t.Errorf("%s, %s: %q in\n%s", n.name, v, impossible, text)
				}
			}
		}
	}
}

// Where macOS refused just now, the setting that says nothing is enforced, or that no
// extension is needed, is not given as the last word.
func TestRefusalBesideASettingThatDeniesIt(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	p := &st.Products[0]
	p.Need = approval.Need{Answer: probe.No, Because: approval.RuleAppleHypervisor}
	p.Reasons = []approval.Reason{{Code: approval.ReasonSIP, Severity: approval.Note, Check: "sip"}, {Code: approval.ReasonConsentOff, Severity: approval.Note, Check: "kext-consent"}}
	st.Facts.Machines = probe.Machines{Known: true, List: []probe.VM{{Name: "W", Hypervisor: probe.AppleHypervisor}}}
	text := Text(st).String()
	for _, c := range Checks(st, Own{}) {
		if c.ID == "parallels.needed" && (c.Level == Ok || !strings.Contains(c.Summary, "refused")) {
			t.Errorf("check %+v, want the refusal", c)
		}
		if c.ID == "window" && (!strings.Contains(c.Detail, "System Integrity Protection") || !strings.Contains(c.Next, "Tab")) {
			t.Errorf("check %+v, want SIP and Tab", c)
		}
		if c.ID == "sip" || c.ID == "kext-consent" {
			text += c.Summary + c.Detail
		}
	}
	for _, wrong := range []string{"does not ask", "without an approval", "without asking", "asks nobody"} {
		if strings.Contains(text, wrong) {
			t.Errorf("%q beside a refusal:\n%s", wrong, text)
		}
	}
	if !strings.Contains(text, "Note    System Integrity Protection is off or changed: macOS refused") {
		t.Errorf("the reason has no title:\n%s", text)
	}
}

// The step for an old Parallels leads to a version that fits this Mac.
func TestUpdateLeadsToAVersionThatFits(t *testing.T) {
	for _, c := range []struct{ macOS, want, notWant string }{
		{"13.7.2", "version 26", "125053"}, {"12.7.6", "kb.parallels.com/130212", "125053"}, {"30.1", "knows no version", "Update Parallels"},
	} {
		st := statusWith(approval.Incompatible, c.macOS)
		p := &st.Products[0]
		p.Made = &approval.Row{Major: 16, MaxMacOS: "11", ReleaseNotes: "https://kb.parallels.com/125053", Confidence: approval.Likely}
		p.Reasons = []approval.Reason{{Code: approval.ReasonTooOld, Severity: approval.Obstacle, Check: "parallels.version", About: []string{"11"}}}
		if text := Explain(st, true).String() + CheckText(Checks(st, Own{}), true).String(); !strings.Contains(text, c.want) || strings.Contains(text, c.notWant) {
			t.Errorf("macOS %s: want %q and not %q:\n%s", c.macOS, c.want, c.notWant, text)
		}
	}
}
