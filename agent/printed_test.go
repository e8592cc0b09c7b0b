package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// In a script, the program keeps a record of each command that prints JSON. When the
// script has ended, every document in the records, every line of an events file and of
// a history is compared with its schema. So a new script is checked without a line of
// its own.

// recordFolder is the variable with the folder of the records. Without it nothing is
// recorded.
const recordFolder = "KEXTWATCH_TEST_RECORDS"

// record is the first line of a file of the folder. What the command wrote to standard
// output follows.
type record struct {
	Args []string
	Dir  string // where it was started
}

// recorded makes a host keep a record if the arguments of this process ask for JSON.
func recorded(h host) host {
	folder := os.Getenv(recordFolder)
	if folder == "" || !slices.ContainsFunc(os.Args, func(arg string) bool { return arg == "--json" || arg == "--events" }) {
		return h
	}
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	file, err := os.CreateTemp(folder, "")
	if err != nil {
		panic(err) // a document that is not recorded would not be checked
	}
	if err := json.NewEncoder(file).Encode(record{os.Args[1:], dir}); err != nil {
		panic(err)
	}
	h.stdout = io.MultiWriter(h.stdout, file)
	return h
}

// checkWhatIsPrinted makes a script record what the program prints, and checks it at the
// end of the script.
func checkWhatIsPrinted(env *testscript.Env) error {
	folder := filepath.Join(env.WorkDir, ".records")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o777); err != nil { // other users run the program, too
		return err
	}
	env.Setenv(recordFolder, folder)
	t := env.T().(testing.TB)
	env.Defer(func() {
		for _, fault := range printedFaults(folder) {
			t.Errorf("%s", fault)
		}
		for _, fault := range historyFaults(env.WorkDir) {
			t.Errorf("%s", fault)
		}
	})
	return nil
}

// printedFaults returns the faults of the documents in a folder of records, and of the
// files of --events that they name.
func printedFaults(folder string) []string {
	paths, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return []string{err.Error()}
		}
		head, printed, _ := bytes.Cut(text, []byte("\n"))
		var r record
		if err := json.Unmarshal(head, &r); err != nil {
			faults = append(faults, fmt.Sprintf("the record %s: %v", head, err))
			continue
		}
		faults = append(faults, r.faults(string(printed))...)
	}
	return faults
}

// faults returns the faults of what the command printed.
func (r record) faults(printed string) []string {
	command := strings.Join(append([]string{"kextwatch"}, r.Args...), " ")
	if to := r.events(); to == "-" {
		return lineFaults(command, printed, "event")
	} else if to != "" {
		if !filepath.IsAbs(to) {
			to = filepath.Join(r.Dir, to)
		}
		return fileFaults(to)
	}
	row := r.row()
	if row.command == "logs" && !strings.HasPrefix(printed, "{\n") { // an error has more lines
		return lineFaults(command, printed, row.schemas...)
	}
	docs := json.NewDecoder(strings.NewReader(printed))
	docs.UseNumber()
	var faults []string
	for n := 0; ; n++ {
		var doc any
		switch err := docs.Decode(&doc); {
		case err == io.EOF && n == 0 && !strings.HasPrefix(row.printed, "none"):
			return append(faults, command+": no document")
		case err == io.EOF:
			return faults
		case err != nil:
			return append(faults, fmt.Sprintf("%s: not JSON: %v in\n%s", command, err, printed))
		case n > 0 && row.command != "watch":
			return append(faults, fmt.Sprintf("%s: more than one document:\n%s", command, printed))
		}
		expected := row.schemas
		if object, ok := doc.(map[string]any); ok && object["error"] != nil {
			expected = []string{"error"}
		}
		if len(expected) == 0 {
			faults = append(faults, fmt.Sprintf("%s: docs/interface.md names no schema for it", command))
		}
		for _, fault := range documentFaults(doc, expected...) {
			faults = append(faults, fmt.Sprintf("%s: %s", command, fault))
		}
	}
}

// row returns the row of the command in docs/interface.md. It is empty for an unknown
// command, which may only print an error.
func (r record) row() interfaceRow {
	cmd, _, err := (&invocation{}).commands().Find(r.Args)
	if err != nil {
		return interfaceRow{}
	}
	for cmd.HasParent() && cmd.Parent().HasParent() { // profile has commands of its own
		cmd = cmd.Parent()
	}
	name := cmd.Name()
	if !cmd.HasParent() {
		name = "version" // of kextwatch --version
	}
	for _, row := range interfaceRows() {
		if row.command == name {
			return row
		}
	}
	return interfaceRow{}
}

// events returns the value of --events; empty: the flag is not there.
func (r record) events() string {
	if i := slices.Index(r.Args, "--events"); i >= 0 && i+1 < len(r.Args) {
		return r.Args[i+1]
	}
	return ""
}

// lineFaults returns the faults of lines of JSON. The last line may be cut short: the
// program that wrote it was killed.
func lineFaults(where, text string, schemas ...string) []string {
	var faults []string
	n := 0
	for line := range strings.Lines(text) {
		n++
		if !strings.HasSuffix(line, "\n") {
			break
		}
		doc, err := decodeJSON(line)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: line %d: %v", where, n, err))
			continue
		}
		for _, fault := range documentFaults(doc, schemas...) {
			faults = append(faults, fmt.Sprintf("%s: line %d: %s", where, n, fault))
		}
	}
	return faults
}

// fileFaults returns the faults of a file of events. The script may have removed it.
func fileFaults(path string) []string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() { // a named pipe has no content left
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	return lineFaults(path, string(text), "event")
}

// historyFaults returns the faults of every history below a folder.
func historyFaults(dir string) []string {
	var faults []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return fs.SkipDir // a folder that the script hid: the agent does not write there
		case err == nil && strings.HasPrefix(entry.Name(), "history.jsonl"):
			faults = append(faults, fileFaults(path)...)
		}
		return err
	})
	if err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}

// everySchemaMet fails the test if the scripts made the program print no document of a
// schema. It knows nothing if only some of them ran.
func everySchemaMet(t *testing.T) {
	if t.Failed() || flag.Lookup("test.skip").Value.String() != "" || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return
	}
	printed := []string{"event", "error"}
	for _, row := range interfaceRows() {
		printed = append(printed, row.schemas...)
	}
	met.Lock()
	defer met.Unlock()
	for _, name := range printed {
		if met.of[name] == 0 {
			t.Errorf("no script prints a document of the schema %s", name)
		}
	}
}

// What the hook finds: each fault names the command, the place and the rule.
func TestPrintedDocumentsAreChecked(t *testing.T) {
	const described = `{"schema": 1, "version": "1.2", "go": "go1.26", "os": "darwin", "arch": "arm64"}`
	const event = `{"schema":1,"seq":1,"at":"2026-05-06T05:50:00Z","event":"agent-started","text":"kextwatch started."}` + "\n"
	const failed = `{"schema": 1, "error": {"code": "usage", "message": "m", "hint": ""}}`
	for name, c := range map[string]struct {
		args, printed string
		fault         string // empty: none
	}{
		"described":            {"version --json", described, ""},
		"the version flag":     {"-v --json", described, ""},
		"a flag in front":      {"--root mac version --json", described, ""},
		"an error":             {"version --json", failed, ""},
		"an unknown command":   {"frobnicate --json", failed, ""},
		"nothing":              {"version --json", "", "kextwatch version --json: no document"},
		"an empty log":         {"logs --json", "", ""},
		"a background agent":   {"run --headless --json", "", ""},
		"not described":        {"version --json", strings.Replace(described, "}", `, "color": 1}`, 1), `kextwatch version --json: schema version: validating root: unexpected additional properties ["color"]`},
		"of another command":   {"open --json", described, "kextwatch open --json: schema open: validating root: unexpected additional properties ["},
		"text":                 {"version --json", "kextwatch 1.2", "kextwatch version --json: not JSON"},
		"text after it":        {"version --json", described + "\nmore", "kextwatch version --json: not JSON"},
		"two":                  {"version --json", described + described, "kextwatch version --json: more than one document"},
		"no schema":            {"man --json", described, "kextwatch man --json: docs/interface.md names no schema for it"},
		"events":               {"run --events -", event + event, ""},
		"an event cut short":   {"run --events -", event + event[:20], ""},
		"an unknown event":     {"run --events -", event + strings.Replace(event, "agent-started", "agent-begun", 1), "kextwatch run --events -: line 2: schema event: validating root: validating /properties/event: validating /$defs/event: enum: agent-begun does not equal any of"},
		"a damaged event":      {"run --events -", event[:20] + "\n" + event, "kextwatch run --events -: line 1: not JSON"},
		"lines of the log":     {"logs --json", `{"msg":"a","any":1}` + "\n" + `{"level":"INFO","msg":"b"}` + "\n", ""},
		"a line without a msg": {"logs --json", `{"level":"INFO"}` + "\n", `kextwatch logs --json: line 1: schema log-line: validating root: required: missing properties: ["msg"]`},
	} {
		faults := record{strings.Fields(c.args), t.TempDir()}.faults(c.printed)
		switch {
		case c.fault == "" && len(faults) > 0:
			t.Errorf("%s: %q", name, faults)
		case c.fault != "" && (len(faults) == 0 || !strings.HasPrefix(faults[0], c.fault)):
			t.Errorf("%s: the faults are %q, want %q", name, faults, c.fault)
		}
	}
	folder := t.TempDir()
	for file, text := range map[string]string{
		"history.jsonl": event, "history.jsonl.1": event + "{}\n", "events": strings.Replace(event, `"seq":1`, `"seq":"1"`, 1),
	} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if faults := historyFaults(folder); len(faults) != 1 || !strings.Contains(faults[0], "history.jsonl.1: line 2: schema event: validating root: required: missing properties") {
		t.Errorf("the faults of the histories are %q", faults)
	}
	if faults := (record{[]string{"run", "--events", "events"}, folder}).faults(""); len(faults) != 1 || !strings.Contains(faults[0], `events: line 1: schema event: validating root: validating /properties/seq: type: 1 has type "string", want "integer"`) {
		t.Errorf("the faults of the events are %q", faults)
	}
}
