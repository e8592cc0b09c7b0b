package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Report holds the content of the report: one page for a person or a help desk.
type Report struct {
	Head     Head
	Products []ReportProduct
	Checks   []Check
	Facts    []Fact
	Gaps     []Missing
	Timeline Timeline
	History  []Happening
}

// ReportProduct is one product with its reasons and kernel extensions.
type ReportProduct struct {
	Title   string
	State   string
	Caution string // before a user allows it; empty: none is needed
	Reasons []Reason
	Kexts   []Fact
}

// Missing is a fact that could not be read.
type Missing struct{ Name, Why, Next string }

// Fact is a name with the value that was read.
type Fact struct{ Name, Value string }

// NewReport builds a report. It applies redact to every text that was read from
// this Mac.
func NewReport(st approval.Status, checks []Check, history []Happening, version string, redact func(string) string) Report {
	r := Report{Head: reportHead(st, checks, redact)}
	r.Head.Version = version
	events := slices.Concat(history, statesNow(st))
	for i, e := range events {
		events[i].Text, events[i].Product = redact(Clean(e.Text)), redact(Clean(e.Product))
	}
	r.History, r.Timeline = events[:len(history)], NewTimeline(events, st.At)
	for _, p := range st.Products {
		r.Products = append(r.Products, reportProduct(p, st, redact))
	}
	inWords := findings(checks)
	for _, c := range worstFirst(checks) {
		c.Summary, c.Detail, c.Next = redact(c.Summary), redact(c.Detail), redact(inWords(c.Next))
		r.Checks = append(r.Checks, c)
	}
	for _, g := range missingFacts(st) {
		r.Gaps = append(r.Gaps, Missing{redact(factName(g.Source)), redact(Clean(g.Err)), redact(inWords(Clean(g.Next)))})
	}
	r.Facts = facts(st, redact)
	return r
}

// reportHead says what the whole Mac needs.
func reportHead(st approval.Status, checks []Check, redact func(string) string) Head {
	h := Head{Shape: shapeOnPage(st, checks), Made: st.At}
	leading, found := st.Leading()
	next := []string{}
	if found {
		h.Title, h.Why = fmt.Sprintf("%s: %s", title(leading), stateOnPage(leading, st)), whyOnPage(leading, st)
		next = append(next, Next(leading, st))
	} else {
		var waits string
		h.Title, waits = noneWaits(st)
		next = append(next, waits)
	}
	next = append(next, leftOnMac(st, checks)...)
	if names := openNamesOnMac(st); names != "" && found && openNames(leading, st) == "" {
		next = append(next, cannotTell(names))
	}
	h.Title, h.Why = redact(h.Title), redact(h.Why)
	next = orNone(next)
	if h.Shape != notify.IconWell {
		next = append(next, present(contactLine(st))...)
	}
	for _, text := range next {
		h.Next = append(h.Next, redact(text))
	}
	return h
}

// findings returns a function that replaces the quoted ID of a check by its finding: the
// page shows no IDs.
func findings(checks []Check) func(string) string {
	var pairs []string
	for _, c := range checks {
		pairs = append(pairs, strconv.Quote(c.ID), "“"+strings.TrimSuffix(c.Summary, ".")+"”")
	}
	return strings.NewReplacer(pairs...).Replace
}

func reportProduct(p approval.Product, st approval.Status, redact func(string) string) ReportProduct {
	out := ReportProduct{Title: redact(title(p)), State: redact(stateOnPage(p, st))}
	if p.Verdict.Blocked() {
		out.Caution = redact(strangerWarning(p))
	}
	for _, reason := range Reasons(p, st) {
		reason.Text, reason.Next = redact(reason.Text), redact(reason.Next)
		out.Reasons = append(out.Reasons, reason)
	}
	for _, item := range p.Items {
		for _, k := range item.Kexts {
			out.Kexts = append(out.Kexts, Fact{redact(Clean(k.BundleID)), redact(kextWords(k, st))})
		}
	}
	return out
}

func facts(st approval.Status, redact func(string) string) []Fact {
	// What is not known has no words here: it is one of the missing facts.
	hypervisors := map[probe.Hypervisor]string{
		probe.ParallelsHypervisor: "on the Parallels hypervisor", probe.AppleHypervisor: "on Apple's hypervisor",
	}
	protection := map[probe.SIPState]string{probe.SIPEnabled: "On.", probe.SIPDisabled: "Off.", probe.SIPCustom: "Partly on."}
	consent := map[probe.Answer]string{probe.Yes: "Required.", probe.No: "Not required."}
	all := []Fact{{"Mac", macLine(st.Mac, stamp)}}
	add := func(name, value string) {
		if value != "" {
			all = append(all, Fact{name, redact(Clean(value))})
		}
	}
	for _, s := range st.Sources {
		answer := sentence(s.Reason)
		if s.State == probe.OK {
			answer = "Read."
		}
		add(fmt.Sprintf("Policy from the %s", s.Name), orElse(answer, "Not read."))
	}
	for _, vm := range st.Facts.Machines.List {
		add(fmt.Sprintf("Virtual machine %s", Clean(vm.Name)), sentence(strings.Join(present(hypervisors[vm.Hypervisor], string(vm.State)), ", ")))
	}
	add("System Integrity Protection", protection[st.Facts.Enforcement.SIP.State])
	add("Approval of kernel extensions by a user", consent[st.Facts.Enforcement.Consent.Enabled])
	for _, i := range st.Facts.Updates.Installed {
		add(fmt.Sprintf("Installed on %s", i.At.Local().Format("2006-01-02")), i.Name)
	}
	for i := range all {
		all[i].Name = redact(all[i].Name)
	}
	return all
}
