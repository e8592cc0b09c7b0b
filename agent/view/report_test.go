package view

import (
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/hostile"
)

func plain(s string) string { return s }

func sampleHistory(at time.Time) []Happening {
	hours := func(n int) time.Time { return at.Add(-time.Duration(n) * time.Hour) }
	return []Happening{
		MacStarted(hours(72)),
		{At: hours(71), Event: approval.AgentStarted, Text: "kextwatch started."},
		{At: hours(50), Event: approval.MacOSUpdated, Text: "macOS was updated from 10.14.6 to 10.15.7."},
		{At: hours(48), Event: approval.WindowOpened, Text: "macOS blocked Parallels Desktop.", OpenedAt: hours(48), ClosesAt: hours(48).Add(30 * time.Minute)},
		{At: hours(4), Event: approval.WindowReopened, Text: "Parallels Desktop was tried again.", OpenedAt: hours(4), ClosesAt: hours(4).Add(30 * time.Minute)},
		{At: hours(3), Event: approval.ApprovedEvent, Text: "Parallels Desktop was approved."},
	}
}

func TestReport(t *testing.T) {
	st := statusWith(approval.BlockedOpen, "10.15.7")
	st.Gaps = []probe.Gap{{Source: probe.FactBackup, Err: "not permitted", Next: "Allow Full Disk Access."}}
	page := NewReport(st, Checks(st, Own{}), sampleHistory(st.At), "1.0", plain).HTML()
	for _, want := range []string{
		"Parallels Desktop 16.5.1 (49187): waiting for your approval until 06:15, 6 May, UTC", "Made on 6 May 2026 at 05:50 UTC", `class="next">Open System Preferences`,
		`aria-label="Timeline of 3 days: 7 events.`, "parallels.asked", "com.parallels.kext.hypervisor", "not permitted", "was tried again",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report does not contain %q", want)
		}
	}
	for _, foreign := range []string{"<script", "http-equiv=\"refresh\"", "src=\"http", "href="} {
		if strings.Contains(string(page), foreign) {
			t.Errorf("the report contains %q, but it must not refer to anything outside", foreign)
		}
	}
}

// The page says of each blocked product whose developer nobody knows what its next step
// says of the first one: allow it only if you know it.
func TestReportWarnsOfStrangers(t *testing.T) {
	for _, v := range []approval.Verdict{approval.BlockedOpen, approval.BlockedClosed, approval.BlockedUnknown, approval.Approved} {
		st := otherStatus("Somebody", v, "13.7.2", probe.Intel)
		if r := NewReport(st, nil, nil, "1.0", plain); r.Products[0].Caution != "" {
			t.Errorf("%s, a known product: %q", v, r.Products[0].Caution)
		}
		st.Products[0].Known = nil
		r := NewReport(st, nil, nil, "1.0", plain)
		want := ""
		if v.Blocked() {
			want = "kextwatch does not know this developer (com.example.kext in /Library/Extensions/example.kext). Allow it only if you know it."
		}
		if got := r.Products[0].Caution; got != want || !strings.Contains(string(r.HTML()), "<p>"+got+"</p>") && got != "" {
			t.Errorf("%s: %q, want %q", v, got, want)
		}
	}
}

// A product that was made for an older macOS and works has something to do, as doctor
// says.
func TestReportHeadSaysMadeForOlder(t *testing.T) {
	for _, v := range []approval.Verdict{approval.Approved, approval.NotNeeded} {
		st := statusWith(v, "12.7.6")
		if r := NewReport(st, nil, nil, "1.0", plain); len(r.Head.Next) != 1 || r.Head.Next[0] != "Nothing to do." || r.Head.Shape != notify.IconWell {
			t.Errorf("%s: next step %q, shape %d, want none, and well", v, r.Head.Next, r.Head.Shape)
		}
		st.Products[0].Made = &approval.Row{Major: 16, MaxMacOS: "11"}
		r := NewReport(st, nil, nil, "1.0", plain)
		if next := strings.Join(r.Head.Next, " "); !strings.Contains(next, "made for macOS up to 11. Update Parallels Desktop") || r.Head.Shape == notify.IconWell {
			t.Errorf("%s: next step %q, shape %d, want the update", v, next, r.Head.Shape)
		}
	}
}

// A hostile name must not become markup.
func TestReportOfHostileNames(t *testing.T) {
	before := elements(t, hostileReport(t, "Somebody"))
	for _, name := range hostileNames {
		page := hostileReport(t, name)
		// A name without a printable character is left out, with its elements.
		if after := elements(t, page); after > before {
			t.Errorf("%.30q: the page has %d elements, want at most %d", name, after, before)
		}
		for _, r := range "\x00\x1b\u202e" {
			if strings.ContainsRune(page, r) {
				t.Errorf("%.30q: the page has %q", name, r)
			}
		}
	}
}

var hostileNames = slices.Sorted(maps.Values(hostile.Texts()))

func hostileReport(t *testing.T, name string) string {
	t.Helper()
	st := statusWith(approval.BlockedOpen, "10.15.7")
	p := &st.Products[0]
	p.Developer, p.App.Version = name, name
	p.Items[0].Kexts[0].BundleID = name
	p.Reasons = []approval.Reason{{Code: approval.ReasonRemote, Severity: approval.Obstacle, About: []string{name}}}
	st.Facts.Machines.List = []probe.VM{{Name: name, Hypervisor: probe.ParallelsHypervisor}}
	p.Need.VMs = st.Facts.Machines.List
	st.Gaps = []probe.Gap{{Source: probe.Fact(name), Err: name, Next: name}}
	history := []Happening{{At: st.At.Add(-time.Hour), Event: approval.WindowOpened, Text: name, OpenedAt: st.At.Add(-time.Hour), ClosesAt: st.At}}
	page := NewReport(st, Checks(st, Own{Notifications: name}), history, "1.0", plain).HTML()
	return string(page)
}

// elements counts the elements of a page the way a lenient parser sees them.
func elements(t *testing.T, page string) int {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, append(xml.HTMLAutoClose, "meta"), xml.HTMLEntity
	n := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := token.(xml.StartElement); ok {
			n++
		}
	}
}

func TestReportRedactsNames(t *testing.T) {
	const secret = "Zoes Windows"
	st := statusWith(approval.BlockedOpen, "12.7.6")
	st.Facts.Machines.List = []probe.VM{{Name: secret, Hypervisor: probe.ParallelsHypervisor}}
	st.Products[0].Need.VMs = st.Facts.Machines.List
	history := []Happening{{At: st.At.Add(-time.Hour), Event: approval.ApprovedEvent, Text: secret}}
	redact := func(s string) string { return strings.ReplaceAll(s, secret, "<vm>") }
	page := NewReport(st, Checks(st, Own{}), history, "1.0", redact).HTML()
	if strings.Contains(string(page), secret) || !strings.Contains(string(page), "&lt;vm&gt;") {
		t.Error("the redacted report contains the name of a virtual machine")
	}
}

func TestTimeline(t *testing.T) {
	now := opened.Add(5 * time.Minute)
	tl := NewTimeline(sampleHistory(now), now)
	if len(tl.Lanes) != len(lanes) || len(tl.Days) < 3 {
		t.Fatalf("timeline %+v, want %d lanes and three days", tl, len(lanes))
	}
	window := tl.Lanes[2]
	if len(window.Bars) != 2 || window.Bars[0].X >= window.Bars[1].X || window.Bars[0].Width < 4 {
		t.Errorf("windows %+v, want two bars in order", window.Bars)
	}
	for _, lane := range tl.Lanes {
		for _, m := range lane.Marks {
			if m.X < 0 || m.X > timelineWidth {
				t.Errorf("%s: mark at %d is outside of the picture", lane.Name, m.X)
			}
		}
	}
	if restarts := tl.Lanes[4]; restarts.Name != "Restarts" || len(restarts.Marks) != 1 || restarts.Marks[0].Count != 1 || !strings.Contains(restarts.Marks[0].Tip, "The Mac started") {
		t.Errorf("%+v, want the start of the Mac alone", restarts)
	}
	old := []Happening{{At: now.Add(-400 * 24 * time.Hour), Event: approval.ApprovedEvent}, {At: now.Add(time.Hour), Event: approval.ApprovedEvent}}
	if tl := NewTimeline(old, now); len(tl.Lanes[3].Marks) != 0 {
		t.Errorf("marks %+v, want none for events before the picture or in the future", tl.Lanes[3].Marks)
	}
}

// Every midnight of a short timeline has its line and its name, unless these would be
// under the line of now.
func TestTimelineNamesDaysBesideNow(t *testing.T) {
	midnight := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.Local)
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{
		{0, "30 Nov"},
		{4 * time.Minute, "30 Nov"},
		{20 * time.Minute, "30 Nov"},
		{35 * time.Minute, "30 Nov"},
		{39 * time.Minute, "30 Nov"},
		{time.Hour, "1 Dec"},
		{23 * time.Hour, "1 Dec"},
	} {
		var names []string
		for _, day := range NewTimeline(nil, midnight.Add(tt.after)).Days {
			names = append(names, day.Name)
		}
		if got := strings.Join(names, ", "); got != tt.want {
			t.Errorf("%s after midnight: the days %s, want %s", tt.after, got, tt.want)
		}
	}
}

// Marks that overlap are counted in one mark.
func TestTimelineCountsWhatOverlaps(t *testing.T) {
	now := opened
	var events []Happening
	for _, ago := range []time.Duration{20 * time.Hour, 2 * time.Minute, time.Minute} {
		events = append(events, Happening{At: now.Add(-ago), Event: approval.ApprovedEvent, Text: ago.String()})
	}
	marks := NewTimeline(events, now).Lanes[3].Marks
	if len(marks) != 2 || marks[0].Count != 1 || marks[1].Count != 2 || strings.Count(marks[1].Tip, "\n") != 1 {
		t.Errorf("marks %+v, want one of one and one of two", marks)
	}
}
