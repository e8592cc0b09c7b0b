package view

import (
	"fmt"
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// testdata/retry.txt shows what is said after each end of a retry, and what is asked
// before it.
func TestWordsOfARetry(t *testing.T) {
	var out strings.Builder
	reason := func(name string, r Reason) {
		fmt.Fprintf(&out, "=== %s\n%s. %s\n→ %s\n\n", name, r.Title, r.Text, r.Next)
	}
	reason("Parallels did not try", NotTried(false))
	reason("the virtual machine did not make it try", NotTried(true))
	reason("the virtual machine started", Started())
	fmt.Fprintf(&out, "=== another way\nwithout a machine: %s\nwith one that only another user can start: %s\n\n", OtherWay(approval.Need{}), OtherWay(approval.Need{VMs: []probe.VM{sues}}))
	for _, macOS := range []string{"10.15.7", "14.6.1"} {
		st := otherStatus("macFUSE", approval.BlockedUnknown, macOS, probe.Intel)
		p := st.Products[0]
		for _, attempt := range []*probe.Attempt{nil, {Outcome: probe.NeedsRestart}, {Outcome: probe.Permitted}, {Outcome: probe.Refused}} {
			name := "no answer"
			if attempt != nil {
				name = string(attempt.Outcome)
			}
			reason(fmt.Sprintf("macOS %s, loading macFUSE: %s", macOS, name), AfterLoad(p, st, attempt))
		}
		st.Waiting = []approval.Developer{{TeamID: "AAAAAAAAAA", Name: "Acme Inc."}, {TeamID: p.TeamID, Name: p.Developer}}
		fmt.Fprintf(&out, "=== macOS %s, another developer waits, too\n%s\n\n", macOS, BesideButton(p, st))
	}
	failed := RetryFailed("prlctl did not\x1b answer", "Open Parallels Desktop.")
	fmt.Fprintf(&out, "=== alert after a failed click\n%s\n%s\n\n", failed.Title, failed.Body)
	fmt.Fprintf(&out, "=== which machine?%s\n\n=== which paths?%s\n", MachineList([]probe.VM{windows, suspended}), PathList([]string{"/Users/anna/Windows.pvm", "/tmp/two\nlines"}))
	golden(t, "testdata/retry.txt", out.String())
}

// explain lists each virtual machine with what decides about the need, and says which facts
// about a product come from where.
func TestExplainShowsTheFactsBehindTheNeed(t *testing.T) {
	st := statusWith(approval.NotAsked, "12.7.6")
	st.Products[0].Made = &approval.Row{Major: 17, MinMacOS: "10.14.6", MaxMacOS: "12", Confidence: approval.Sure, Source: "a\x1b page"}
	st.Products[0].Known = &approval.KnownKexts{Product: "Parallels Desktop", Confidence: approval.Likely, Source: "a listing"}
	unknown := machine("Old", "", "")
	unknown.Hypervisor = ""
	st.Facts.Machines = probe.Machines{Known: true, From: "prlctl", List: []probe.VM{running, lab, unknown}}
	var l Lines
	l.machines(st)
	text := l.String()
	for _, want := range []string{
		"Parallels Desktop 17 was made for macOS 10.14.6 to 12",
		"source: a page",
		"is known by its team and bundle IDs",
		"Virtual machines, by prlctl",
		"  Busy: parallels hypervisor, running\n",
		"  Lab: parallels hypervisor, stopped, nested virtualization\n",
		"  Old: unknown hypervisor\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// Without a version to check and without an offer, the text and the document say the same,
// and what to do next.
func TestNoUpgradeToCheck(t *testing.T) {
	for name, updates := range map[string]probe.Updates{"offers were read": {OffersRead: true}, "offers were not read": {}} {
		st := statusWith(approval.Approved, "12.7.6")
		st.Facts.Updates = updates
		doc, text := NewNoUpgradeDocument(st), NoUpgradeText(st).String()
		if doc.Why == "" || doc.Next == "" || !strings.Contains(text, doc.Why) || !strings.Contains(strings.Join(strings.Fields(text), " "), doc.Next) {
			t.Errorf("%s: the document says %q and %q, the text\n%s", name, doc.Why, doc.Next, text)
		}
	}
}

// Only macOS 26 and later can hide the icon. The notification names the place to look.
func TestTheIconIsIntroduced(t *testing.T) {
	mac := probe.Mac{OS: probe.OSVersion{Version: "26.2"}}
	if !IconMayBeHidden(mac.OS) || IconMayBeHidden(probe.OSVersion{Version: "15.5"}) || IconMayBeHidden(probe.OSVersion{}) {
		t.Error("only macOS 26 and later can hide the icon")
	}
	if a := IconIntroduction(mac); !strings.Contains(a.Body, "System Settings > Menu Bar") || a.Urgent {
		t.Errorf("%+v does not name the pane", a)
	}
}
