package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/probe"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

const interfaceFile = "../docs/interface.md"

// interfaceRow is a row of the table of commands in docs/interface.md.
type interfaceRow struct {
	command, exit, printed string
	schemas                []string // of the documents that it prints with --json
}

// interfaceRows returns the table of commands. It is empty if the file cannot be read.
var interfaceRows = sync.OnceValue(func() []interfaceRow {
	text, _ := os.ReadFile(interfaceFile)
	var rows []interfaceRow
	for _, cells := range docTable(string(text), "Commands", "command") {
		row := interfaceRow{command: strings.Trim(cells["command"], "`"), exit: cells["exit status"], printed: cells["with `--json`"]}
		for _, link := range schemaLink.FindAllStringSubmatch(row.printed, -1) {
			row.schemas = append(row.schemas, link[1])
		}
		rows = append(rows, row)
	}
	return rows
})

var (
	schemaLink = regexp.MustCompile(`\]\(schemas/([a-z-]+)\.schema\.json\)`)
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	jsonBlock  = regexp.MustCompile("(?s)```json ([a-z-]+)\n(.*?)```")
)

// docTable returns the rows of the first table below a heading that has a column of this
// name, each by the names of its columns.
func docTable(text, heading, column string) (rows []map[string]string) {
	var names []string
	level := "" // of the heading while its section lasts
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if marks, title, ok := strings.Cut(line, " "); ok && marks != "" && strings.Trim(marks, "#") == "" {
			switch {
			case title == heading:
				level = marks
			case level != "" && len(marks) <= len(level):
				return rows
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		switch {
		case level == "":
		case !strings.HasPrefix(line, "|"):
			if len(rows) > 0 {
				return rows
			}
			names = nil
		case names == nil:
			for _, cell := range cells {
				names = append(names, strings.TrimSpace(cell))
			}
		case strings.Trim(line, "|-") != "" && slices.Contains(names, column) && len(cells) == len(names):
			row := map[string]string{}
			for i, cell := range cells {
				row[names[i]] = strings.TrimSpace(cell)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// codes returns the code spans of a text.
func codes(text string) []string {
	var all []string
	for _, span := range codeSpan.FindAllStringSubmatch(text, -1) {
		all = append(all, span[1])
	}
	return all
}

// Each command has a row, which says what its exit statuses mean, and which schemas
// describe what it prints with --json. The help and the manual page say the same.
func TestInterfaceHasEveryCommand(t *testing.T) {
	text := fileText(t, interfaceFile)
	program := (&invocation{}).commands()
	program.InitDefaultHelpCmd()
	manual := manual(program, time.Unix(0, 0).UTC())
	resolved, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]interfaceRow{}
	for _, row := range interfaceRows() {
		rows[row.command] = row
		for _, name := range row.schemas {
			if resolved[name] == nil {
				t.Errorf("%s: no schema %s", row.command, name)
			}
		}
	}
	for _, cmd := range program.Commands() {
		name := cmd.Name()
		row, there := rows[name]
		if !there {
			t.Errorf("docs/interface.md has no row for %s", name)
			continue
		}
		delete(rows, name)
		exit, _, _ := strings.Cut(exitText(name), ",\n"+exitOthers)
		if exit = strings.ReplaceAll(exit, "\n", " "); row.exit != exit {
			t.Errorf("%s: the help says %q, docs/interface.md %q", name, exit, row.exit)
		}
		if exitOf(name) != "" && !strings.Contains(manual, roff(fmt.Sprintf("%s: %s.", name, row.exit))) {
			t.Errorf("%s: the manual page does not say %q", name, row.exit)
		}
		switch refused := row.printed == "refused"; {
		case refused != textOnly(name):
			t.Errorf("%s: textOnly is %v, docs/interface.md says %q", name, textOnly(name), row.printed)
		case len(row.schemas) == 0 && !refused && !strings.HasPrefix(row.printed, "none"):
			t.Errorf("%s has no schema: %q", name, row.printed)
		}
	}
	if len(rows) > 0 {
		t.Errorf("these commands do not exist: %q", slices.Sorted(maps.Keys(rows)))
	}
	if all := "Every command: " + strings.ReplaceAll(exitOthers, "\n", " ") + "."; !strings.Contains(text, all) || !strings.Contains(manual, roff(all)) {
		t.Errorf("docs/interface.md and the manual page do not both say %q", all)
	}
	var flags, listed []string
	for usage := range strings.Lines(program.PersistentFlags().FlagUsages()) {
		flags = append(flags, strings.Fields(usage)[0])
	}
	for _, row := range docTable(text, "Commands", "flag of every command") {
		listed = append(listed, codes(row["flag of every command"])...)
	}
	sameValues(t, "the flags", listed, flags)
	for _, row := range docTable(text, "Errors", "error") {
		if word := codes(row["error"])[0]; row["exit status"] != exitOfError(word) {
			t.Errorf("%s: the exit status is %s, want %s", word, row["exit status"], exitOfError(word))
		}
	}
}

func exitOfError(word string) string {
	for _, exit := range errorExits {
		if cli.CodeWord(exit) == word {
			return fmt.Sprint(exit)
		}
	}
	return ""
}

// The tables of docs/interface.md list the same values as the schemas, which
// TestSchemasListEveryValue compares with the program.
func TestInterfaceListsEveryValue(t *testing.T) {
	text := fileText(t, interfaceFile)
	shared := sharedValues(t)
	for _, list := range []struct{ heading, column, values string }{
		{"Errors", "error", "error_code"},
		{"Verdicts", "verdict", "verdict"},
		{"Reasons", "severity", "severity"},
		{"Reasons", "reason", "reason_code"},
		{"Checks", "check", "check_id"},
		{"Events", "event", "event"},
		{"A newer macOS", "result", "upgrade_result"},
		{"A newer macOS", "rule", "upgrade_rule"},
	} {
		var listed []string
		for _, row := range docTable(text, list.heading, list.column) {
			listed = append(listed, codes(row[list.column])...)
		}
		slices.Sort(listed)
		sameValues(t, list.heading, slices.Compact(listed), shared[list.values])
	}
	for _, row := range docTable(text, "Sources and evidence", "property") {
		values := map[string]string{
			"policy.sources[].name": "source_name", "policy.sources[].state": "source_state", "basis": "basis", "allowed_by": "allowed_by",
		}[codes(row["property"])[0]]
		sameValues(t, row["property"], codes(row["value"]), slices.DeleteFunc(slices.Clone(shared[values]), func(v string) bool { return v == "" }))
	}
	for _, row := range docTable(text, "Verdicts", "verdict") {
		verdict := approval.Verdict(codes(row["verdict"])[0])
		if code := fmt.Sprint(statusCode(certain(verdict))); row["exit status of `status`"] != code {
			t.Errorf("%s: the exit status of status is %s, docs/interface.md says %s", verdict, code, row["exit status of `status`"])
		}
	}
	severity := map[string]string{}
	for _, row := range docTable(text, "Reasons", "reason") {
		for _, code := range codes(row["reason"]) {
			severity[code] = codes(row["severity"])[0]
		}
	}
	for _, reason := range approval.Catalog {
		if got := severity[string(reason.Code)]; got != string(reason.Severity) {
			t.Errorf("%s: the severity is %s, docs/interface.md says %q", reason.Code, reason.Severity, got)
		}
	}
}

// certain is the status of a Mac with this verdict and without a missing fact.
func certain(verdict approval.Verdict) approval.Status {
	st := documented()
	st.Verdict, st.Products, st.Gaps = verdict, nil, nil
	st.Facts.Policy = &probe.Policy{Source: probe.Database}
	return st
}

// The examples are documents of their schemas.
func TestInterfaceExamples(t *testing.T) {
	text := fileText(t, interfaceFile)
	blocks := jsonBlock.FindAllStringSubmatch(text, -1)
	if len(blocks) != strings.Count(text, "```")/2 {
		t.Errorf("%d of %d blocks name their schema", len(blocks), strings.Count(text, "```")/2)
	}
	for _, block := range blocks {
		checkDocument(t, "the example in docs/interface.md", block[2], block[1])
	}
}

// What was promised first stays: the schemas describe each property and each value of the
// first description of status --json. It leaves out parts, which are "…" or {}.
func TestFirstPromiseHolds(t *testing.T) {
	doc, err := decodeJSON(fileText(t, "testdata/promised/status.json"))
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := resolveSchemas(func(schema any) {
		closed(schema)
		eachObject(schema, func(object map[string]any) { delete(object, "required") })
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(resolved["status"], withoutGaps(doc)); err != nil {
		t.Error(err)
	}
}

// withoutGaps leaves out the values that stand for others.
func withoutGaps(doc any) any {
	switch part := doc.(type) {
	case map[string]any:
		for key, value := range part {
			if object, ok := value.(map[string]any); value == "…" || ok && len(object) == 0 {
				delete(part, key)
			} else {
				part[key] = withoutGaps(value)
			}
		}
	case []any:
		for i, value := range part {
			part[i] = withoutGaps(value)
		}
	}
	return doc
}

// The property lists have the keys of their schemas.
func TestPropertyListsAreDescribed(t *testing.T) {
	described := func(name string, data []byte, schema string) {
		t.Helper()
		var content any
		if _, err := plist.Unmarshal(data, &content); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, fault := range documentFaults(asJSONValue(t, content), schema) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	described("status.plist", []byte(fileText(t, "testdata/documents/status.plist")), "status")

	dir := t.TempDir()
	now := time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)
	for _, state := range []fleet.State{
		{Answer: fleet.Unknown, Verdict: approval.Unknown, Products: []fleet.Product{{ID: "x", Name: "X", Verdict: approval.Approved}}},
		{
			Answer: fleet.Action, Verdict: approval.BlockedOpen, Checked: now, MacOS: probe.OSVersion{Version: "12.7.6", Build: "21H1320"},
			Arch: probe.Intel, Source: probe.Reader, Offered: "13.7",
			Products: []fleet.Product{{ID: "parallels", Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Version: "17.1.7", Verdict: approval.BlockedOpen, ClosesAt: now, With: approval.NeedsNewer}},
		},
	} {
		data, err := state.File("1.2", now)
		if err != nil {
			t.Fatal(err)
		}
		described("the state for fleet tools", data, "fleet-state")
	}
	m, err := simmac.New(dir, simmac.Options{MacOS: "12.7.6", Parallels: "17.1.7", Arch: probe.Intel, Edition: probe.Standard, User: "me", Now: now.Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	published := func(step string) {
		t.Helper()
		if _, err := policy.Publish(t.Context(), root.FS{Root: dir, UID: os.Geteuid()}, now); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		described(step, []byte(fileText(t, dir+"/"+probe.PublishedPolicy)), "policy")
	}
	published("a Mac on which nothing was tried")
	for _, change := range []func() error{
		func() error { return m.Attempt(now) },
		func() error { return m.MDMAllow(now) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	published("a blocked Mac")
	if err := os.WriteFile(dir+"/private/var/db/SystemPolicyConfiguration/KextPolicy", []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	published("a damaged database")
}

// asJSONValue turns a value into what a JSON document of it contains.
func asJSONValue(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := decodeJSON(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
