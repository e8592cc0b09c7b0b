//go:build browser && linux

package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// looks are the two color schemes of a page, with the flags for Chromium.
var looks = map[string]string{
	"light": "--blink-settings=preferredColorScheme=1",
	"dark":  "--blink-settings=preferredColorScheme=0",
}

// chromium opens a page with a new profile. It returns the standard output and the
// console messages of the page.
func chromium(t *testing.T, page string, flags ...string) (out []byte, console []string) {
	t.Helper()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(),
	}, flags...)
	cmd := exec.CommandContext(t.Context(), "chromium", append(args, "file://"+page)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v; %s", err, &stderr)
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			console = append(console, line)
		}
	}
	return out, console
}

//go:embed testdata/browser/examine.js
var examine string

// examination is the result of the script in a page.
type examination struct {
	Name       string
	Dark       bool
	Wider      bool     // than its frame
	Fetched    []string // addresses that the page asked for
	Passes     int
	Violations []struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	Undecided []string // what a person would have to look at
}

// framedPage is a page that is shown at this width.
type framedPage struct {
	name  string
	page  string
	width int
}

// framedAt returns a page at these widths.
func framedAt(t *testing.T, name, file string, widths ...int) []framedPage {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var frames []framedPage
	for _, width := range widths {
		frames = append(frames, framedPage{fmt.Sprintf("%s-%d", name, width), string(page), width})
	}
	return frames
}

const pictureHeight = 1500

// framed writes a page that shows others side by side. Chromium needs a second to start,
// and has no window that is narrower than 500 pixels.
func framed(t *testing.T, frames []framedPage) (file, windowSize string) {
	t.Helper()
	shown := []byte(`<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><body style="margin: 0; display: flex">`)
	width := 0
	for _, f := range frames {
		const form = `<iframe name="%s" style="flex: none; border: 0; width: %dpx; height: %dpx" srcdoc="%s"></iframe>`
		shown = fmt.Appendf(shown, form, f.name, f.width, pictureHeight, html.EscapeString(f.page))
		width += f.width
	}
	file = filepath.Join(t.TempDir(), "framed.html")
	if err := os.WriteFile(file, shown, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, fmt.Sprintf("--window-size=%d,%d", width, pictureHeight)
}

var examinedForm = regexp.MustCompile(`<pre class="examined">([^<]*)</pre>`)

// examined opens copies of pages with axe-core and a script. The policy of the original
// pages would block both. It returns what the script found, by the name of the frame.
func examined(t *testing.T, frames []framedPage, flags ...string) map[string]examination {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("KEXTWATCH_AXE"))
	if err != nil {
		t.Fatalf("make browser runs this test, with axe-core: %v", err)
	}
	copies := slices.Clone(frames)
	for i := range copies {
		copies[i].page = withoutPolicy(t, copies[i].page) + "<script>" + string(axe) + "</script><script>" + examine + "</script>"
	}
	shown, size := framed(t, copies)
	dom, _ := chromium(t, shown, append(flags, size, "--dump-dom", "--virtual-time-budget=30000")...)
	all := map[string]examination{}
	for _, found := range examinedForm.FindAllSubmatch(dom, -1) {
		var e examination
		if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &e); err != nil {
			t.Fatalf("the script in a page wrote %.200q: %v", found[1], err)
		}
		all[e.Name] = e
	}
	return all
}

var contentPolicy = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)

func withoutPolicy(t *testing.T, page string) string {
	t.Helper()
	if !contentPolicy.MatchString(page) {
		t.Fatal("the page has no Content-Security-Policy")
	}
	return contentPolicy.ReplaceAllString(page, "")
}

// The report is accessible in light and dark, on a phone and on paper, and it requests
// nothing over the network.
func TestReportInABrowser(t *testing.T) {
	pages := reports(t)
	inABrowser(t, slices.Concat(
		framedAt(t, "report", pages["report"], 360, 500, 860),
		framedAt(t, "report-well", pages["report-well"], 500),
		framedAt(t, "report-unknown", pages["report-unknown"], 500),
		[]framedPage{{"report-midnight-360", afterMidnight(), 360}},
	))
}

// The same holds for the guide, which fits on one page of paper.
func TestGuideInABrowser(t *testing.T) {
	dir := pictures(t)
	var frames []framedPage
	for name, file := range guides(t) {
		frames = append(frames, framedAt(t, name, file, 360, 860)...)
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []string{"Letter", "A4"} {
			paper := filepath.Join(dir, name+"-"+size+".pdf")
			printOn(t, string(page), size, paper)
			data, err := os.ReadFile(paper)
			if err != nil {
				t.Fatal(err)
			}
			if sheets := len(pdfPage.FindAll(data, -1)); sheets != 1 {
				t.Errorf("%s on %s: %d pages, want 1", name, size, sheets)
			}
		}
	}
	inABrowser(t, frames)
}

var pdfPage = regexp.MustCompile(`/Type\s*/Page\b[^s]`)

// guides are the pages of guides with many words.
func guides(t *testing.T) map[string]string {
	t.Helper()
	boot := probe.Boot{Security: probe.FullSecurity, UserKexts: probe.No, External: probe.Yes}
	fuse := approval.Product{
		Name: "macFUSE", TeamID: "3T5GSNBU6W", Developer: "Benjamin Fleischer", Verdict: approval.NeedsRecovery, Known: &approval.KnownKexts{},
		Items: []approval.Item{{Kexts: []approval.Kext{{BundleID: "io.macfuse.filesystems.macfuse.25", Blocked: true}}}},
	}
	managed := fuse
	managed.Verdict = approval.Managed
	unknown := fuse
	unknown.Verdict = approval.BlockedUnknown
	unknown.Reasons = []approval.Reason{{Code: approval.ReasonNotAdmin, Severity: approval.Obstacle}, {Code: approval.ReasonPaneOpen, Severity: approval.Obstacle}}
	files := map[string]string{}
	for name, p := range map[string]approval.Product{"guide": fuse, "guide-managed": managed, "guide-unknown": unknown} {
		st := approval.Status{
			At: time.Now(), Verdict: p.Verdict, Products: []approval.Product{p}, Source: probe.Database, Facts: probe.Snapshot{Boot: boot},
			Mac: probe.Mac{OS: probe.OSVersion{Version: "26.2", Build: "25C56"}, Arch: probe.AppleSilicon, BootedAt: time.Now().Add(-time.Hour)},
		}
		if name == "guide-unknown" {
			st.Facts.Boot = probe.Boot{}
		}
		files[name] = filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(files[name], guidePage(view.GuideTo(st)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// pictures is the folder that KEXTWATCH_PICTURES names, or a temporary one.
func pictures(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("KEXTWATCH_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inABrowser examines pages in light and dark. It keeps their pictures in the folder that
// pictures returns.
func inABrowser(t *testing.T, frames []framedPage) {
	t.Helper()
	dir := pictures(t)
	for look, flag := range looks {
		shown, size := framed(t, frames)
		together := filepath.Join(t.TempDir(), "together.png")
		if _, console := chromium(t, shown, flag, size, "--screenshot="+together); len(console) > 0 {
			t.Errorf("%s: a page wrote to the console: %q", look, console)
		}
		cut(t, together, frames, dir, look)
		found := examined(t, frames, flag)
		for _, f := range frames {
			name := f.name + "-" + look
			e, ended := found[f.name]
			if !ended {
				t.Errorf("%s: the script in the page did not end", name)
				continue
			}
			if e.Dark != (look == "dark") {
				t.Errorf("%s: dark is %t", name, e.Dark)
			}
			if e.Wider {
				t.Errorf("%s: the page is wider than its frame", name)
			}
			if len(e.Fetched) > 0 {
				t.Errorf("%s: the page requested %q", name, e.Fetched)
			}
			if e.Passes == 0 {
				t.Errorf("%s: axe-core checked nothing", name)
			}
			for _, v := range e.Violations {
				t.Errorf("%s: %s: %s: %+v", name, v.ID, v.Help, v.Nodes)
			}
			for _, what := range e.Undecided {
				t.Errorf("%s: axe-core cannot decide: %s", name, what)
			}
			t.Logf("%s: axe-core: %d rules passed, %d violated, %d not decided", name, e.Passes, len(e.Violations), len(e.Undecided))
		}
	}
}

// cut cuts the picture of pages side by side into one for each. The documents show the
// top of a report.
func cut(t *testing.T, together string, frames []framedPage, dir, look string) {
	t.Helper()
	data, err := os.ReadFile(together)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	left := img.Bounds().Min
	for _, f := range frames {
		flat := image.NewRGBA(image.Rect(0, 0, f.width, pictureHeight))
		draw.Draw(flat, flat.Rect, img, left, draw.Src)
		left.X += f.width
		name := f.name + "-" + look + ".png"
		savePicture(t, filepath.Join(dir, name), flat)
		if name == "report-860-light.png" {
			savePicture(t, filepath.Join(dir, "report.png"), flat.SubImage(image.Rect(0, 0, flat.Rect.Max.X, 640)).(*image.RGBA))
		}
	}
	if left.X != img.Bounds().Max.X || img.Bounds().Dy() != pictureHeight {
		t.Errorf("a picture of %v, want one of %d x %d", img.Bounds(), left.X, pictureHeight)
	}
}

// reports are pages about simulated Macs: blocked, with many events at the same time, as
// after an update; with nothing to do; of which kextwatch cannot tell; and with a long
// history.
func reports(t *testing.T) map[string]string {
	t.Helper()
	now := time.Now()
	blocked := func(_ string, sim *simmac.Mac) error { return sim.Attempt(now.Add(-4 * time.Minute)) }
	loaded := func(_ string, sim *simmac.Mac) error {
		return cmp.Or(sim.Attempt(now.Add(-50*time.Minute)), sim.Allow(now.Add(-45*time.Minute)), sim.Restart(now.Add(-40*time.Minute)), sim.Load(now.Add(-30*time.Minute)))
	}
	unread := func(root string, sim *simmac.Mac) error {
		return cmp.Or(sim.RemoveFramework(), os.WriteFile(policyFile(root), []byte("rubbish"), 0o600))
	}
	var long []view.Happening
	for i := range 300 {
		text := fmt.Sprintf("%d times, macOS blocked a kernel extension. ", i)
		long = append(long, view.Happening{At: now.Add(time.Duration(i-300) * time.Hour), Event: approval.BlockedNoWindow, Text: strings.Repeat(text, 1+i%4)})
	}
	return map[string]string{
		"report":         reportOf(t, blocked, eventful(now)),
		"report-well":    reportOf(t, loaded, nil),
		"report-unknown": reportOf(t, unread, nil),
		"report-long":    reportOf(t, blocked, long),
	}
}

// afterMidnight is a report a minute after midnight. It begins and ends with a midnight.
func afterMidnight() string {
	y, m, d := time.Now().Date()
	moment := time.Date(y, m, d, 0, 1, 0, 0, time.Local)
	return string(view.Report{
		Head:     view.Head{Made: moment, Version: "dev", Title: "kextwatch cannot tell", Why: "It is a minute after midnight.", About: "Names are left out."},
		Checks:   []view.Check{{Level: view.Ok, Summary: "The clock runs"}},
		Facts:    []view.Fact{{Name: "Time", Value: "00:01"}},
		Timeline: view.NewTimeline([]view.Happening{view.MacStarted(moment.Add(-40 * time.Minute))}, moment),
	}.HTML())
}

func reportOf(t *testing.T, happens func(root string, sim *simmac.Mac) error, history []view.Happening) (file string) {
	t.Helper()
	root, sim := simulated(t, "13.7.2")
	if err := happens(root, sim); err != nil {
		t.Fatal(err)
	}
	journal := store.PlacesIn(filepath.Join(root, "Users", "me")).History
	if err := os.MkdirAll(filepath.Dir(journal), 0o700); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, h := range history {
		e := store.Event{Schema: 1, Seq: int64(len(lines) + 1), At: h.At.UTC(), Event: h.Event, Text: h.Text, Product: h.Product, TeamID: h.TeamID, Verdict: h.Verdict}
		if !h.OpenedAt.IsZero() {
			e.OpenedAt, e.ClosesAt = &h.OpenedAt, &h.ClosesAt
		}
		lines = append(lines, e.Line())
	}
	if err := (store.Places{History: journal}).Journal().Append(lines); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "report.html")
	if out, err := thisProgram(t).command(t, "report", "--root", root, "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("report: %v; %s", err, out)
	}
	return file
}

// eventful returns two weeks of events: a macOS update with a late approval, daily
// restarts, and an update of Parallels a moment ago.
func eventful(now time.Time) []view.Happening {
	var all []view.Happening
	verdicts := map[approval.EventName]approval.Verdict{
		approval.WindowOpened: approval.BlockedOpen, approval.WindowReopened: approval.BlockedOpen, approval.WindowClosed: approval.BlockedClosed,
		approval.ApprovedEvent: approval.RestartPending, approval.RestartNeeded: approval.RestartPending, approval.KextsLoaded: approval.Approved,
	}
	tell := func(ago time.Duration, name approval.EventName, text string) {
		h := view.Happening{At: now.Add(-ago), Event: name, Text: text, Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Verdict: verdicts[name]}
		if name == approval.WindowOpened || name == approval.WindowReopened {
			h.OpenedAt, h.ClosesAt = h.At, h.At.Add(approval.WindowLength)
		}
		all = append(all, h)
	}
	const day = 24 * time.Hour
	for i := range 12 {
		all = append(all, view.MacStarted(now.Add(-13*day+time.Duration(i)*day+time.Hour)))
		if i == 2 {
			tell(11*day-2*time.Hour, approval.MacOSUpdated, "macOS was updated from 12.7.6 (21H1320) to 13.7.2 (22H313).")
			all = append(all, view.MacStarted(now.Add(-11*day+3*time.Hour)))
			tell(11*day-3*time.Hour-time.Minute, approval.WindowOpened, "macOS blocked 2 kernel extensions of Parallels Desktop: com.parallels.kext.hypervisor, com.parallels.kext.netbridge. The Allow button is there for 30 minutes.")
			tell(11*day-3*time.Hour-31*time.Minute, approval.WindowClosed, "Parallels Desktop: the time to approve it is over.")
		}
		if i == 3 {
			tell(10*day-5*time.Hour, approval.WindowReopened, "Parallels Desktop was blocked again: the Allow button is back for 30 minutes.")
			tell(10*day-5*time.Hour-9*time.Minute, approval.ApprovedEvent, "Parallels Desktop is approved.")
			tell(10*day-5*time.Hour-9*time.Minute, approval.RestartNeeded, "Restart the Mac to finish.")
			all = append(all, view.MacStarted(now.Add(-10*day+5*time.Hour+20*time.Minute)))
			tell(10*day-5*time.Hour-21*time.Minute, approval.KextsLoaded, "The kernel extensions of Parallels Desktop are loaded.")
		}
	}
	tell(6*time.Minute, approval.ParallelsUpdated, "Parallels Desktop was updated from 18.1.1 (53328) to 18.3.4 (53630).")
	tell(4*time.Minute, approval.WindowOpened, "macOS blocked 2 kernel extensions of Parallels Desktop. The Allow button is there for 30 minutes.")
	return all
}

// The name of a virtual machine or a file must not run a script in the browser of a
// help desk, even if the page has lost its policy.
func TestHostileReportRunsNothing(t *testing.T) {
	// The marker is put together only when it runs.
	const script = `document.documentElement.className=['r','an'].join('')`
	ran := func(page string) bool {
		file := filepath.Join(t.TempDir(), "hostile.html")
		if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		dom, _ := chromium(t, file, "--dump-dom", "--virtual-time-budget=2000")
		if !bytes.Contains(dom, []byte("kextwatch")) {
			t.Fatalf("the page did not open: %.200q", dom)
		}
		return bytes.Contains(dom, []byte(`class="ran"`))
	}
	var everything strings.Builder
	for _, form := range []string{
		`</style></title></svg><script>%s</script>`, `" onload="%s" onfocus="%[1]s" autofocus tabindex="0`, `<img src=x onerror="%s">`,
		`' onmouseover='%s`, `javascript:%s`, `--><svg onload="%s">`, `]]></text></svg><script>%s</script>`,
	} {
		fmt.Fprintf(&everything, form, script)
	}
	bad := everything.String()
	moment := time.Now()
	happened := []view.Happening{
		{At: moment.Add(-time.Hour), Event: approval.WindowOpened, Text: bad, OpenedAt: moment.Add(-time.Hour), ClosesAt: moment},
		{At: moment.Add(-2 * time.Hour), Event: approval.ApprovedEvent, Text: bad},
	}
	page := view.Report{
		Head:     view.Head{Made: moment, Version: bad, Title: bad, Why: bad, Next: []string{bad}, About: bad},
		Products: []view.ReportProduct{{Title: bad, State: bad, Kexts: []view.Fact{{Name: bad, Value: bad}}}},
		Facts:    []view.Fact{{Name: bad, Value: bad}}, Gaps: []view.Missing{{Name: bad, Why: bad, Next: bad}},
		Timeline: view.NewTimeline(happened, moment), History: happened,
	}.HTML()
	guide := view.Guide{
		Version: bad, Title: bad, Why: bad, Notes: []string{bad}, Message: bad, Without: bad, Mac: bad,
		Steps: []view.GuideStep{{State: view.StepState(bad), Do: bad, See: bad, Help: bad}},
	}.HTML()
	for name, page := range map[string][]byte{"report": page, "guide": guide} {
		if ran(string(page)) {
			t.Errorf("a script ran in the %s", name)
		}
		if ran(withoutPolicy(t, string(page))) {
			t.Errorf("a script ran in the %s without its policy: something is not escaped", name)
		}
	}
	if open := string(page) + bad; ran(open) {
		t.Error("the policy of the page lets a script run")
	}
	if !ran(withoutPolicy(t, string(page)) + bad) {
		t.Error("this test cannot see a script run")
	}
}
