package policy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kextwatch/probe"
)

const (
	policyTable   = "kext_policy"
	mdmTable      = "kext_policy_mdm"
	historyPrefix = "kext_load_history_v"
	historyOldest = 3 // the oldest version that was seen
)

var (
	errEmptyFile     = errors.New("is empty")
	errUnknownSchema = errors.New("has an unknown schema")
	errStructure     = errors.New("its structure is invalid")
)

// readRows reads the copy of a policy database at path.
func readRows(ctx context.Context, path string) (policy *probe.Policy, err error) {
	err = inCopy(ctx, path, func(tx *sql.Tx) error {
		policy, err = readPolicy(ctx, tx)
		return err
	})
	return policy, err
}

// inCopy reads the copy of a policy database at path in one transaction. It
// opens the copy for writing: only then does SQLite apply a -wal and roll back a
// -journal.
func inCopy(ctx context.Context, path string, read func(tx *sql.Tx) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errEmptyFile
	}
	// A CHECK constraint concerns only values, and may use functions that only
	// Apple's SQLite has.
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=trusted_schema(OFF)&_pragma=ignore_check_constraints(ON)"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return err
	}
	defer db.Close()
	// Each query ends with ctx, but the transaction must not: database/sql would
	// then close the connection itself, perhaps after the copy was removed.
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return read(tx)
}

func readPolicy(ctx context.Context, tx *sql.Tx) (*probe.Policy, error) {
	if err := checkStructure(ctx, tx); err != nil {
		return nil, err
	}
	names, err := tableNames(ctx, tx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, policyTable) {
		return nil, fmt.Errorf("%w: no table %s", errUnknownSchema, policyTable)
	}
	var p probe.Policy
	if p.Rows, err = readPolicyRows(ctx, tx); err != nil {
		return nil, err
	}
	if slices.Contains(names, mdmTable) {
		if p.MDM, err = readMDMRows(ctx, tx); err != nil {
			return nil, err
		}
	}
	if history := historyTable(names); history != "" {
		if p.History, err = readHistory(ctx, tx, history); err != nil {
			return nil, err
		}
	}
	return &p, nil
}

// checkStructure looks for damage that a query does not detect. SQLite reads
// only the pages that it needs and does not compare them with the others, so
// rows can be missing without an error. The time grows with the size: less than
// 1 ms for a database of usual size, about 1 s for copyLimit bytes. The check
// ends with ctx.
func checkStructure(ctx context.Context, tx *sql.Tx) error {
	var bytes int64
	err := tx.QueryRowContext(ctx, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`).Scan(&bytes)
	switch {
	case err != nil:
		return err
	case bytes > int64(len(probe.KextPolicyFiles))*copyLimit: // SQLite would allocate memory for pages that do not exist
		return fmt.Errorf("%w: it claims to have %d bytes", errStructure, bytes)
	}
	return wantSound(ctx, tx, `PRAGMA quick_check(1)`)
}

// wantSound runs one of SQLite's checks. It returns errStructure for damage. A
// check that this SQLite cannot run is no reason to lose the rows: an index may use
// a function or a collation that only Apple's SQLite has.
func wantSound(ctx context.Context, tx *sql.Tx, check string) error {
	found, err := selectAll(ctx, tx, check, func(line *string) []any { return []any{line} })
	switch {
	case sqliteCode(err) == sqlite3.SQLITE_ERROR:
		return nil
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("%s did not answer", check)
	case found[0] != "ok":
		return fmt.Errorf("%w: %s", errStructure, found[0])
	}
	return nil
}

// tableNames lists the real tables. It leaves out views and virtual tables: one
// with a name of Apple's could run any SQL.
func tableNames(ctx context.Context, tx *sql.Tx) ([]string, error) {
	return selectAll(ctx, tx, `SELECT substr(name, 1, 100) FROM sqlite_master
		WHERE type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE %'`,
		func(name *string) []any { return []any{name} })
}

// historyTable returns the load history table with the highest number. Apple
// numbers it, so a later macOS may use a higher number.
func historyTable(names []string) string {
	table, newest := "", historyOldest-1
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, historyPrefix)
		n, err := strconv.Atoi(digits)
		if ok && err == nil && n > newest && strconv.Itoa(n) == digits {
			table, newest = name, n
		}
	}
	return table
}

func readPolicyRows(ctx context.Context, tx *sql.Tx) ([]probe.PolicyRow, error) {
	t, err := describe(ctx, tx, policyTable, "team_id", "bundle_id", "allowed")
	if err != nil {
		return nil, err
	}
	return selectAll(ctx, tx,
		t.query(t.text("team_id"), t.text("bundle_id"), t.yes("allowed"), t.text("developer_name"), t.integer("flags")),
		func(r *probe.PolicyRow) []any {
			return []any{&r.TeamID, &r.BundleID, &r.Allowed, &r.Developer, &r.Flags}
		})
}

func readMDMRows(ctx context.Context, tx *sql.Tx) ([]probe.MDMRow, error) {
	t, err := describe(ctx, tx, mdmTable, "team_id", "bundle_id", "allowed")
	if err != nil {
		return nil, err
	}
	return selectAll(ctx, tx,
		t.query(t.text("team_id"), t.text("bundle_id"), t.yes("allowed"), t.text("payload_uuid")),
		func(r *probe.MDMRow) []any {
			return []any{&r.TeamID, &r.BundleID, &r.Allowed, &r.PayloadUUID}
		})
}

func readHistory(ctx context.Context, tx *sql.Tx, table string) ([]probe.LoadRecord, error) {
	t, err := describe(ctx, tx, table, "team_id", "bundle_id")
	if err != nil {
		return nil, err
	}
	return selectAll(ctx, tx,
		t.query(t.text("path"), t.text("team_id"), t.text("bundle_id"), t.text("created_at"), t.text("last_seen"),
			t.text("cdhash"), t.text("boot_uuid"), t.integer("flags")),
		func(r *probe.LoadRecord) []any {
			return []any{&r.Path, &r.TeamID, &r.BundleID, (*sqliteTime)(&r.CreatedAt), (*sqliteTime)(&r.LastSeen),
				&r.CDHash, &r.BootUUID, &r.Flags}
		})
}

// sqlTable is a table with the columns that it has.
type sqlTable struct {
	name    string
	columns []string
}

// describe reads the columns of a table. It returns errUnknownSchema if a
// required column is missing. Generated columns do not count: they are computed
// and not stored. It also checks that the rows match the indexes of the table,
// which checkStructure does not: they do not match if the pages of two tables
// were swapped.
func describe(ctx context.Context, tx *sql.Tx, name string, required ...string) (sqlTable, error) {
	if err := wantSound(ctx, tx, `PRAGMA integrity_check('`+name+`')`); err != nil {
		return sqlTable{}, err
	}
	columns, err := selectAll(ctx, tx, `SELECT name FROM pragma_table_info('`+name+`')`,
		func(column *string) []any { return []any{column} })
	if err != nil {
		return sqlTable{}, err
	}
	for _, column := range required {
		if !slices.Contains(columns, column) {
			return sqlTable{}, fmt.Errorf("%w: no column %s in %s", errUnknownSchema, column, name)
		}
	}
	return sqlTable{name, columns}, nil
}

func (t sqlTable) query(values ...string) string {
	return fmt.Sprintf("SELECT %s FROM %s LIMIT %d", strings.Join(values, ", "), t.name, probe.MaxRows+1)
}

// text returns the SQL for a column as text. NULL and a missing column become
// empty. SQLite does not load a value above the limit: probe.TooLong replaces it.
func (t sqlTable) text(column string) string {
	if !slices.Contains(t.columns, column) {
		return "''"
	}
	return fmt.Sprintf("CASE WHEN octet_length(%[1]s) > %[2]d THEN '%[3]s' ELSE ifnull(CAST(%[1]s AS TEXT), '') END",
		column, probe.MaxText, probe.TooLong)
}

// yes returns the SQL for a column that is true only if it is exactly 1.
func (t sqlTable) yes(column string) string { return column + " IS 1" }

// integer returns the SQL for a column as an integer. Any other value becomes 0.
func (t sqlTable) integer(column string) string {
	if !slices.Contains(t.columns, column) {
		return "0"
	}
	return fmt.Sprintf("CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s ELSE 0 END", column)
}

// selectAll runs a query and scans each row into the fields of a T. It replaces
// invalid UTF-8, and returns probe.ErrTooManyRows.
func selectAll[T any](ctx context.Context, tx *sql.Tx, query string, fields func(*T) []any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		if len(all) == probe.MaxRows {
			return nil, probe.ErrTooManyRows
		}
		var row T
		dest := fields(&row)
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		for _, d := range dest {
			if text, ok := d.(*string); ok {
				*text = strings.ToValidUTF8(*text, "\uFFFD")
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// sqliteTime scans the format of SQLite's datetime('now'): UTC without a zone.
// It stays zero for any other value.
type sqliteTime time.Time

// Scan implements sql.Scanner.
func (t *sqliteTime) Scan(value any) error {
	text, _ := value.(string)
	if at, err := time.Parse(time.DateTime, text); err == nil {
		*t = sqliteTime(at)
	}
	return nil
}
