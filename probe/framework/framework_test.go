package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

var queriedAt = time.Date(2026, 7, 1, 21, 0, 0, 0, time.UTC)

// frameworkSays makes osascript of the Mac print text.
func frameworkSays(t testing.TB, m root.FS, text string) {
	t.Helper()
	mactest.AddTool(t, m.Root, probe.OsascriptTool, "cat <<'END'\n"+text+"\nEND\n")
}

func parallelsRow(bundle string, allowed bool, pending probe.Answer) probe.PolicyRow {
	row := probe.PolicyRow{
		TeamID: "4C6364ACXT", BundleID: bundle, Allowed: allowed, Developer: "Parallels International GmbH",
		App: "Parallels Desktop", AppPath: "/Applications/Parallels Desktop.app", Pending: pending,
	}
	if allowed {
		row.NeedsRestart = probe.Yes
	}
	return row
}

func TestReadFramework(t *testing.T) {
	const hypervisor, vnic = "com.parallels.kext.hypervisor", "com.parallels.kext.vnic"
	santa := probe.PolicyRow{
		TeamID: "EQHXZ8M8AV", BundleID: "com.google.santa-driver", Allowed: true, Developer: "Google, Inc.",
		Pending: probe.No, PendingUpgrade: probe.Yes, NeedsRestart: probe.Yes,
	}
	blocked, allowed := fmt.Sprintf(mactest.ParallelsItem, false), fmt.Sprintf(mactest.ParallelsItem, true)
	for name, tt := range map[string]struct {
		answer string
		want   []probe.PolicyRow
	}{
		"no rows":             {mactest.FrameworkAnswer("[]", "[]"), nil},
		"allowed":             {mactest.FrameworkAnswer("["+allowed+","+mactest.SantaItem+"]", "[]"), []probe.PolicyRow{parallelsRow(hypervisor, true, probe.No), parallelsRow(vnic, true, probe.No), santa}},
		"waiting":             {mactest.FrameworkAnswer("["+blocked+"]", "["+blocked+"]"), []probe.PolicyRow{parallelsRow(hypervisor, false, probe.Yes), parallelsRow(vnic, false, probe.Yes)}},
		"waiting without row": {mactest.FrameworkAnswer("[]", "["+blocked+"]"), []probe.PolicyRow{parallelsRow(hypervisor, false, probe.Yes), parallelsRow(vnic, false, probe.Yes)}},
		"refused, not waiting": {mactest.FrameworkAnswer("["+blocked+"]", "[]"),
			[]probe.PolicyRow{parallelsRow(hypervisor, false, probe.No), parallelsRow(vnic, false, probe.No)}},
		"waiting items not known": {mactest.FrameworkAnswer("["+blocked+"]", "null"), []probe.PolicyRow{parallelsRow(hypervisor, false, ""), parallelsRow(vnic, false, "")}},
		"an upgrade waits": {mactest.FrameworkAnswer("["+allowed+"]", "["+blocked+"]"),
			[]probe.PolicyRow{parallelsRow(hypervisor, true, probe.Yes), parallelsRow(vnic, true, probe.Yes)}},
		"only the waiting item tells the place": {mactest.FrameworkAnswer("["+mactest.SantaItem+"]", "["+strings.NewReplacer(`"application":""`, `"application":"Santa"`,
			`"path":""`, `"path":"/Applications/Santa.app"`, `"upgrade":true`, `"upgrade":false`).Replace(mactest.SantaItem)+"]"), []probe.PolicyRow{{
			TeamID: "EQHXZ8M8AV", BundleID: "com.google.santa-driver", Allowed: true, Developer: "Google, Inc.", App: "Santa", AppPath: "/Applications/Santa.app",
			Pending: probe.Yes, PendingUpgrade: probe.Yes, NeedsRestart: probe.Yes,
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			frameworkSays(t, m, tt.answer)
			policy, source := Read(t.Context(), m, queriedAt)
			if source != (probe.Source{Name: probe.Framework, State: probe.OK}) || policy == nil || policy.Source != probe.Framework || !policy.ReadAt.Equal(queriedAt) {
				t.Fatalf("%+v, %+v", policy, source)
			}
			if !reflect.DeepEqual(policy.Rows, tt.want) || policy.MDM != nil || policy.History != nil {
				t.Errorf("got  %+v\nwant %+v", policy.Rows, tt.want)
			}
		})
	}
}

func TestReadFrameworkFails(t *testing.T) {
	tooltest.ShortLimit(t, time.Second)
	long := strings.Repeat("x", probe.MaxText+1)
	many := strings.TrimSuffix(strings.Repeat(`"a",`, probe.MaxRows+1), ",")
	item := func(change, to string) string {
		return mactest.FrameworkAnswer("["+strings.Replace(fmt.Sprintf(mactest.ParallelsItem, false), change, to, 1)+"]", "[]")
	}
	type state = probe.SourceState
	print := func(text string) string { return "cat <<'END'\n" + text + "\nEND\n" }
	for name, tt := range map[string]struct {
		script string
		state  state
		reason string
	}{
		"hangs":            {"sleep 30 & wait", probe.Timeout, "did not answer in time"},
		"100 MB":           {"head -c 104857600 /dev/zero", probe.Failed, "printed too much output"},
		"crashes":          {"kill -SEGV $$", probe.Failed, "signal: segmentation fault"},
		"error":            {"echo 'execution error: Error: nothing (-2700)' >&2; exit 1", probe.Failed, "execution error: Error: nothing (-2700)"},
		"nothing":          {"", probe.Failed, "cannot be read: EOF"},
		"half":             {"printf '%s' '" + mactest.FrameworkAnswer("[]", "[]")[:40] + "'", probe.Failed, "cannot be read: unexpected EOF"},
		"rubbish":          {`printf '\377\033[31m'`, probe.Failed, "cannot be read"},
		"null":             {print("null"), probe.Failed, "unknown version 0"},
		"a list":           {print("[]"), probe.Failed, "cannot be read"},
		"two answers":      {print(mactest.FrameworkAnswer("[]", "[]") + "{}"), probe.Failed, "more data after its end"},
		"text after it":    {print(mactest.FrameworkAnswer("[]", "[]") + "x"), probe.Failed, "more data after its end"},
		"later form":       {print(`{"protocol":2,"state":"ok","current":[]}`), probe.Failed, "unknown version 2"},
		"unknown field":    {print(`{"protocol":1,"state":"ok","current":[],"extra":1}`), probe.Failed, `unknown field "extra"`},
		"unknown state":    {print(`{"protocol":1,"state":"fine"}`), probe.Failed, `the state "fine" and no policy`},
		"no policy":        {print(`{"protocol":1,"state":"ok","pending":[]}`), probe.Failed, "no policy"},
		"neither":          {print(item(`"allowed":false`, `"allowed":null`)), probe.Failed, `an item without "allowed"`},
		"no extensions":    {print(`{"protocol":1,"state":"ok","current":[{"developer":"x","team":"4C6364ACXT","allowed":true}],"pending":[]}`), probe.Failed, "an item without bundle IDs"},
		"nobody waits":     {print(`{"protocol":1,"state":"ok","current":[],"pending":[{"team":"4C6364ACXT","bundles":[],"allowed":false}]}`), probe.Failed, "an item without bundle IDs"},
		"not a yes":        {print(item(`"allowed":false`, `"allowed":"no"`)), probe.Failed, "cannot be read"},
		"too many rows":    {print(item(`"com.parallels.kext.vnic"`, many)), probe.Failed, "more than 10000 rows"},
		"too many waiting": {print(mactest.FrameworkAnswer("[]", "["+strings.Replace(fmt.Sprintf(mactest.ParallelsItem, false), `"com.parallels.kext.vnic"`, many, 1)+"]")), probe.Failed, "more than 10000 rows"},
		"no framework":     {print(`{"protocol":1,"state":"unsupported","reason":"SystemPolicy.framework has no\u001b[31m SPKernelExtensionPolicy"}`), probe.Unsupported, "has no[31m SPKernelExtensionPolicy"},
		"no answer":        {print(`{"protocol":1,"state":"failed","reason":"macOS did not say"}`), probe.Failed, "did not answer: macOS did not say"},
		"long reason":      {print(`{"protocol":1,"state":"failed","reason":"` + long + `"}`), probe.Failed, "did not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			mactest.AddTool(t, m.Root, probe.OsascriptTool, tt.script)
			policy, source := Read(t.Context(), m, queriedAt)
			if policy != nil || source.Name != probe.Framework || source.State != tt.state || !strings.Contains(source.Reason, tt.reason) ||
				source.Next == "" || len(source.Reason) > probe.PrintableLimit*4 || source.Reason != probe.Printable(source.Reason) {
				t.Errorf("%+v, %+v", policy, source)
			}
		})
	}
	m := root.FS{Root: mactest.Root(t)}
	if policy, source := Read(t.Context(), m, queriedAt); policy != nil || source.State != probe.Absent || source.Next == "" {
		t.Errorf("no osascript: %+v, %+v", policy, source)
	}
	frameworkSays(t, m, mactest.FrameworkAnswer("[]", "[]"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if policy, source := Read(ctx, m, queriedAt); policy != nil || source.State != probe.Failed {
		t.Errorf("canceled: %+v, %+v", policy, source)
	}
}

// A value that is too long does not hide other rows.
func TestReadFrameworkCapsTexts(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	long := strings.Repeat("x", probe.MaxText+1)
	odd := strings.ReplaceAll(mactest.SantaItem, "com.google.santa-driver", long)
	frameworkSays(t, m, mactest.FrameworkAnswer("["+odd+","+fmt.Sprintf(mactest.ParallelsItem, false)+"]", "[]"))
	policy, source := Read(t.Context(), m, queriedAt)
	if policy == nil || len(policy.Rows) != 3 || policy.Rows[0].BundleID != "(too long)" {
		t.Errorf("%+v, %+v", policy, source)
	}
}

// The command line is the same each time: it names no file and contains no text
// of the Mac.
func TestReadFrameworkRunsTheSameCommand(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	args := filepath.Join(m.Root, "args")
	mactest.AddTool(t, m.Root, probe.OsascriptTool, "printf '%s\\0' \"$@\" >'"+args+"'\n")
	Read(t.Context(), m, queriedAt)
	got, err := os.ReadFile(args)
	mactest.NoError(t, err)
	if want := strings.Join([]string{"-l", "JavaScript", "-e", frameworkScript, ""}, "\x00"); string(got) != want {
		t.Errorf("asked %q", got)
	}
}

func FuzzDecodeFramework(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{}", mactest.FrameworkAnswer("[]", "null"), mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "["+mactest.SantaItem+"]"),
		`{"protocol":1,"state":"unsupported","reason":"x"}`, `{"protocol":1,"state":"ok","current":[{"bundles":[null],"allowed":true}]}`,
		strings.Repeat("[", 20000),
	} {
		f.Add([]byte(seed))
	}
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		rows, err := decodeFramework(out)
		if err != nil {
			if rows != nil {
				t.Errorf("%v, and %d rows", err, len(rows))
			}
			if source := frameworkProblem(err); source.State == probe.OK || source.Reason != probe.Printable(source.Reason) {
				t.Errorf("%+v", source)
			}
			return
		}
		if !json.Valid(out) || len(rows) > probe.MaxRows {
			t.Errorf("%d rows of %q", len(rows), out)
		}
		for _, row := range rows {
			if len(row.BundleID) > probe.MaxText || row.NeedsRestart != "" && !row.Allowed {
				t.Errorf("%+v", row)
			}
		}
	})
}
