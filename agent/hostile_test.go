package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/notify/desktop"
	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/size"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// sink is a place that shows texts of this Mac or writes them into a file. put returns what
// arrives there, and safe fails if that can do harm.
type sink struct {
	name string
	put  func(t *testing.T, s Shown) []string
	safe func(t *testing.T, text string)
}

var sinks = []sink{
	{"notification", notifications, wantOneLine},
	{"menu", menuTexts, wantOneLine},
	{"terminal", terminalTexts, wantLines},
	{"log in a terminal", logTexts, wantPrintable},
	{"page", pages, wantPage},
	{"JSON", jsonDocuments, wantJSON},
	{"JSON lines", jsonLines, wantJSON},
	{"property list", propertyLists, wantPropertyList},
}

// No text of this Mac, whatever it contains, does harm in any place that shows it.
func TestHostileTextsInEverySink(t *testing.T) {
	t.Parallel()
	dialogs := sink{"dialog", dialogTexts(t), wantLines}
	every := size.Of(6, 60) // of the verdicts, others for each text
	for i, name := range slices.Sorted(maps.Keys(hostile.Texts())) {
		text := hostile.Texts()[name]
		text = text[:min(len(text), tooLong)] // it is put into hundreds of places
		for j, verdict := range approval.Verdicts {
			if (i+j)%every != 0 {
				continue
			}
			s := everything(verdict)
			texts(reflect.ValueOf(&s), "", func(_ string, v reflect.Value) { v.SetString(text) })
			for _, sink := range append(sinks, dialogs) {
				t.Run(sink.name, func(t *testing.T) {
					for _, put := range sink.put(t, s) {
						if sink.safe(t, put); t.Failed() {
							t.Fatalf("%s, %s", name, verdict)
						}
					}
				})
			}
			if t.Failed() {
				return
			}
		}
	}
}

// The same for one text at a time: it can come into a place that another text prevents, and
// the name of a failure tells which text it is.
func TestEachHostileTextInEverySink(t *testing.T) {
	t.Parallel()
	const all = "\x1b[2J\u009b31m\u202e\u200b\r\nfake line\xff<img src=x onerror=alert(1)>\" & (do shell script \"x\") & '$(x)`x`&lt;%s{Allow}]]>"
	places := 0
	template := everything(approval.BlockedOpen)
	texts(reflect.ValueOf(&template), "", func(place string, text reflect.Value) {
		was := text.String()
		defer text.SetString(was)
		text.SetString(all + strings.Repeat("x", tooLong))
		if places++; places%size.Of(1, 10) != 0 {
			return
		}
		for _, sink := range sinks {
			t.Run(strings.TrimPrefix(place, ".")+" in "+sink.name, func(t *testing.T) {
				for _, put := range sink.put(t, template) {
					sink.safe(t, put)
				}
			})
		}
	})
	if places < 150 {
		t.Errorf("only %d texts", places)
	}
}

// Shown is everything that kextwatch shows of a Mac. Its fields are exported for reflection.
type Shown struct {
	St      approval.Status
	Own     view.Own
	Around  view.Around
	Upgrade approval.Upgrade
	Notice  approval.Notice
	Event   store.Event
	Failure probe.Source
	Program string
}

// checked are the texts that cannot be hostile where they are shown, by the test of what
// checks them. Each is the end of the name of a text.
var checked = map[string][]string{
	"FuzzPlistFiles":  {".Mac.OS.Version", ".Mac.OS.Build", ".Mac.OS.Extra", ".Mac.Language"},
	"TestParallels":   {".App.Path", ".Apps[].Path"},
	"FuzzParseKernel": {".Mac.BootSession"},
	"FuzzParseMacOS":  {".To.Version", ".To.Build", ".To.Extra"},
	"FuzzParseTable":  {".MaxMacOS", ".MinMacOS", ".MinBuild", ".Limit"},
	// Package approval makes these names. This test has the facts that they come from, too.
	"TestHostileTextsInEverySink": {".Product.Name", ".Products[].Name"},
	// These texts are constants of kextwatch.
	"": {".Machines.From", ".Around.Version", ".Reasons[].Check", ".Findings[].Source"},
}

func isChecked(place string) bool {
	for _, ends := range checked {
		if slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(place, end) }) {
			return true
		}
	}
	return false
}

// everything is a status in which every list has an entry, and every text a value.
func everything(verdict approval.Verdict) Shown {
	st := documented()
	st.Products[0].Verdict = verdict
	var s Shown
	s.St, s.Upgrade = st, documentedUpgrade(st)
	s.St.Facts.Policy = &probe.Policy{Source: probe.Database, ReadAt: st.At}
	s.Program = "/Applications/Kextwatch.app/Contents/MacOS/kextwatch"
	s.Event.Seq, s.Event.Event, s.Event.At = 1, approval.WindowOpened, st.At
	s.Notice.Findings = documentedUpgrade(st).Findings
	fillTexts(reflect.ValueOf(&s).Elem(), 0)
	s.Notice.Product, s.Notice.Window, s.Notice.Minutes, s.Notice.Urgency = s.St.Products[0], s.St.Products[0].Window, 5, approval.Urgent
	return s
}

// statuses are the status as it is, and what the rules make of its facts.
func (s Shown) statuses() []approval.Status {
	rules := approval.DefaultSettings()
	rules.Vendors.All = true
	assessed, _ := rules.Assess(approval.Memory{}, s.St.Facts, s.St.At)
	return []approval.Status{s.St, assessed}
}

// fillTexts gives every empty text a value, and every empty list of facts with texts an
// entry. Entries of other lists need a code.
func fillTexts(v reflect.Value, depth int) {
	if depth > 12 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if v.Type() == textType && v.Len() == 0 {
			v.SetString("Acme 1.0")
		}
	case reflect.Slice:
		if v.Len() == 0 && isFact(v.Type().Elem()) && hasText(v.Type().Elem(), 0) {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fillTexts(v.Index(i), depth+1)
		}
	case reflect.Pointer:
		if v.IsNil() && isFact(v.Type().Elem()) && hasText(v.Type().Elem(), 0) {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if !v.IsNil() {
			fillTexts(v.Elem(), depth+1)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fillTexts(v.Field(i), depth+1)
		}
	}
}

func isFact(t reflect.Type) bool { return t.PkgPath() == "" || t.PkgPath() == "kextwatch/probe" }

var textType = reflect.TypeFor[string]()

func hasText(t reflect.Type, depth int) bool {
	switch t.Kind() {
	case reflect.String:
		return t == textType
	case reflect.Slice, reflect.Pointer:
		return depth < 6 && hasText(t.Elem(), depth+1)
	case reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() && hasText(t.Field(i).Type, depth+1) {
				return true
			}
		}
	}
	return false
}

// texts calls each for every text that can be hostile, with its place, such as
// ".St.Products[].Developer". A constant of kextwatch has a type of its own.
func texts(v reflect.Value, place string, each func(place string, text reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == textType && !isChecked(place) {
			each(place, v)
		}
	case reflect.Slice:
		for i := range v.Len() {
			texts(v.Index(i), place+"[]", each)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			texts(v.Elem(), place, each)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				texts(v.Field(i), place+"."+v.Type().Field(i).Name, each)
			}
		}
	}
}

func notifications(t *testing.T, s Shown) []string {
	var all []string
	for _, st := range s.statuses() {
		for _, event := range approval.Events {
			n := s.Notice
			n.Event = event
			a := view.Alert(n, st, true)
			all = append(all, a.Title, a.Body)
		}
		failed := view.RetryFailed(s.Failure.Reason, s.Failure.Next)
		all = append(all, failed.Title, failed.Body)
	}
	return all
}

func menuTexts(t *testing.T, s Shown) []string {
	var all []string
	for _, st := range s.statuses() {
		m := view.Menu(st, s.Around)
		all = append(all, m.Title, m.Tooltip, m.State, m.Primary.Label)
		all = slices.Concat(all, m.Next, m.Details)
		for _, item := range m.Items {
			all = append(all, item.Label)
		}
	}
	return all
}

// dialogTexts returns the arguments of osascript. The script itself is always the same:
// TestDialogTextsAreArguments.
func dialogTexts(t *testing.T) func(*testing.T, Shown) []string {
	dir := t.TempDir()
	sim, err := simmac.New(dir, simmac.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, s Shown) []string {
		q := view.Dialog(s.Notice, s.St)
		if err := sim.AnswerDialogs(q.Buttons[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := (desktop.Dialogs{Root: dir}).Ask(t.Context(), q.Dialog); err != nil {
			t.Error(err)
		}
		asked, err := sim.Dialogs()
		if err != nil || len(asked) == 0 {
			t.Fatalf("asked %q, %v", asked, err)
		}
		last := asked[len(asked)-1]
		if len(last) != 5+len(q.Buttons) {
			t.Errorf("arguments %q", last)
		}
		return last
	}
}

func terminalTexts(t *testing.T, s Shown) []string {
	var all []string
	for _, st := range s.statuses() {
		live := view.Live{Status: st, Past: []view.Past{{At: st.At, Text: s.Event.Text}}, Keys: true, Said: s.Failure.Reason}
		for _, line := range live.Screen(80, 40) {
			all = append(all, line.Text)
		}
		all = append(all,
			view.Text(st).String(), view.Explain(st, true).String(), view.CheckText(view.Checks(st, s.Own), true).String(),
			view.UpgradeText(st, s.Upgrade).String(), view.NoUpgradeText(st).String(), view.GuideTo(st).Text(80), historyText([]store.Event{s.Event}).String())
		all = slices.Concat(all, view.PlainState(st), view.PlainChange([]approval.Notice{s.Notice}, st))
	}
	return all
}

// logTexts are the lines of kextwatch logs, and the messages on standard error. An error can
// have several lines, so it makes each name in it one line.
func logTexts(t *testing.T, s Shown) []string {
	var errs bytes.Buffer
	told := cli.Output{Stderr: &errs}
	why := strings.ReplaceAll(s.Failure.Reason, "\n", " ")
	told.Fail(cli.Unavailable(errors.New(why), s.Failure.Next))
	told.Warn(s.Failure.Next, "%s", why)
	told.Progress("%s", why)
	return append(strings.Split(errs.String(), "\n"), textLine(s.Event.Text), textLine(s.Event.Line()))
}

func pages(t *testing.T, s Shown) []string {
	var all []string
	for _, st := range s.statuses() {
		history := []view.Happening{{At: st.At.Add(-time.Hour), Event: approval.WindowOpened, Text: s.Event.Text, OpenedAt: st.At.Add(-time.Hour), ClosesAt: st.At}}
		report := view.NewReport(st, view.Checks(st, s.Own), history, "1.0", func(text string) string { return text })
		all = append(all, string(report.HTML()), string(view.GuideTo(st).HTML()))
	}
	return all
}

func jsonDocuments(t *testing.T, s Shown) []string {
	var all []string
	for _, st := range s.statuses() {
		for _, doc := range []any{
			view.NewDocument(st), doctorDocument(view.Checks(st, s.Own)), view.NewUpgradeDocument(st, s.Upgrade), view.NewNoUpgradeDocument(st), view.GuideTo(st),
		} {
			all = append(all, string(asJSON(doc)))
		}
	}
	var history, failed bytes.Buffer
	if err := writeHistory(cli.Output{Stdout: &history, JSON: true}, []store.Event{s.Event}); err != nil {
		t.Error(err)
	}
	(cli.Output{Stdout: &failed, JSON: true}).Fail(cli.Unavailable(errors.New(s.Failure.Reason), s.Failure.Next))
	return append(all, history.String(), failed.String())
}

// jsonLines are the lines of the history, of run --events and of the log.
func jsonLines(t *testing.T, s Shown) []string {
	var log bytes.Buffer
	event := store.NewEvent(s.Notice, s.St.Mac, 1, s.St.At)
	store.LogEvent(slog.New(slog.NewJSONHandler(&log, nil)), s.Event)
	logged := strings.TrimSuffix(log.String(), "\n")
	for _, line := range []string{event.Line(), s.Event.Line(), logged} {
		if strings.ContainsAny(line, "\n\r") {
			t.Errorf("two lines: %q", line)
		}
	}
	return []string{event.Line(), jsonLine(s.Event.Line()), jsonLine(logged), jsonLine(s.Event.Text)}
}

func propertyLists(t *testing.T, s Shown) []string {
	var all []string
	for _, st := range s.statuses() {
		status, err := plist.MarshalIndent(view.NewDocument(st), plist.XMLFormat, "\t")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(status))
	}
	rules := approval.DefaultSettings()
	rules.Vendors.All = true
	_, memory := rules.Assess(approval.Memory{}, s.St.Facts, s.St.At)
	file := filepath.Join(t.TempDir(), "memory.plist")
	if err := store.SaveMemory(file, store.MemoryFile{Memory: memory, Pending: []string{s.Event.Line()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ReadMemory(file); err != nil {
		t.Errorf("the memory cannot be read again: %v", err)
	}
	all = append(all, mactest.Content(file))
	// A job with a text that launchd could misread is refused.
	if job, err := launchd.Agent("/"+s.Program, "/Users/me").Plist(); err == nil {
		all = append(all, string(job))
		for _, key := range []string{"RunAtLoad", "ProgramArguments"} {
			if n := strings.Count(string(job), "<key>"+key+"</key>"); n != 1 {
				t.Errorf("the job has %d keys %s", n, key)
			}
		}
	}
	return all
}

// wantPrintable fails for a text with characters that control a terminal, change the direction
// of text or are invisible.
func wantPrintable(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		t.Errorf("unprintable characters in %.300q", text)
	}
}

// A line may have this many bytes. A text of tooLong bytes that is not cut fails.
const (
	longLine = 2000
	tooLong  = 2 * longLine
)

// wantOneLine is wantPrintable for a text that is short, too.
func wantOneLine(t *testing.T, text string) {
	t.Helper()
	wantPrintable(t, text)
	if len(text) > longLine {
		t.Errorf("a text of %d bytes: %.100q", len(text), text)
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// wantLines is wantOneLine for each line of a text.
func wantLines(t *testing.T, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		wantOneLine(t, line)
		if strings.HasPrefix(line, "fake line") {
			t.Errorf("a text made a line of its own: %.300q", text)
		}
	}
}

// wantJSON fails for text that is not JSON, or that controls a terminal.
func wantJSON(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unprintable) {
		t.Errorf("unprintable characters in %.300q", text)
	}
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v: %.300q", err, text)
	}
	var again any
	if err := json.Unmarshal(asJSON(doc), &again); err != nil || !reflect.DeepEqual(again, doc) {
		t.Errorf("not the same after a round trip: %.300q", text)
	}
}

func wantPropertyList(t *testing.T, text string) {
	t.Helper()
	if err := root.DecodePlist([]byte(text), new(any)); err != nil {
		t.Errorf("%v: %.500q", err, text)
	}
}

// wantPage fails for a page that has an element, an attribute or an address that it does not
// have with harmless texts.
func wantPage(t *testing.T, page string) {
	t.Helper()
	if strings.ContainsFunc(strings.ReplaceAll(page, "\n", ""), unprintable) {
		t.Error("unprintable characters in a page")
	}
	for part := range partsOf(t, page) {
		if !harmlessParts()[part] {
			t.Errorf("a page contains %s", part)
		}
	}
}

// harmlessParts are the parts of the pages for every verdict.
var harmlessParts = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, verdict := range approval.Verdicts {
		for _, page := range pages(nil, everything(verdict)) {
			maps.Copy(all, partsOf(nil, page))
		}
	}
	return all
})

// partsOf returns the elements and attributes of a page as a lenient parser sees them, with
// the values of those attributes that can do something.
func partsOf(t *testing.T, page string) map[string]bool {
	parts := map[string]bool{}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, append(xml.HTMLAutoClose, "meta"), xml.HTMLEntity
	for {
		token, err := d.Token()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := strings.ToLower(token.Name.Local)
			parts["<"+name+">"] = true
			for _, a := range token.Attr {
				attribute := strings.ToLower(a.Name.Local)
				parts["<"+name+" "+attribute+">"] = true
				switch attribute {
				case "href", "src", "class", "style", "id", "http-equiv", "content", "rel":
					parts["<"+name+" "+attribute+"="+a.Value+">"] = true
				}
			}
		case xml.Comment, xml.ProcInst:
			parts["a comment"] = true
		}
	}
}

// The values and the keys of settings are shown, too.
func TestHostileSettings(t *testing.T) {
	for name, text := range hostile.Texts() {
		home := t.TempDir()
		values := map[string]any{"No such key " + text: text}
		for _, key := range settings.Keys {
			values[key.Name] = text
		}
		values["WatchVendors"] = []string{text}
		data, err := plist.Marshal(values, plist.BinaryFormat)
		if err != nil {
			t.Fatal(err)
		}
		mactest.WriteFile(t, filepath.Join(home, "Library/Preferences", probe.AgentLabel+".plist"), string(data))
		s, problems := settings.Read(root.FS{Root: t.TempDir(), Home: home}, home)
		if len(problems) == 0 {
			t.Errorf("%s: no problem", name)
		}
		wantLines(t, settings.Text(s, problems))
		wantJSON(t, string(asJSON(newSettingsDoc(s, problems))))
		for _, text := range []string{s.OrganizationName, s.ContactText} {
			wantOneLine(t, text)
		}
		if s.ContactURL != "" { // it is opened
			t.Errorf("%s: the address %q", name, s.ContactURL)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
