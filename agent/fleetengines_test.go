package main

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"howett.net/plist"

	"kextwatch/agent/fleet"
	"kextwatch/probe"
)

// The engines of fleets, as far as they read what kextwatch gives them. Each follows the
// source of the engine, which it names.

// munki MAC FILE evaluates the conditions as Munki does, and writes what they can compare
// to FILE: one "key = value" a line, a list in brackets.
func munkiCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: munki MAC FILE")
	}
	keys, err := munkiConditions(ts.MkAbs(args[0]))
	ts.Check(err)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&b, "%s = %v\n", key, keys[key])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}

// munkiConditions is getConditions of facts.swift in munki/munki: it deletes the file,
// runs each program of the folder that is no folder and has no dot in front, reads the
// file, and deletes it again. A file that is no dictionary is ignored.
func munkiConditions(mac string) (map[string]any, error) {
	file := filepath.Join(mac, "Library/Managed Installs/ConditionalItems.plist")
	os.Remove(file)
	scripts := filepath.Join(mac, "usr/local/munki/conditions")
	entries, err := os.ReadDir(scripts)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		cmd := exec.Command(filepath.Join(scripts, e.Name()))
		cmd.Env = enginesEnv
		if out, err := cmd.CombinedOutput(); err != nil && !isExitError(err) {
			return nil, fmt.Errorf("%s: %w\n%s", e.Name(), err, out)
		}
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]any{}, nil
	}
	if err != nil {
		return nil, err
	}
	var keys map[string]any
	if _, err := plist.Unmarshal(data, &keys); err != nil {
		return map[string]any{}, nil
	}
	return keys, os.Remove(file)
}

// enginesEnv is the environment in which launchd starts an engine as root.
var enginesEnv = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/var/root", "USER=root"}

func isExitError(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// osquery MAC PACK FILE runs the queries of a pack as osquery does, and writes the rows to
// FILE: "query column=value …", a line for each row.
func osqueryCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: osquery MAC PACK FILE")
	}
	var pack struct {
		Queries map[string]struct{ Query string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &pack))
	table, err := plistTable(ts.MkAbs(args[0]))
	ts.Check(err)
	defer table.Close()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(pack.Queries)) {
		rows, err := queryRows(table, pack.Queries[name].Query)
		ts.Check(err)
		for _, row := range rows {
			b.WriteString(name)
			for _, column := range slices.Sorted(maps.Keys(row)) {
				fmt.Fprintf(&b, " %s=%s", column, row[column])
			}
			b.WriteString("\n")
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(b.String()), 0o644))
}

// plistTable is osquery's table plist with the files of a Mac that our queries name.
func plistTable(mac string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE plist (key TEXT, subkey TEXT, value TEXT, path TEXT)`); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(mac, probe.FleetStates, "*", probe.FleetState))
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, filepath.Join(mac, probe.PublishedPolicy)) {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // osquery, too, leaves it out
		}
		for _, r := range osqueryRows(data) {
			if _, err := db.Exec(`INSERT INTO plist VALUES (?, ?, ?, ?)`, r.key, r.subkey, r.value, strings.TrimPrefix(file, mac)); err != nil {
				return nil, err
			}
		}
	}
	return db, nil
}

type plistRow struct{ key, subkey, value string }

// osqueryRows are the rows of a property list, after genOSXPlist in preferences.cpp and
// filterDictionary, filterArray and getValue in plist.mm of osquery/osquery. A file that is
// no dictionary has none here.
func osqueryRows(data []byte) []plistRow {
	var dict map[string]any
	if _, err := plist.Unmarshal(data, &dict); err != nil {
		return nil
	}
	var rows []plistRow
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		rows = osqueryValue(rows, plistRow{key: key}, dict[key], 0)
	}
	return rows
}

func osqueryValue(rows []plistRow, base plistRow, value any, level int) []plistRow {
	child := func(name string, value any) {
		r := base
		if r.subkey != "" {
			r.subkey += "/"
			if name == "" { // an element of a list; directly below a key it has no number
				r.subkey += strconv.Itoa(level)
				level++
			}
		}
		r.subkey += name
		rows = osqueryValue(rows, r, value, level)
	}
	switch v := value.(type) {
	case map[string]any:
		if len(v) > 0 {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				child(key, v[key])
			}
			return rows
		}
	case []any:
		if len(v) > 0 {
			for _, element := range v {
				child("", element)
			}
			return rows
		}
	case string:
		base.value = v
	case bool: // NSNumber
		base.value = map[bool]string{true: "1", false: "0"}[v]
	case time.Time:
		base.value = strconv.FormatFloat(float64(v.UnixNano())/1e9, 'f', -1, 64)
	default:
		base.value = fmt.Sprint(v)
	}
	return append(rows, base)
}

// queryRows returns the rows of a query, without the columns that are empty.
func queryRows(db *sql.DB, query string) ([]map[string]string, error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, query)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []map[string]string
	for rows.Next() {
		values, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, v := range values {
			if v.String != "" {
				row[columns[i]] = v.String
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// The rows are those of a list that osquery's own tests and its documentation of the
// table show: the elements of a list directly below a key have no number.
func TestOsqueryRows(t *testing.T) {
	const list = `<plist><dict>
		<key>text</key><string>a</string><key>yes</key><true/><key>n</key><integer>7</integer>
		<key>at</key><date>2026-05-06T05:50:00Z</date>
		<key>list</key><array><string>x</string><dict><key>k</key><string>v</string></dict></array>
		<key>deep</key><dict><key>one</key><dict><key>two</key><string>b</string></dict><key>nested</key><array><string>p</string><string>q</string></array></dict>
		<key>empty</key><dict/>
	</dict></plist>`
	var got []string
	for _, r := range osqueryRows([]byte(list)) {
		got = append(got, fmt.Sprintf("%s|%s|%s", r.key, r.subkey, r.value))
	}
	slices.Sort(got)
	want := []string{
		"at||1778046600", "deep|nested/0|p", "deep|nested/1|q", "deep|one/two|b", "empty||", "list|k|v", "list||x", "n||7", "text||a", "yes||1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Every query runs, and every form has all of them.
func TestQueriesRunOnAnEmptyTable(t *testing.T) {
	db, err := plistTable(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range fleet.Queries() {
		rows, err := queryRows(db, q.SQL)
		want := 0
		if q.Name == "kextwatch_not_reporting" {
			want = 1
		}
		if err != nil || len(rows) != want {
			t.Errorf("%s: %v, %v; want %d rows on a Mac without kextwatch", q.Name, rows, err, want)
		}
	}
	for _, f := range fleet.PackFormats {
		for _, q := range fleet.Queries() {
			if !strings.Contains(f.Pack(), cmp.Or(q.Name, "?")) {
				t.Errorf("%s is not in the form %s", q.Name, f.Name)
			}
		}
	}
}
