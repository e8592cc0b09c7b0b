package mactest

import (
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// AppleSchema creates the policy database of macOS 10.13. Some tests store data in
// flags.
var AppleSchema = []string{
	`CREATE TABLE settings (name TEXT, value TEXT, PRIMARY KEY (name))`,
	`CREATE TABLE kext_policy (team_id TEXT, bundle_id TEXT, allowed BOOLEAN, developer_name TEXT, flags INTEGER, PRIMARY KEY (team_id, bundle_id))`,
	`CREATE TABLE kext_policy_mdm (team_id TEXT, bundle_id TEXT, allowed BOOLEAN, payload_uuid TEXT, PRIMARY KEY (team_id, bundle_id))`,
	`CREATE TABLE kext_load_history_v3 (path TEXT PRIMARY KEY, team_id TEXT, bundle_id TEXT, boot_uuid TEXT, created_at TEXT, last_seen TEXT, flags INTEGER)`,
}

// BlockedRow inserts an extension of Parallels that waits for an approval.
const BlockedRow = `INSERT INTO kext_policy VALUES ('4C6364ACXT', 'com.parallels.kext.hypervisor', 0, 'Parallels International GmbH', 4)`

// BlockedRows inserts n extensions of n developers that wait for an approval. Each
// was tried at another time of the last hours before 2026-05-06 12:00 UTC.
func BlockedRows(n int) []string {
	count := fmt.Sprintf(`WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %d) `, n)
	return []string{
		count + `INSERT INTO kext_policy SELECT printf('TEAM%06d', n), 'com.example.kext' || n, 0, 'Developer ' || n, 4 FROM i`,
		count + `INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, created_at, last_seen, flags)
			SELECT '/Library/Application Support/Example ' || n || '/example.kext', printf('TEAM%06d', n), 'com.example.kext' || n,
			datetime('2026-05-06 12:00:00', (-3 * n) || ' seconds'), datetime('2026-05-06 12:00:00', (-3 * n) || ' seconds'), 53 FROM i`,
	}
}

// FillDatabase runs statements on a database file, and creates it if it is
// missing. It does not sync the file: a test survives no power failure.
func FillDatabase(t testing.TB, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", file+"?_pragma=synchronous(off)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// ApplePolicy returns the statements for Apple's schema in a journal mode,
// followed by more.
func ApplePolicy(journal string, more ...string) []string {
	return append(append([]string{"PRAGMA journal_mode = " + journal}, AppleSchema...), more...)
}

// NeverRests changes a file constantly until rest is called. It also enlarges the
// file, so that each copy takes much longer than two changes.
func NeverRests(t *testing.T, file string) (rest func()) {
	t.Helper()
	NoError(t, os.Truncate(file, 32<<20))
	stop, stopped, started := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		close(started)
		for at := time.Unix(0, 0); ; at = at.Add(time.Second) {
			select {
			case <-stop:
				return
			default:
				os.Chtimes(file, at, at)
			}
		}
	}()
	<-started
	return func() {
		close(stop)
		<-stopped
	}
}
