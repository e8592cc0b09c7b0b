package policy

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

func TestReadsEveryColumn(t *testing.T) {
	m, _ := newPolicy(t, append(mactest.AppleSchema,
		`ALTER TABLE kext_load_history_v3 ADD COLUMN cdhash TEXT`,
		`CREATE TABLE deprecation_alert_history (a, b)`,
		`ALTER TABLE kext_policy ADD COLUMN later TEXT`,
		`INSERT INTO kext_policy VALUES ('4C6364ACXT', 'com.parallels.kext.vnic', 1, 'Parallels International GmbH', 5, 'x')`,
		`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', NULL, 1, 'A-UUID')`,
		`INSERT INTO kext_load_history_v3 VALUES ('/Library/Extensions/prl.kext', '4C6364ACXT', 'com.parallels.kext.vnic', 'BOOT',
			'2026-05-06 05:53:43', '2026-07-01 20:26:56', 272, 'ac012a93')`)...)
	now := time.Date(2026, 7, 1, 21, 0, 0, 0, time.UTC)
	got, source := ReadDatabase(t.Context(), m, now)
	if source.State != probe.OK {
		t.Fatalf("source %+v, want ok", source)
	}
	want := &probe.Policy{
		Source: probe.Database,
		ReadAt: now,
		Rows:   []probe.PolicyRow{{TeamID: "4C6364ACXT", BundleID: "com.parallels.kext.vnic", Allowed: true, Developer: "Parallels International GmbH"}},
		MDM:    []probe.MDMRow{{TeamID: "4C6364ACXT", Allowed: true}},
		History: []probe.LoadRecord{{
			Path: "/Library/Extensions/prl.kext", TeamID: "4C6364ACXT", BundleID: "com.parallels.kext.vnic",
			LastSeen: time.Date(2026, 7, 1, 20, 26, 56, 0, time.UTC),
			CDHash:   "ac012a93",
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPolicyRows(t *testing.T) {
	tests := []struct {
		name, values string
		want         probe.PolicyRow
	}{
		{"allowed", `'T', 'b', 1, 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Allowed: true, Developer: "D"}},
		{"not allowed", `'T', 'b', 0, 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Developer: "D"}},
		{"team NULL", `NULL, 'b', 1, 'D', 1`, probe.PolicyRow{BundleID: "b", Allowed: true, Developer: "D"}},
		{"team empty", `'', 'b', 1, 'D', 1`, probe.PolicyRow{BundleID: "b", Allowed: true, Developer: "D"}},
		{"all NULL", `NULL, NULL, NULL, NULL, NULL`, probe.PolicyRow{}},
		{"allowed is text", `'T', 'b', 'yes', 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Developer: "D"}},
		{"allowed is 2", `'T', 'b', 2, 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Developer: "D"}},
		{"allowed is a blob", `'T', 'b', x'31', 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Developer: "D"}},
		{"bundle is a number", `'T', 17, 1, 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "17", Allowed: true, Developer: "D"}},
		{"invalid UTF-8", `'T', 'b', 1, CAST(x'41ff42' AS TEXT), 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Allowed: true, Developer: "A\uFFFDB"}},
		{"blob as text", `'T', x'62ff', 1, 'D', 1`, probe.PolicyRow{TeamID: "T", BundleID: "b\uFFFD", Allowed: true, Developer: "D"}},
		{"long", `'T', 'b', 1, hex(zeroblob(2048)), 1`, probe.PolicyRow{TeamID: "T", BundleID: "b", Allowed: true, Developer: strings.Repeat("0", 4096)}},
		{"too long", `hex(zeroblob(2049)), zeroblob(20000000), 1, 'D', 1`, probe.PolicyRow{TeamID: "(too long)", BundleID: "(too long)", Allowed: true, Developer: "D"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := newPolicy(t, append(mactest.AppleSchema, "INSERT INTO kext_policy VALUES ("+tt.values+")")...)
			policy, source := readPolicyOf(t, m)
			if source.State != probe.OK || len(policy.Rows) != 1 || policy.Rows[0] != tt.want {
				t.Errorf("got %+v, %+v\nwant %+v", policy, source, tt.want)
			}
		})
	}
}

// On macOS 26 the same unsigned kext was seen with NULL and with an empty team.
func TestUnsignedTwiceStaysTwice(t *testing.T) {
	m, _ := newPolicy(t, append(mactest.AppleSchema,
		`INSERT INTO kext_policy VALUES (NULL, 'com.example.kext', 0, '', 0)`,
		`INSERT INTO kext_policy VALUES ('', 'com.example.kext', 1, '', 0)`)...)
	wantBundles(t, m, "com.example.kext", "com.example.kext")
}

func TestSchemas(t *testing.T) {
	const policy = `CREATE TABLE kext_policy (team_id, bundle_id, allowed)`
	tests := []struct {
		name    string
		schema  []string
		state   probe.SourceState
		words   string
		history string // bundle id of its only record
	}{
		{"least", []string{policy}, probe.OK, "", ""},
		{"without rowid", []string{`CREATE TABLE kext_policy (team_id, bundle_id PRIMARY KEY, allowed) WITHOUT ROWID`}, probe.OK, "", ""},
		{"UTF-16", []string{`PRAGMA encoding = 'UTF-16le'`, policy, historyOf("v3", "three")}, probe.OK, "", "three"},
		{"history of 10.13", []string{policy, historyOf("v3", "three")}, probe.OK, "", "three"},
		{"later histories", []string{policy, historyOf("v9", "nine"), historyOf("v10", "ten"), historyOf("v3", "three")}, probe.OK, "", "ten"},
		{"not a history", []string{policy, historyOf("v2", "two"), historyOf("v03", "zero"), historyOf("v4x", "x"), historyOf("v", "none")}, probe.OK, "", ""},
		{"history is a view", []string{policy, `CREATE VIEW kext_load_history_v3 AS SELECT 'T' team_id, 'b' bundle_id`}, probe.OK, "", ""},
		{"history without bundle_id", []string{policy, `CREATE TABLE kext_load_history_v4 (path, team_id)`}, probe.OK, "", ""},
		{"MDM without allowed", []string{policy, `CREATE TABLE kext_policy_mdm (team_id, bundle_id)`}, probe.UnknownSchema, "no column allowed in kext_policy_mdm", ""},
		{"no policy", []string{historyOf("v3", "three")}, probe.UnknownSchema, "no table kext_policy", ""},
		{"policy without allowed", []string{`CREATE TABLE kext_policy (team_id, bundle_id)`}, probe.UnknownSchema, "no column allowed in kext_policy", ""},
		{"policy is a view", []string{`CREATE VIEW kext_policy AS SELECT 'T' team_id, 'b' bundle_id, 1 allowed`}, probe.UnknownSchema, "no table kext_policy", ""},
		{"policy is virtual", []string{`CREATE VIRTUAL TABLE kext_policy USING fts5(team_id, bundle_id, allowed)`}, probe.UnknownSchema, "no table kext_policy", ""},
		{"policy is computed", []string{`CREATE TABLE kext_policy (team_id, bundle_id, allowed AS (1))`}, probe.UnknownSchema, "no column allowed in kext_policy", ""},
		{"too many rows", append(mactest.AppleSchema, manyRows), probe.Failed, "more than 10000 rows", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := newPolicy(t, tt.schema...)
			policy, source := readPolicyOf(t, m)
			if source.State != tt.state || !strings.Contains(source.Reason, tt.words) {
				t.Fatalf("got %+v, want %s: …%s…", source, tt.state, tt.words)
			}
			if source.State != probe.OK {
				return
			}
			var got string
			if len(policy.History) == 1 {
				got = policy.History[0].BundleID
			}
			if got != tt.history || len(policy.History) > 1 {
				t.Errorf("got %+v, want the record of %q", policy.History, tt.history)
			}
		})
	}
}

const manyRows = `WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 10001)
	INSERT INTO kext_policy SELECT 'T', n, 1, '', 0 FROM i`

func historyOf(version, bundle string) string {
	return `CREATE TABLE kext_load_history_` + version + ` AS SELECT 'T' team_id, '` + bundle + `' bundle_id`
}

func TestHistoryTimes(t *testing.T) {
	want := time.Date(2026, 5, 6, 5, 53, 43, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"'2026-05-06 05:53:43'":        want,
		"'2026-05-06'":                 {},
		"'2026-13-06 05:53:43'":        {},
		"'2026-05-06T05:53:43Z'":       {},
		"'2026-05-06 05:53:43 +03:00'": {},
		"'now'":                        {},
		"1783000000":                   {},
		"x'00'":                        {},
		"NULL":                         {},
	} {
		m, _ := newPolicy(t, append(mactest.AppleSchema,
			"INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, last_seen) VALUES ('/k', 'T', 'b', "+text+")")...)
		policy, source := readPolicyOf(t, m)
		if source.State != probe.OK || len(policy.History) != 1 || policy.History[0].LastSeen != want {
			t.Errorf("%s: got %+v, %+v, want %v", text, policy, source, want)
		}
	}
}

// Rows say what is allowed, whatever form the load history has. Which times of load
// attempts are missing is said with the reason, for the database and for what the
// reader publishes.
func TestHistoryOfAnotherForm(t *testing.T) {
	const two = `INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, created_at, last_seen) VALUES
		('/a', 'T', 'a', '2026-05-06 05:00:00', '2026-05-06 05:45:03'), ('/b', 'T', 'b', '2026-05-06 05:00:00', '2026-05-06 05:45:04')`
	for name, tc := range map[string]struct {
		change string
		reason string
		times  int // that are known
	}{
		"as it is":               {`SELECT 1`, "", 2},
		"empty":                  {`DELETE FROM kext_load_history_v3`, "", 0},
		"the column is renamed":  {`ALTER TABLE kext_load_history_v3 RENAME COLUMN last_seen TO last_used`, "no column last_seen in kext_load_history_v3", 0},
		"no team":                {`ALTER TABLE kext_load_history_v3 RENAME COLUMN team_id TO team`, "no column team_id in kext_load_history_v3", 0},
		"no bundle":              {`ALTER TABLE kext_load_history_v3 RENAME COLUMN bundle_id TO bundle`, "no column bundle_id in kext_load_history_v3", 0},
		"the table is renamed":   {`ALTER TABLE kext_load_history_v3 RENAME TO kext_attempts`, "no table kext_load_history_v3", 0},
		"no table":               {`DROP TABLE kext_load_history_v3`, "no table kext_load_history_v3", 0},
		"a later table":          {`CREATE TABLE kext_load_history_v4 (path, team_id, bundle_id, seen_at)`, "no column last_seen in kext_load_history_v4", 0},
		"another form":           {`UPDATE kext_load_history_v3 SET last_seen = 'Wed 6 May, a quarter to six'`, "no time in the known form in 2 of 2 records", 0},
		"seconds since 1970":     {`UPDATE kext_load_history_v3 SET last_seen = 1778046303`, "in 2 of 2 records", 0},
		"empty times":            {`UPDATE kext_load_history_v3 SET last_seen = NULL`, "in 2 of 2 records", 0},
		"one of them":            {`UPDATE kext_load_history_v3 SET last_seen = '2026-05-06T05:45:04Z' WHERE bundle_id = 'b'`, "in 1 of 2 records", 1},
		"only created_at":        {`UPDATE kext_load_history_v3 SET created_at = 'in May'`, "", 2},
		"the column is computed": {`ALTER TABLE kext_load_history_v3 DROP COLUMN last_seen; ALTER TABLE kext_load_history_v3 ADD COLUMN last_seen AS ('2026-05-06 05:45:04')`, "no column last_seen", 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow, two, tc.change)...)
			publish(t, m)
			read := map[string]*probe.Policy{}
			read["database"], _ = readPolicyOf(t, m)
			read["reader"], _ = readPublished(m, publishedAt)
			for source, policy := range read {
				if policy == nil || len(policy.Rows) != 1 {
					t.Errorf("%s: the rows are lost: %+v", source, policy)
					continue
				}
				times := 0
				for _, r := range policy.History {
					if !r.LastSeen.IsZero() {
						times++
					}
				}
				if times != tc.times || !strings.Contains(policy.HistoryErr, tc.reason) || (policy.HistoryErr == "") != (tc.reason == "") || policy.TellsTimes() != (tc.reason == "") {
					t.Errorf("%s: %d times, reason %q, tells times: %t", source, times, policy.HistoryErr, policy.TellsTimes())
				}
			}
		})
	}
}

// An earlier reader did not publish why times are missing.
func TestHistoryErrOfAnEarlierReader(t *testing.T) {
	m, _ := newPublishing(t)
	at := publishedAt
	putPublication(t, m, publication{Format: publishedFormat, ReadAt: &at, History: []publishedHistory{{BundleID: "a"}, {BundleID: "b", LastSeen: &at}}})
	runReader(t, m, at, runPublished)
	if policy, source := readPublished(m, at); policy == nil || !strings.Contains(policy.HistoryErr, "in 1 of 2 records") {
		t.Errorf("%+v, %+v", policy, source)
	}
}

func TestReadRowsEndsWithItsContext(t *testing.T) {
	m, _ := newPolicy(t, mactest.AppleSchema...)
	copied, err := copyDatabase(t.Context(), m)
	mactest.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readRows(ctx, copied); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
