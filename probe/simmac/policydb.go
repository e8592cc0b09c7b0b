package simmac

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite"

	"kextwatch/probe"
)

const (
	policyDir = "/private" + probe.PolicyFolder // without the link /var
	policyDB  = policyDir + "/KextPolicy"
	execDB    = policyDir + "/ExecPolicy"
)

// policySchema is Apple's schema as macOS 10.13 creates it.
const policySchema = `
CREATE TABLE IF NOT EXISTS settings ( name TEXT, value TEXT, PRIMARY KEY (name) );
CREATE TABLE IF NOT EXISTS kext_policy ( team_id TEXT, bundle_id TEXT, allowed BOOLEAN, developer_name TEXT, flags INTEGER, PRIMARY KEY (team_id, bundle_id) );
CREATE TABLE IF NOT EXISTS kext_policy_mdm ( team_id TEXT, bundle_id TEXT, allowed BOOLEAN, payload_uuid TEXT, PRIMARY KEY (team_id, bundle_id) );
CREATE TABLE IF NOT EXISTS kext_load_history_v3 ( path TEXT PRIMARY KEY, team_id TEXT, bundle_id TEXT, boot_uuid TEXT, created_at TEXT, last_seen TEXT, flags INTEGER );
INSERT OR IGNORE INTO settings VALUES ('migrationPerformed', 'YES');`

// execSchema is the schema of the database in the same folder that changes whenever
// a program starts. kextwatch does not read it.
const execSchema = `CREATE TABLE IF NOT EXISTS policy_scan_cache ( volume_uuid TEXT, object_id INTEGER, timestamp INTEGER );`

// migratePolicy creates the policy databases or migrates them to this macOS: 10.14
// adds the column cdhash, 11 uses a write-ahead log, and 26 adds a table (its real
// columns are unknown).
func (m *Mac) migratePolicy(v probe.OSVersion) error {
	if err := m.migrate(execDB, execSchema, v); err != nil {
		return err
	}
	schema := policySchema
	if v.AtLeast(26, 0) {
		schema += `CREATE TABLE IF NOT EXISTS deprecation_alert_history ( path TEXT PRIMARY KEY );`
	}
	if err := m.migrate(m.policyPlace(), schema, v); err != nil {
		return err
	}
	return m.showLocked()
}

func (m *Mac) migrate(name, schema string, v probe.OSVersion) error {
	db, err := m.openDB(name)
	if err != nil {
		return err
	}
	defer db.Close()
	mode := "delete"
	if v.AtLeast(11, 0) {
		mode = "wal"
	}
	if _, err := db.Exec("PRAGMA journal_mode=" + mode); err != nil {
		return fmt.Errorf("%s: setting journal mode %s: %w", name, mode, err)
	}
	if _, err := db.Exec(schema); err != nil {
		return fmt.Errorf("%s: creating tables: %w", name, err)
	}
	if name != execDB && hasCDHash(v) {
		if err := addCDHash(db); err != nil {
			return fmt.Errorf("%s: adding the column cdhash: %w", name, err)
		}
	}
	path, err := m.resolve(name)
	if err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}

func hasCDHash(v probe.OSVersion) bool { return v.AtLeast(10, 14) }

func addCDHash(db *sql.DB) error {
	var n int
	const count = `SELECT count(*) FROM pragma_table_info('kext_load_history_v3') WHERE name = 'cdhash'`
	if err := db.QueryRow(count).Scan(&n); err != nil || n > 0 {
		return err
	}
	_, err := db.Exec(`ALTER TABLE kext_load_history_v3 ADD COLUMN cdhash TEXT`)
	return err
}

func (m *Mac) openDB(name string) (*sql.DB, error) {
	path, err := m.resolve(name)
	if err != nil {
		return nil, err
	}
	// A simulated Mac need not survive a power failure, so nothing is synced.
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(5000)&_pragma=synchronous(off)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
