package policy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
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

// readRows reads the copy of a policy database.
func readRows(ctx context.Context, c databaseCopy) (policy *probe.Policy, err error) {
	err = inCopy(ctx, c, func(c *connection) error {
		policy, err = readPolicy(ctx, c)
		return err
	})
	return policy, err
}

// connection is an open copy of a policy database. It calls the driver directly:
// the queries of database/sql add goroutines, locks and reflection that one reader does not need.
type connection struct {
	conn  driver.QueryerContext
	whole bool // all tables and indexes were checked, and are sound
}

// settings are the settings of the connection to a copy.
//
//   - A CHECK constraint concerns only values, and may use functions that only Apple's
//     SQLite has.
//   - Nobody else knows the copy, so one lock holds until it is closed. SQLite then
//     needs no shared memory for the index of a -wal.
const settings = "_pragma=trusted_schema(OFF)&_pragma=ignore_check_constraints(ON)&_pragma=locking_mode(EXCLUSIVE)"

// inCopy opens the copy of a policy database for writing: only then does SQLite apply
// a -wal and roll back a -journal.
func inCopy(ctx context.Context, copied databaseCopy, read func(c *connection) error) error {
	if len(copied[0]) == 0 {
		return errEmptyFile
	}
	vfs, err := memoryVFS()
	if err != nil {
		return err
	}
	path, remove := copied.place()
	defer remove()
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "vfs=" + vfs + "&" + settings}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A generated column or an index can compute a value that is larger than the file.
	if _, err := sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, copyLimit); err != nil {
		return err
	}
	return conn.Raw(func(c any) error { return read(&connection{conn: c.(driver.QueryerContext)}) })
}

func readPolicy(ctx context.Context, c *connection) (*probe.Policy, error) {
	if err := c.checkStructure(ctx); err != nil {
		return nil, err
	}
	names, err := tableNames(ctx, c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, policyTable) {
		return nil, fmt.Errorf("%w: no table %s", errUnknownSchema, policyTable)
	}
	var p probe.Policy
	if p.Rows, err = readPolicyRows(ctx, c); err != nil {
		return nil, err
	}
	if slices.Contains(names, mdmTable) {
		if p.MDM, err = readMDMRows(ctx, c); err != nil {
			return nil, err
		}
	}
	if p.History, p.HistoryErr, err = readHistory(ctx, c, historyTable(names)); err != nil {
		return nil, err
	}
	return &p, nil
}

// checkStructure looks for damage that a query does not detect. SQLite reads
// only the pages that it needs and does not compare them with the others, so
// rows can be missing without an error. The time grows with the size: less than
// 1 ms for a database of usual size, about 1 s for copyLimit bytes. The check
// ends with ctx.
//
// Usually one check finds everything sound. Otherwise the damage may be in an index
// of a table that is not read, or an index may use what only Apple's SQLite has. Then
// only the structure must be sound, and describe checks the tables that are read.
func (c *connection) checkStructure(ctx context.Context) error {
	size := int64(1)
	for _, pragma := range []string{`PRAGMA page_count`, `PRAGMA page_size`} {
		found, err := selectAll(ctx, c, pragma, func(v values) int64 { return v.integer(0) })
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%s did not answer", pragma)
		}
		size *= found[0]
	}
	if size > int64(len(probe.KextPolicyFiles))*copyLimit { // SQLite would allocate memory for pages that do not exist
		return fmt.Errorf("%w: it claims to have %d bytes", errStructure, size)
	}
	found, err := c.check(ctx, `PRAGMA integrity_check(1)`)
	if c.whole = err == nil && found == sound; c.whole {
		return nil
	}
	return c.wantSound(ctx, `PRAGMA quick_check(1)`)
}

// sound is what SQLite's checks answer if they find no damage.
const sound = "ok"

// check runs one of SQLite's checks and returns the first line of its answer.
func (c *connection) check(ctx context.Context, pragma string) (string, error) {
	found, err := selectAll(ctx, c, pragma, values.first)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s did not answer", pragma)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// wantSound runs one of SQLite's checks. It returns errStructure for damage. A
// check that this SQLite cannot run is no reason to lose the rows: an index may use
// a function or a collation that only Apple's SQLite has.
func (c *connection) wantSound(ctx context.Context, pragma string) error {
	found, err := c.check(ctx, pragma)
	switch {
	case sqliteCode(err) == sqlite3.SQLITE_ERROR:
		return nil
	case err != nil:
		return err
	case found != sound:
		return fmt.Errorf("%w: %s", errStructure, found)
	}
	return nil
}

// tableNames lists the real tables. It leaves out views and virtual tables: one
// with a name of Apple's could run any SQL.
func tableNames(ctx context.Context, c *connection) ([]string, error) {
	return selectAll(ctx, c, `SELECT substr(name, 1, 100) FROM sqlite_master
		WHERE type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE %'`, values.first)
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

func readPolicyRows(ctx context.Context, c *connection) ([]probe.PolicyRow, error) {
	t, err := describe(ctx, c, policyTable, "team_id", "bundle_id", "allowed")
	if err != nil {
		return nil, err
	}
	return selectAll(ctx, c,
		t.query(t.text("team_id"), t.text("bundle_id"), t.yes("allowed"), t.text("developer_name")),
		func(v values) probe.PolicyRow {
			return probe.PolicyRow{TeamID: v.text(0), BundleID: v.text(1), Allowed: v.yes(2), Developer: v.text(3)}
		})
}

func readMDMRows(ctx context.Context, c *connection) ([]probe.MDMRow, error) {
	t, err := describe(ctx, c, mdmTable, "team_id", "bundle_id", "allowed")
	if err != nil {
		return nil, err
	}
	return selectAll(ctx, c,
		t.query(t.text("team_id"), t.text("bundle_id"), t.yes("allowed")),
		func(v values) probe.MDMRow {
			return probe.MDMRow{TeamID: v.text(0), BundleID: v.text(1), Allowed: v.yes(2)}
		})
}

// readHistory reads the load history, and says why it does not tell all times of
// load attempts. Another form of the history is no error: what is allowed does not
// depend on it. table is empty if the database has no history.
func readHistory(ctx context.Context, c *connection, table string) (records []probe.LoadRecord, problem string, err error) {
	if table == "" {
		return nil, fmt.Sprintf("no table %s%d", historyPrefix, historyOldest), nil
	}
	t, err := describe(ctx, c, table)
	if err != nil {
		return nil, "", err
	}
	for _, column := range []string{"team_id", "bundle_id"} {
		if !slices.Contains(t.columns, column) { // nobody knows what was loaded
			return nil, t.lacks(column), nil
		}
	}
	records, err = selectAll(ctx, c,
		t.query(t.text("path"), t.text("team_id"), t.text("bundle_id"), t.text("last_seen"), t.text("cdhash")),
		func(v values) probe.LoadRecord {
			return probe.LoadRecord{Path: v.text(0), TeamID: v.text(1), BundleID: v.text(2), LastSeen: v.time(3), CDHash: v.text(4)}
		})
	if !slices.Contains(t.columns, "last_seen") {
		return records, t.lacks("last_seen"), err
	}
	return records, untimed(records), err
}

// untimed says how many load records do not tell when a load was last tried. It
// is empty if all do.
func untimed(records []probe.LoadRecord) string {
	count := 0
	for _, r := range records {
		if r.LastSeen.IsZero() {
			count++
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("last_seen has no time in the known form in %d of %d records", count, len(records))
}

// sqlTable is a table with the columns that it has.
type sqlTable struct {
	name    string
	columns []string
}

// describe reads the columns of a table. It returns errUnknownSchema if a
// required column is missing. Generated columns do not count: they are computed
// and not stored. Unless the whole database is sound, it also checks that the rows
// match the indexes of the table: they do not match if the pages of two tables were
// swapped.
func describe(ctx context.Context, c *connection, name string, required ...string) (sqlTable, error) {
	if !c.whole {
		if err := c.wantSound(ctx, `PRAGMA integrity_check('`+name+`')`); err != nil {
			return sqlTable{}, err
		}
	}
	columns, err := selectAll(ctx, c, `PRAGMA table_info('`+name+`')`, func(v values) string { return v.text(1) })
	if err != nil {
		return sqlTable{}, err
	}
	for _, column := range required {
		if !slices.Contains(columns, column) {
			return sqlTable{}, fmt.Errorf("%w: %s", errUnknownSchema, sqlTable{name: name}.lacks(column))
		}
	}
	return sqlTable{name, columns}, nil
}

// lacks says that a column is missing.
func (t sqlTable) lacks(column string) string { return "no column " + column + " in " + t.name }

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

// selectAll runs a query and makes a T of each row. It returns
// probe.ErrTooManyRows, and ends with ctx.
func selectAll[T any](ctx context.Context, c *connection, query string, row func(values) T) ([]T, error) {
	rows, err := c.conn.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for v := make(values, len(rows.Columns())); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		switch err := rows.Next(v); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		case len(all) == probe.MaxRows:
			return nil, probe.ErrTooManyRows
		}
		all = append(all, row(v))
	}
}

// values are the columns of a row. A value of another type than the wanted one
// becomes zero.
type values []driver.Value

// text replaces invalid UTF-8.
func (v values) text(i int) string {
	s, _ := v[i].(string)
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (v values) first() string { return v.text(0) }

func (v values) integer(i int) int64 {
	n, _ := v[i].(int64)
	return n
}

func (v values) yes(i int) bool { return v.integer(i) == 1 }

// time reads the format of SQLite's datetime('now'): UTC without a zone. It returns
// zero for any other text.
func (v values) time(i int) time.Time {
	at, err := time.Parse(time.DateTime, v.text(i))
	if err != nil {
		return time.Time{}
	}
	return at
}
