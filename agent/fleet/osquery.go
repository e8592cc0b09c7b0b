package fleet

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Query is one query for osquery over its table plist.
type Query struct {
	Name    string
	Meaning string // what a row says
	SQL     string
}

// statePaths matches the file of each user. In osquery, % stands for one name.
const statePaths = probe.FleetStates + "/%/" + probe.FleetState

// Queries returns the queries of the pack. A row is something that somebody has to look
// at: a Mac that runs all of them and has no row has nothing to do.
func Queries() []Query {
	return []Query{
		{"kextwatch_blocked", "macOS blocks a kernel extension until somebody approves it",
			productsWith("verdict", verdictsThat(approval.Verdict.Blocked)...)},
		{"kextwatch_needs_restart", "A kernel extension is approved, and macOS loads it only after a restart",
			productsWith("verdict", string(approval.RestartPending), string(approval.UpgradePending))},
		{"kextwatch_needs_recovery", "A kernel extension can be allowed only after a change in macOS Recovery or by an MDM",
			productsWith("verdict", string(approval.NeedsRecovery))},
		{"kextwatch_does_not_load", "A kernel extension does not load, and an approval or a restart alone does not help",
			productsWith("verdict", verdictsThat(neitherApprovalNorRestart)...)},
		{"kextwatch_too_old_for_offered_macos", "A product is too old for the macOS that Software Update offers",
			productsWith("with_offered_macos", string(approval.NeedsNewer))},
		{"kextwatch_unknown", "kextwatch cannot tell the state of the Mac; the summary names what is missing", unknownQuery()},
		{"kextwatch_not_reporting", "No agent has reported for a day, or none is installed", notReportingQuery()},
		{"kextwatch_reader_failing", "The reader, which runs as root, cannot read the policy", readerQuery()},
	}
}

func verdictsThat(are func(approval.Verdict) bool) []string {
	var names []string
	for _, v := range approval.Verdicts {
		if are(v) {
			names = append(names, string(v))
		}
	}
	return names
}

func neitherApprovalNorRestart(v approval.Verdict) bool {
	return v.NeedsAction() && !v.Blocked() && !waitsForRestart(v)
}

// freshPaths selects the files of agents that have reported within StaleAfter. An older
// file does not count: its user may never come back. A file from the future does not count
// either: the clock was wrong, and an agent that runs has replaced it since. osquery gives
// a date as seconds.
func freshPaths() string {
	stale := int(StaleAfter.Seconds())
	return fmt.Sprintf(`SELECT path FROM plist
  WHERE path LIKE '%s' AND key = 'written_at'
    AND CAST(value AS INTEGER) - CAST(strftime('%%s', 'now') AS INTEGER) BETWEEN -%d AND %d`, statePaths, stale, stale)
}

// productsWith returns the query for products of which a column has one of these values.
// The subkey of a product's value is "ID/key", and an ID has no slash.
func productsWith(column string, values ...string) string {
	var columns strings.Builder
	for _, c := range []struct{ key, name string }{
		{"name", "product"}, {"team_id", "team_id"}, {"version", "version"}, {"verdict", "verdict"},
		{"window_closes_at", "closes_at"}, {"with_offered_macos", "with_offered_macos"},
	} {
		fmt.Fprintf(&columns, ",\n    MAX(CASE WHEN substr(subkey, instr(subkey, '/') + 1) = '%s' THEN value END) AS %s", c.key, c.name)
	}
	return fmt.Sprintf(`SELECT product, team_id, version, verdict,
  datetime(CAST(closes_at AS INTEGER), 'unixepoch') AS window_closes_at, with_offered_macos, path
FROM (
  SELECT path%s
  FROM plist
  WHERE path LIKE '%s' AND key = 'products'
  GROUP BY path, substr(subkey, 1, instr(subkey, '/') - 1)
)
WHERE %s IN ('%s') AND path IN (%s);`, columns.String(), statePaths, column, strings.Join(values, "', '"), freshPaths())
}

func unknownQuery() string {
	return fmt.Sprintf(`SELECT value AS summary, path
FROM plist
WHERE path LIKE '%s' AND key = 'summary' AND value LIKE '%s:%%'
  AND path IN (%s);`, statePaths, Unknown, freshPaths())
}

func notReportingQuery() string {
	return fmt.Sprintf(`SELECT datetime((
  SELECT MAX(CAST(value AS INTEGER)) FROM plist WHERE path LIKE '%s' AND key = 'written_at'
), 'unixepoch') AS last_report
WHERE NOT EXISTS (%s);`, statePaths, freshPaths())
}

func readerQuery() string {
	return fmt.Sprintf(`SELECT
  MAX(CASE WHEN subkey = 'state' THEN value END) AS state,
  MAX(CASE WHEN subkey = 'reason' THEN value END) AS reason,
  datetime(CAST(MAX(CASE WHEN subkey = 'at' THEN value END) AS INTEGER), 'unixepoch') AS since
FROM plist
WHERE path = '%s' AND key = 'failure'
GROUP BY path;`, probe.PublishedPolicy)
}
