package view

import (
	"fmt"
	"strings"
	"time"

	"kextwatch/agent/approval"
)

// Report holds the content of the report: one page for a person or a help desk.
type Report struct {
	Made     time.Time
	Version  string // of kextwatch
	Redacted bool
	Icon     []byte // a PNG; nil: none
	Headline string
	Why      string
	Next     string
	Urgent   bool
	Certain  bool // all facts that the headline depends on are known
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
	r := Report{Made: st.At, Version: version, Headline: "No product is watched", Certain: Certain(st)}
	for i := range history {
		history[i].Text = redact(Clean(history[i].Text))
	}
	r.History, r.Timeline = history, NewTimeline(history, st.At)
	for _, p := range st.Products {
		if p.Verdict == st.Verdict && r.Next == "" && r.Why == "" {
			r.Headline = redact(title(p) + ": " + State(p))
			r.Why, r.Next, r.Urgent = redact(Why(p, st)), redact(headNext(p, st)), p.Verdict.NeedsAction()
		}
		r.Products = append(r.Products, reportProduct(p, st, redact))
	}
	for _, c := range checks {
		c.Summary, c.Detail, c.Next = redact(c.Summary), redact(c.Detail), redact(c.Next)
		r.Checks = append(r.Checks, c)
	}
	for _, g := range missingFacts(st) {
		r.Gaps = append(r.Gaps, Missing{redact(factName(g.Source)), redact(Clean(g.Err)), redact(Clean(g.Next))})
	}
	r.Facts = facts(st, redact)
	return r
}

// headNext is the next step in the head of the report. A product that was made for an
// older macOS may work now, and still needs an update.
func headNext(p approval.Product, st approval.Status) string {
	next := Next(p, st)
	if next == "" || openNames(p, st) != "" {
		next = sentences(next, madeForOlder(p, st))
	}
	return orNothing(next, "Nothing to do.")
}

func reportProduct(p approval.Product, st approval.Status, redact func(string) string) ReportProduct {
	out := ReportProduct{Title: redact(title(p)), State: redact(State(p))}
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
	all := []Fact{{"Mac", macLine(st.Mac)}}
	add := func(name, value string) {
		if value != "" {
			all = append(all, Fact{name, redact(Clean(value))})
		}
	}
	for _, s := range st.Sources {
		add(fmt.Sprintf("Policy from the %s", s.Name), strings.TrimSpace(string(s.State)+" "+s.Reason))
	}
	for _, vm := range st.Facts.Machines.List {
		add(fmt.Sprintf("Virtual machine %s", Clean(vm.Name)), strings.TrimSpace(string(vm.Hypervisor)+" "+string(vm.State)))
	}
	add("System Integrity Protection", string(st.Facts.Enforcement.SIP.State))
	add("Consent for kernel extensions", string(st.Facts.Enforcement.Consent.Enabled))
	for _, i := range st.Facts.Updates.Installed {
		add(fmt.Sprintf("Installed on %s", i.At.Local().Format("2006-01-02")), i.Name)
	}
	for i := range all {
		all[i].Name = redact(all[i].Name)
	}
	return all
}
