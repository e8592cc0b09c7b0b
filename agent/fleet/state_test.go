package fleet

import (
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

var at = time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)

// judged is the status of a Mac on which everything is known.
func judged(verdict approval.Verdict) approval.Status {
	return approval.Status{
		At: at, Verdict: verdict, Source: probe.Database,
		Mac: probe.Mac{OS: probe.OSVersion{Version: "13.7.2", Build: "22H313"}, Arch: probe.Intel, BootSession: "B00C"},
		Products: []approval.Product{{
			ID: "4C6364ACXT com.parallels.kext.", Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Verdict: verdict,
			App: &probe.App{TeamID: probe.ParallelsTeamID, Version: "18.3.4"},
		}},
		Facts: probe.Snapshot{Policy: &probe.Policy{Source: probe.Database}, Loaded: probe.Loaded{Known: true}},
	}
}

// Every verdict has one line, and only a verdict that is certain and asks nothing begins
// with "ok".
func TestLine(t *testing.T) {
	for _, v := range approval.Verdicts {
		s := New(judged(v))
		line, product := s.Line(), s.Products[0]
		want := "ok: " + string(v)
		switch {
		case v == approval.Unknown:
			want = "unknown: policy"
		case v.NeedsAction():
			want = string(v) + ": Parallels Desktop"
		}
		if line != want || (s.Answer == OK) != strings.HasPrefix(line, "ok: ") {
			t.Errorf("%s: %q, answer %s; want %q", v, line, s.Answer, want)
		}
		if product.restart() != (v == approval.RestartPending || v == approval.UpgradePending) || product.recovery() != (v == approval.NeedsRecovery) {
			t.Errorf("%s: restart %t, Recovery %t", v, product.restart(), product.recovery())
		}
	}
	if s := New(approval.Status{}); s.Answer != Unknown || s.Verdict != approval.Unknown || !strings.HasPrefix(s.Line(), "unknown: ") {
		t.Errorf("without a snapshot: %+v", s)
	}
}

// A fact that the verdict depends on is missing: the Mac is not well, and the answers
// about a product are missing, too.
func TestMissingFactIsUnknown(t *testing.T) {
	st := judged(approval.Approved)
	st.Facts.Loaded = probe.Loaded{}
	st.Gaps = []probe.Gap{{Source: probe.FactLoadedKexts, Err: "no answer"}}
	s := New(st)
	if line := s.Line(); line != "unknown: loaded kernel extensions" {
		t.Errorf("%q", line)
	}
	text := content(t, s)
	if strings.Contains(text, "needs_restart") || strings.Contains(text, "ok<") || strings.Contains(text, "approved") {
		t.Errorf("an answer that is not known is in\n%s", text)
	}
	// Another product needs something: the answer is certain, and this product's is not.
	st.Verdict = approval.BlockedClosed
	st.Products = append(st.Products, approval.Product{ID: "T", Name: "macFUSE", Verdict: approval.BlockedClosed})
	s = New(st)
	if s.Line() != "blocked-closed: macFUSE" || s.Products[0].Verdict != approval.Unknown || strings.Contains(content(t, s), "approved") {
		t.Errorf("%+v", s)
	}
}

func content(t *testing.T, s State) string {
	t.Helper()
	data, err := s.File("1.2", at)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Products that the user need not see are left out. Names are foreign texts, and a key
// must not look like two.
func TestProductsOfAState(t *testing.T) {
	st := judged(approval.BlockedOpen)
	st.Products[0].Window = &approval.Window{ClosesAt: at.Add(25*time.Minute + time.Millisecond), Left: 25 * time.Minute}
	st.Products = append(st.Products,
		approval.Product{ID: "T a/b", Name: "mac\x1b[2JFUSE\n; ok: approved", TeamID: "T", Verdict: approval.NeedsRecovery},
		approval.Product{ID: "L", Name: "Listed", Verdict: approval.BlockedClosed, Listed: true},
		approval.Product{ID: "I", Name: "Ignored", Verdict: approval.BlockedClosed, Ignored: true})
	s := New(st)
	if want := "blocked-open: Parallels Desktop; needs-recovery: mac[2JFUSE ok approved"; s.Line() != want {
		t.Errorf("%q, want %q", s.Line(), want)
	}
	text := content(t, s)
	for _, want := range []string{
		"<key>T a_b</key>", "<key>window_closes_at</key>\n\t\t\t\t<date>2026-05-06T06:15:00Z</date>", "<key>needs_recovery</key>\n\t\t\t\t<true/>",
		"<key>written_at</key>\n\t\t<date>2026-05-06T05:50:00Z</date>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Listed") || strings.Contains(text, "Ignored") || strings.Contains(text, "\x1b") {
		t.Errorf("too much in\n%s", text)
	}
}

// The ID of an unsigned extension is its bundle ID, which its developer chose: long, or like
// the ID of another product. It must not take that product's place in the file.
func TestNoProductHidesAnother(t *testing.T) {
	long := strings.Repeat("x", 250)
	for _, ids := range [][2]string{
		{"3T5GSNBU6W", "3T5GSNBU6W"}, {"T a/b", "T a_b"}, {"T a b", "T a  b"}, {long + "1", long + "2"},
	} {
		st := judged(approval.BlockedClosed)
		st.Products = []approval.Product{
			{ID: ids[0], Name: "Blocked", Verdict: approval.BlockedClosed}, {ID: ids[1], Name: "Loaded", Verdict: approval.Approved},
			{ID: ids[0], Name: "Third", Verdict: approval.NotAsked},
		}
		text := content(t, New(st))
		for _, name := range []string{"Blocked", "Loaded", "Third"} {
			if strings.Count(text, "<string>"+name+"</string>") != 1 {
				t.Errorf("%.20q and %.20q: %s is not once in\n%s", ids[0], ids[1], name, text)
			}
		}
	}
}

// What an offered macOS means is part of the state. Without an offer it is missing.
func TestOfferedMacOS(t *testing.T) {
	st := judged(approval.Approved)
	if s := New(st); s.Offered != "" || s.Products[0].With != "" || strings.Contains(content(t, s), "offered") {
		t.Errorf("nothing is offered: %+v", s)
	}
	st.Facts.Updates = probe.Updates{OffersRead: true, Offered: []probe.Offer{{Name: "macOS Tahoe", Version: "26.1"}}}
	st.Products[0].Made = &approval.Row{Major: 18, MaxMacOS: "13"}
	s := New(st)
	if s.Offered != "26.1" || s.Products[0].With != approval.NeedsNewer || !s.Products[0].tooOld() {
		t.Errorf("%+v", s)
	}
	if text := content(t, s); !strings.Contains(text, "<key>with_offered_macos</key>\n\t\t\t\t<string>needs-newer-version</string>") {
		t.Errorf("the offer is not in\n%s", text)
	}
}
