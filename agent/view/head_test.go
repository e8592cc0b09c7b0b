package view

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// The box at the top of a page is green only if there is nothing to do.
func TestHeadFollowsTheVerdict(t *testing.T) {
	approved := func(change func(*approval.Status)) approval.Status {
		st := statusWith(approval.Approved, "12.7.6")
		change(&st)
		return st
	}
	failed := []Check{{ID: "policy.reader", Level: Fail, Summary: "The root reader does not work", Next: "Install it again."}}
	for _, tt := range []struct {
		name   string
		st     approval.Status
		checks []Check
		shape  notify.Icon
		next   string
	}{
		{"blocked", statusWith(approval.BlockedOpen, "12.7.6"), nil, notify.IconWaiting, "click Allow"},
		{"over", statusWith(approval.BlockedClosed, "12.7.6"), nil, notify.IconBlocked, "click Allow"},
		{"by an organization", statusWith(approval.Managed, "12.7.6"), nil, notify.IconTodo, "Ask your administrator"},
		{"restart", statusWith(approval.RestartPending, "12.7.6"), nil, notify.IconTodo, "Restart the Mac."},
		{"cannot tell", statusWith(approval.Unknown, "12.7.6"), nil, notify.IconUnsure, "sudo kextwatch status"},
		{"approved", approved(func(*approval.Status) {}), nil, notify.IconWell, "Nothing to do."},
		{"a fact is missing", approved(func(st *approval.Status) { st.Facts.Loaded.Known = false }), nil, notify.IconUnsure, "Not known: loaded kernel extensions"},
		{"a check failed", approved(func(*approval.Status) {}), failed, notify.IconTodo, "The root reader does not work."},
		{"made for an older macOS", approved(func(st *approval.Status) { st.Products[0].Made = &approval.Row{Major: 16, MaxMacOS: "11"} }), nil,
			notify.IconTodo, "made for macOS up to 11"},
		{"an older version is loaded", func() approval.Status {
			st := statusWith(approval.Approved, "10.15.7")
			st.Products[0].Items[0].Kexts[0].LoadedVersion = "16.0.0 48900"
			return st
		}(), nil, notify.IconTodo, "is still loaded"},
		{"another product", approved(func(st *approval.Status) {
			other := statusWith(approval.NotNeeded, "12.7.6").Products[0]
			other.Name, other.Made = "Other", &approval.Row{Major: 1, MaxMacOS: "11"}
			st.Products = append(st.Products, other)
		}), nil, notify.IconTodo, "made for macOS up to 11"},
		{"another product of which a fact is missing", approved(func(st *approval.Status) {
			other := st.Products[0]
			other.Name, other.TeamID = "macFUSE", "3T5GSNBU6W"
			st.Products[0].Loaded = true
			st.Products = append(st.Products, other)
			lose(st, probe.FactLoadedKexts)
		}), nil, notify.IconUnsure, "Not known:"},
		{"no product", approved(func(st *approval.Status) { st.Products, st.Verdict = nil, approval.NotInstalled }), nil, notify.IconWell, "Nothing to do."},
		{"before the first snapshot", approval.Status{}, nil, notify.IconUnsure, "Check again"},
	} {
		head := NewReport(tt.st, tt.checks, nil, "1.0", plain).Head
		next := strings.Join(head.Next, " ")
		if head.Shape != tt.shape || !strings.Contains(next, tt.next) {
			t.Errorf("%s: shape %d, next %q, want %d and %q", tt.name, head.Shape, next, tt.shape, tt.next)
		}
		if done := strings.Contains(next, "Nothing to do."); done != (head.Shape == notify.IconWell) {
			t.Errorf("%s: shape %d, next %q: the words and the picture differ", tt.name, head.Shape, next)
		}
	}
}

// Every shape has a class of its own and words: the color is not needed to tell them apart.
func TestEveryShapeHasWords(t *testing.T) {
	seen := map[string]bool{}
	for _, words := range shapeWords {
		if seen[words.class] || seen[words.words] || !strings.Contains(string(reportStyle), "header."+words.class) {
			t.Errorf("%+v is not unique, or has no style", words)
		}
		seen[words.class], seen[words.words] = true, true
	}
	for v, words := range verdictWords {
		if shapeWords[words.icon].class == "" {
			t.Errorf("%q: the shape %d has no row in shapeWords", v, words.icon)
		}
	}
}

// A person reads words. The ID of a check is only in a title.
func TestReportHasNoIDs(t *testing.T) {
	ids := regexp.MustCompile(`\b(` + func() string {
		var all []string
		for _, c := range checks() {
			if strings.ContainsAny(c.id, ".-") {
				all = append(all, regexp.QuoteMeta(c.id))
			}
		}
		for _, v := range approval.Verdicts {
			if strings.Contains(string(v), "-") {
				all = append(all, string(v))
			}
		}
		for _, e := range approval.Events {
			if strings.Contains(string(e), "-") {
				all = append(all, string(e))
			}
		}
		for _, s := range []probe.SourceState{probe.NotADatabase, probe.UnknownSchema} {
			all = append(all, string(s))
		}
		return strings.Join(all, "|")
	}() + `)\b`)
	titles := regexp.MustCompile(` title="[^"]*"`)
	for _, v := range approval.Verdicts {
		st := statusWith(v, "12.7.6")
		st.Sources = append(st.Sources, probe.Source{Name: probe.Reader, State: probe.UnknownSchema})
		st.Facts.Machines.List = []probe.VM{{Name: "Windows", Hypervisor: probe.ParallelsHypervisor, State: probe.VMRunning}}
		page := titles.ReplaceAllString(string(NewReport(st, ChecksOnPage(st, Own{}), sampleHistory(st.At), "1.0", plain).HTML()), "")
		if id := ids.FindString(page[strings.Index(page, "</style>"):]); id != "" {
			t.Errorf("%s: the report shows %q", v, id)
		}
	}
}

// relative matches times that are true only while the page is made.
var relative = regexp.MustCompile(`minutes? left|min left|\buntil (about )?\d\d:\d\d[^,]`)

// A page is read later, and perhaps in another time zone.
func TestPagesKeepTimesTrue(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("CEST", 2*60*60)
	defer func() { time.Local = local }()
	for _, v := range approval.Verdicts {
		for _, macOS := range []string{"10.15.7", "26.2"} {
			st := statusWith(v, macOS)
			st.Facts.Machines.List = []probe.VM{{Name: "Windows", Hypervisor: probe.ParallelsHypervisor}}
			if v == approval.Unknown {
				w := *statusWith(approval.BlockedOpen, macOS).Products[0].Window
				st.Products[0].Window = &w
			}
			report := string(NewReport(st, ChecksOnPage(st, Own{}), sampleHistory(st.At), "1.0", plain).HTML())
			guide := NewGuide(st.Products[0], st)
			guide.Version = "1.0"
			for name, page := range map[string]string{"report": report, "guide": string(guide.HTML()), "guide as text": guide.Text(76)} {
				if wrong := relative.FindString(page); wrong != "" {
					t.Errorf("%s, %s, %s: %q", v, macOS, name, wrong)
				}
				if strings.HasPrefix(page, "<") && !strings.Contains(page, "Made on 6 May 2026 at 07:50 CEST") {
					t.Errorf("%s, %s, %s: it does not say when it was made", v, macOS, name)
				}
				if st.Products[0].Window != nil && !strings.Contains(strings.Join(strings.Fields(page), " "), "08:15, 6 May, CEST") {
					t.Errorf("%s, %s, %s: it does not say until when the button is there", v, macOS, name)
				}
			}
		}
	}
}
