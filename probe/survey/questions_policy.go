package survey

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

// policyFolder describes the policy's folder and its known files.
func policyFolder(ctx context.Context, m root.FS) []string {
	lines := []string{described(m, probe.PolicyFolder)}
	for _, name := range []string{"KextPolicy", "KextPolicy-wal", "KextPolicy-shm", "KextPolicy-journal", "ExecPolicy", "SystemPolicy"} {
		lines = append(lines, described(m, probe.PolicyFolder+"/"+name))
	}
	names, err := m.List(probe.PolicyFolder)
	if err != nil {
		lines = append(lines, "listing it: "+errorNumber(err))
	}
	if len(names) > 0 {
		lines = append(lines, "it holds: "+probe.Printable(strings.Join(names, ", ")))
	}
	return append(lines, printed(ctx, m, everyLine, "/bin/ls -ldOe@ "+probe.PolicyFolder, "/bin/ls -lO "+probe.PolicyFolder)...)
}

// databaseQuery is a query with one column of text as its result.
type databaseQuery struct{ about, query string }

// databaseQueries ask for the schema and for counts. They return only the rows of
// Parallels.
var databaseQueries = []databaseQuery{
	{"tables", `SELECT t.name || ': ' || group_concat(c.name || ' ' || c.type, ', ')
		FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.rootpage > 0 GROUP BY t.name`},
	{"indexes, triggers and views", `SELECT type || ' ' || name FROM sqlite_master WHERE type <> 'table'`},
	{"settings, names", `SELECT name FROM settings`},
	{"kext_policy, allowed and flags", `SELECT ifnull(allowed, 'NULL') || ', ' || ifnull(flags, 'NULL') || ': ' || count(*) || ' rows'
		FROM kext_policy GROUP BY allowed, flags`},
	{"kext_load_history_v3, flags", `SELECT ifnull(flags, 'NULL') || ': ' || count(*) || ' rows' FROM kext_load_history_v3 GROUP BY flags`},
	{"kext_load_history_v3, boot_uuid", `SELECT count(DISTINCT boot_uuid) || ' in ' || count(*) || ' rows' FROM kext_load_history_v3`},
	{"kext_policy_mdm, bundle_id", `SELECT count(*) || ' rows, NULL in ' || ifnull(sum(bundle_id IS NULL), 0) || ', empty in ' || ifnull(sum(bundle_id = ''), 0)
		FROM kext_policy_mdm`},
	{"Parallels in kext_policy: allowed, flags", `SELECT bundle_id || ': ' || ifnull(allowed, 'NULL') || ', ' || ifnull(flags, 'NULL')
		FROM kext_policy WHERE team_id = '` + probe.ParallelsTeamID + `'`},
	{"Parallels in kext_load_history_v3: created_at, last_seen, flags", `SELECT bundle_id || ': ' || created_at || ', ' || last_seen || ', ' || ifnull(flags, 'NULL')
		FROM kext_load_history_v3 WHERE team_id = '` + probe.ParallelsTeamID + `'`},
}

// databaseForm describes a copy of the policy database.
func databaseForm(ctx context.Context, m root.FS) []string {
	queries := databaseQueries
	if session, err := mac.ReadBootSession(ctx, m); err == nil { // a valid UUID
		queries = append(slices.Clone(queries), databaseQuery{"kext_load_history_v3, boot_uuid is that of this boot",
			`SELECT count(*) || ' rows' FROM kext_load_history_v3 WHERE upper(boot_uuid) = upper('` + session + `')`})
	}
	var limited []string
	for _, q := range queries {
		limited = append(limited, "WITH a(answer) AS ("+q.query+") SELECT ifnull(substr(answer, 1, 2000), 'NULL') FROM a LIMIT 40")
	}
	found, source := policy.Inspect(ctx, m, limited)
	if source.State != probe.OK {
		return []string{source.Reason, "run it with sudo for an answer"}
	}
	lines := []string{journalMode(found.Header)}
	for i, result := range found.Results {
		lines = append(lines, queries[i].about+":")
		if result.Err != nil {
			lines = append(lines, "    "+probe.Printable(result.Err.Error()))
		}
		for _, row := range result.Rows {
			lines = append(lines, "    "+probe.Printable(row))
		}
	}
	if found.Err != nil {
		lines = append(lines, probe.Printable(found.Err.Error()))
	}
	return lines
}

// journalMode returns the journal mode in the header of a database (section
// 1.3.3 of SQLite's file format).
func journalMode(header []byte) string {
	if len(header) < 100 {
		return "the file is shorter than a header"
	}
	mode := "a rollback journal"
	if header[18] == 2 && header[19] == 2 {
		mode = "a write-ahead log"
	}
	return fmt.Sprintf("bytes 18 and 19 of the header are %d and %d: %s", header[18], header[19], mode)
}

// frameworkAnswers counts the rows of the framework's answer. It shows only the rows
// of Parallels.
func frameworkAnswers(policy *probe.Policy, source probe.Source) []string {
	lines := []string{"state: " + string(source.State)}
	if source.Reason != "" {
		lines = append(lines, probe.Printable(source.Reason))
	}
	if policy == nil {
		return lines
	}
	var allowed, pending, upgrades, restarts int
	for _, row := range policy.Rows {
		allowed += count(row.Allowed)
		pending += count(row.Pending == probe.Yes)
		upgrades += count(row.PendingUpgrade == probe.Yes)
		restarts += count(row.NeedsRestart == probe.Yes)
		if row.TeamID == probe.ParallelsTeamID {
			lines = append(lines, probe.Printable(fmt.Sprintf("%s: allowed %t, pending %q, pending upgrade %q, needs a restart %q, of %q",
				row.BundleID, row.Allowed, row.Pending, row.PendingUpgrade, row.NeedsRestart, row.App)))
		}
	}
	return append(lines, fmt.Sprintf("%d rows: %d allowed, %d pending, %d pending upgrades, %d need a restart",
		len(policy.Rows), allowed, pending, upgrades, restarts))
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
