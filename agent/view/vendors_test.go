package view

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// otherStatus returns a Mac with a blocked extension of another vendor.
func otherStatus(product string, v approval.Verdict, macOS string, arch probe.Arch) approval.Status {
	st := statusWith(v, macOS)
	st.Mac.Arch = arch
	p := approval.Product{
		ID: "TEAM", Name: product, TeamID: "TEAM", Developer: "The Developer", Verdict: v, Known: &approval.KnownKexts{Product: product},
		Items: []approval.Item{{Name: product, Verdict: v, Kexts: []approval.Kext{{BundleID: "com.example.kext", Path: "/Library/Extensions/example.kext", Blocked: v.Blocked()}}}},
	}
	if v == approval.BlockedOpen || v == approval.BlockedClosed {
		p.Window = st.Products[0].Window
		p.Items[0].Window = p.Window
	}
	st.Products = []approval.Product{p}
	return st
}

// What users of other products read. Nothing of it is about Parallels, and no button is
// promised where none is.
func TestWordsOfOtherVendors(t *testing.T) {
	var out strings.Builder
	show := func(title string, st approval.Status) {
		p := st.Products[0]
		n := approval.Notice{Event: approval.BlockedNoWindow, Urgency: approval.Plain, Product: p, Window: p.Window}
		if p.Verdict == approval.BlockedOpen {
			n.Event = approval.WindowOpened
		}
		a := Alert(n, st, true)
		text := fmt.Sprintf("=== %s: %s\nwhy   %s\nnext  %s\nalert %s: %s\n\n", title, State(p), Why(p, st), Next(p, st), a.Title, a.Body)
		if strings.Contains(text, "Parallels") || strings.Contains(text, "virtual machine") && !strings.Contains(text, "macOS runs in a virtual machine") {
			t.Errorf("words of Parallels: %s", text)
		}
		out.WriteString(text)
	}
	for _, product := range approval.KnownProducts() {
		show(product+", macOS 10.15, time over", otherStatus(product, approval.BlockedClosed, "10.15.7", probe.Intel))
	}
	for _, v := range []approval.Verdict{approval.BlockedOpen, approval.BlockedUnknown, approval.NeedsRecovery, approval.Managed, approval.RestartPending, approval.LoadFailing, approval.NotAsked, approval.Approved, approval.Unknown} {
		show("macFUSE, macOS 26", otherStatus("macFUSE", v, "26.2", probe.AppleSilicon))
	}
	for _, proof := range approval.Proofs {
		if proof == approval.RuleRunsWithout {
			continue // only for Parallels it is known what needs the extensions
		}
		st := otherStatus("MOTU", approval.CannotLoad, "26.2", probe.AppleSilicon)
		st.Products[0].Proof = proof
		show("MOTU, "+string(proof), st)
	}
	stranger := otherStatus("Somebody", approval.BlockedOpen, "12.7.6", probe.Intel)
	stranger.Products[0].Known = nil
	stranger.Waiting = []approval.Developer{{TeamID: "TEAM", Name: "The Developer"}, {TeamID: "OTHER", Name: "Other Ltd."}, {TeamID: "THIRD", Name: "Third Inc."}}
	show("a developer that the table does not have, and two others wait", stranger)
	unknown := otherStatus("macFUSE", approval.BlockedOpen, "26.2", probe.AppleSilicon)
	unknown.Products[0].Reasons = []approval.Reason{{Code: approval.ReasonBootUnknown, Severity: approval.Note}}
	show("the startup security is not known", unknown)
	golden(t, "testdata/others.txt", out.String())
}

// The menu leads with one product and lists the others that wait: three, then how many
// more there are.
func TestSeveralProductsWait(t *testing.T) {
	st := otherStatus("macFUSE", approval.BlockedOpen, "12.7.6", probe.Intel)
	lead := st.Products[0]
	for i, name := range []string{"VirtualBox", "Paragon NTFS", "MOTU", "OpenZFS", "Tunnelblick"} {
		other := lead
		other.ID, other.Name, other.Verdict, other.Window = fmt.Sprint(i), name, approval.BlockedClosed, &approval.Window{ClosesAt: st.At.Add(-time.Minute)}
		st.Products = append(st.Products, other)
		menu := Menu(st, around)
		var waiting []string
		for _, line := range menu.Details {
			if strings.Contains(line, "the time to approve it is over") || strings.Contains(line, "more products wait") {
				waiting = append(waiting, line)
			}
		}
		want := min(i+1, 3)
		if len(waiting) != want {
			t.Errorf("%d others wait: %q", i+1, menu.Details)
		}
		if more := slices.ContainsFunc(waiting, func(l string) bool { return strings.HasPrefix(l, fmt.Sprintf("%d more products wait", i-1)) }); more != (i >= 3) {
			t.Errorf("%d others wait: %q", i+1, waiting)
		}
		if !strings.HasPrefix(menu.State, "macFUSE: ") {
			t.Errorf("state %q", menu.State)
		}
	}
}

// The page of a vendor is an address that a person can type from paper. The guide has it,
// and an alert never has.
func TestVendorPages(t *testing.T) {
	address := regexp.MustCompile(`^https://[a-z0-9.-]+/[A-Za-z0-9./_-]*$`)
	pages := 0
	for _, product := range approval.KnownProducts() {
		page := vendorWords(product).page
		if page == "" {
			continue
		}
		pages++
		if !address.MatchString(page) {
			t.Errorf("%s: page %q", product, page)
		}
		st := otherStatus(product, approval.BlockedClosed, "12.7.6", probe.Intel)
		if g := NewGuide(st.Products[0], st); g.Page != page || !strings.Contains(g.Text(76), page) || !strings.Contains(string(g.HTML()), page) {
			t.Errorf("%s: the guide has the page %q, want %q", product, g.Page, page)
		}
		for _, event := range approval.Events {
			if a := Alert(approval.Notice{Event: event, Product: st.Products[0], Window: &approval.Window{}}, st, true); strings.Contains(a.Body, "https:") {
				t.Errorf("%s, %s: the alert has an address: %s", product, event, a.Body)
			}
		}
	}
	if pages < 6 {
		t.Errorf("%d pages, want those of six vendors", pages)
	}
}

// A product that is only listed can be blocked, and allowed in this boot without being
// seen loaded.
func TestPaneOfAListedProduct(t *testing.T) {
	st := otherStatus("macFUSE", approval.BlockedClosed, "15.7.2", probe.Intel)
	st.Products[0].Listed = true
	if why, next := PaneIsEmpty(st); why != "There is no Allow button there now. macFUSE: blocked, and the time to approve it is over." || next == "" {
		t.Errorf("%q, next %q", why, next)
	}
	st = otherStatus("macFUSE", approval.Approved, "15.7.2", probe.Intel)
	st.Products[0].Uncertain = true
	if next := Next(st.Products[0], st); next != "If macFUSE does not work, restart the Mac." {
		t.Errorf("next %q", next)
	}
}
