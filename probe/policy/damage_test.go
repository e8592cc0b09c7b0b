package policy

import (
	"context"
	"database/sql"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// pages are the file of a database. SQLite numbers them from 1.
type pages struct {
	data []byte
	size int
	rng  *rand.Rand
}

func pagesOf(file []byte, seed uint64) pages {
	return pages{slices.Clone(file), int(binary.BigEndian.Uint16(file[16:])), rand.New(rand.NewPCG(seed, 0))}
}

func (p pages) page(n int) []byte { return p.data[(n-1)*p.size : n*p.size] }

// any returns a random page except the first one, which contains the header.
func (p pages) any() int { return 2 + p.rng.IntN(len(p.data)/p.size-1) }

// tree is a random page of a table or an index, from its b-tree header on.
func (p pages) tree() []byte {
	for {
		page := p.data[100:p.size]
		if n := p.rng.IntN(len(p.data) / p.size); n > 0 {
			page = p.page(n + 1)
		}
		if slices.Contains([]byte{2, 5, 10, 13}, page[0]) && cellsOf(page) > 0 {
			return page
		}
	}
}

func cellsOf(tree []byte) int { return int(binary.BigEndian.Uint16(tree[3:])) }

// cell is a random entry of the cell pointers of a page.
func (p pages) cell(tree []byte) []byte {
	at := 8
	if tree[0] == 2 || tree[0] == 5 {
		at = 12 // an interior page has a right-most child, too
	}
	return tree[at+2*p.rng.IntN(cellsOf(tree)):][:2]
}

func (p pages) freeTrunk() []byte { return p.page(int(binary.BigEndian.Uint32(p.data[32:]))) }

// damages are faults in the structure. A changed value is not among them: SQLite
// has no checksums for its pages.
var damages = map[string]func(p pages){
	"a page inverted": func(p pages) {
		page := p.page(p.any())
		for i := range page {
			page[i] = ^page[i]
		}
	},
	"a page of zeros": func(p pages) { clear(p.page(p.any())) },
	"two pages swapped": func(p pages) {
		a, b := p.page(p.any()), p.page(p.any())
		for i := range a {
			a[i], b[i] = b[i], a[i]
		}
	},
	"a page twice":         func(p pages) { copy(p.page(p.any()), p.page(p.any())) },
	"another page type":    func(p pages) { p.tree()[0] ^= []byte{7, 8, 15}[p.rng.IntN(3)] },
	"one cell fewer":       func(p pages) { page := p.tree(); binary.BigEndian.PutUint16(page[3:], uint16(cellsOf(page)-1)) },
	"a cell elsewhere":     func(p pages) { binary.BigEndian.PutUint16(p.cell(p.tree()), uint16(p.rng.IntN(p.size))) },
	"a cell twice":         func(p pages) { page := p.tree(); copy(p.cell(page), p.cell(page)) },
	"free block outside":   func(p pages) { binary.BigEndian.PutUint16(p.tree()[1:], uint16(p.size-2)) },
	"free list cut":        func(p pages) { clear(p.data[32:36]) },
	"another free list":    func(p pages) { binary.BigEndian.PutUint32(p.data[32:], uint32(p.any())) },
	"fewer free pages":     func(p pages) { binary.BigEndian.PutUint32(p.data[36:], 1) },
	"endless free pages":   func(p pages) { binary.BigEndian.PutUint32(p.freeTrunk()[4:], 1<<20) },
	"free page in a table": func(p pages) { binary.BigEndian.PutUint32(p.freeTrunk()[8:], uint32(2+p.rng.IntN(4))) },
}

// A damaged database is reported as damaged, or gives the original rows: the
// damage may be in a free page, or in one that the -wal replaces.
func TestDamageIsNotReadAsRows(t *testing.T) {
	const seeds = 8
	for _, journal := range []string{"WAL", "DELETE"} {
		files := damageable(t, journal)
		m, file := emptyMac(t)
		read := func(database []byte) (*probe.Policy, probe.Source) {
			for ending, data := range files {
				mactest.NoError(t, os.WriteFile(file+ending, data, 0o600))
			}
			mactest.NoError(t, os.WriteFile(file, database, 0o600))
			return ReadDatabase(t.Context(), m, publishedAt)
		}
		want, source := read(files[""])
		if want == nil || len(want.Rows) != 19 || len(want.History) != 1 {
			t.Fatalf("%s, undamaged: %+v, %+v", journal, source, want)
		}
		refused := 0
		for name, damage := range damages {
			for seed := range uint64(seeds) {
				p := pagesOf(files[""], seed)
				damage(p)
				got, source := read(p.data)
				switch {
				case source.State == probe.Damaged, source.State == probe.NotADatabase:
					refused++
					if source.Reason == "" || source.Next == "" {
						t.Errorf("%s, %s, %d: %+v", journal, name, seed, source)
					}
				case source.State != probe.OK:
					t.Errorf("%s, %s, %d: %+v", journal, name, seed, source)
				case !reflect.DeepEqual(got, want):
					t.Errorf("%s, %s, %d: other rows without an error", journal, name, seed)
				}
			}
		}
		t.Logf("%s: %d of %d refused", journal, refused, len(damages)*seeds)
		if refused < 80 {
			t.Error("too few of the faults were damage")
		}
	}
}

// damageable is a policy of several pages in each table, with values that
// continue on other pages, free pages, and in WAL mode a last change that is
// only in the -wal.
func damageable(t *testing.T, journal string) (files map[string][]byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "KextPolicy")
	mactest.FillDatabase(t, file, mactest.ApplePolicy(journal,
		`INSERT INTO kext_policy VALUES ('TEAM', 'com.example.long', 1, hex(zeroblob(2000)), 0)`,
		paddedRows(12), mactest.BlockedRow, historyRow,
		`INSERT INTO settings VALUES ('a', 'b'), ('c', 'd')`,
		`CREATE TABLE gone AS SELECT randomblob(20000) AS x`, `DROP TABLE gone`)...)
	db, err := sql.Open("sqlite", file)
	mactest.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`INSERT INTO kext_policy SELECT 'OTHER', 'com.example.other' || rowid, 0, 'Other', 0 FROM kext_policy LIMIT 5`)
	mactest.NoError(t, err)
	files = map[string][]byte{}
	for i := range probe.KextPolicyFiles {
		ending := policyEnding(i)
		if data, err := os.ReadFile(file + ending); err == nil {
			files[ending] = data
		}
	}
	return files
}

// Two tables whose pages are swapped have a valid structure. Only the indexes show
// the damage.
func TestTwoTablesSwapped(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow, historyRow, `INSERT INTO settings VALUES ('a', 'b')`)...)
	want, _ := ReadDatabase(t.Context(), m, publishedAt)
	whole, err := os.ReadFile(file)
	mactest.NoError(t, err)
	last := len(whole)/pagesOf(whole, 0).size + 1
	for a := 2; a < last; a++ {
		for b := a + 1; b < last; b++ {
			p := pagesOf(whole, 0)
			copy(p.page(a), pagesOf(whole, 0).page(b))
			copy(p.page(b), pagesOf(whole, 0).page(a))
			mactest.NoError(t, os.WriteFile(file, p.data, 0o600))
			got, source := ReadDatabase(t.Context(), m, publishedAt)
			if source.State != probe.Damaged && !reflect.DeepEqual(got, want) {
				t.Errorf("pages %d and %d: %+v, %+v", a, b, source, got)
			}
		}
	}
}

// Damage that concerns only the indexes of tables that are not read does not hide the
// rows: no query needs these indexes.
func TestIndexesOfOtherTablesSwapped(t *testing.T) {
	const indexes = `('sqlite_autoindex_o_1', 'sqlite_autoindex_p_1')`
	m, _ := newPolicy(t, append(slices.Clone(mactest.AppleSchema), mactest.BlockedRow,
		`CREATE TABLE o (a TEXT PRIMARY KEY)`, `INSERT INTO o VALUES ('o')`, `CREATE TABLE p (a TEXT PRIMARY KEY)`, `INSERT INTO p VALUES ('p')`,
		`PRAGMA writable_schema = ON`,
		`UPDATE sqlite_master SET rootpage = (SELECT sum(rootpage) FROM sqlite_master WHERE name IN `+indexes+`) - rootpage WHERE name IN `+indexes)...)
	if found, source := Inspect(t.Context(), m, []string{`PRAGMA integrity_check(1)`}); source.State != probe.OK || found.Results[0].Rows[0] == sound {
		t.Fatalf("SQLite finds no damage: %+v", found)
	}
	policy, source := ReadDatabase(t.Context(), m, publishedAt)
	if source.State != probe.OK || len(policy.Rows) != 1 {
		t.Errorf("%+v", source)
	}
}

// An unusual but valid database is not damaged.
func TestUnusualDatabasesAreSound(t *testing.T) {
	// An index or a table can use what only Apple's own SQLite has.
	apples := func(name, from, to string) []string {
		return []string{
			`PRAGMA writable_schema = ON`,
			`UPDATE sqlite_master SET sql = replace(sql, '` + from + `', '` + to + `') WHERE name = '` + name + `'`,
		}
	}
	const withoutRowid = `CREATE TABLE kext_policy (team_id TEXT, bundle_id TEXT, allowed BOOLEAN, developer_name TEXT, flags INTEGER,
		PRIMARY KEY (team_id, bundle_id)) WITHOUT ROWID`
	for name, statements := range map[string][]string{
		"WITHOUT ROWID":       append([]string{withoutRowid}, mactest.AppleSchema[2:]...),
		"auto_vacuum":         append([]string{`PRAGMA auto_vacuum = FULL`}, mactest.AppleSchema...),
		"incremental vacuum":  append([]string{`PRAGMA auto_vacuum = INCREMENTAL`}, mactest.AppleSchema...),
		"pages of 512 bytes":  append([]string{`PRAGMA page_size = 512`}, mactest.AppleSchema...),
		"pages of 64 KiB":     append([]string{`PRAGMA page_size = 65536`}, mactest.AppleSchema...),
		"UTF-16":              append([]string{`PRAGMA encoding = 'UTF-16be'`}, mactest.AppleSchema...),
		"free pages":          append(slices.Clone(mactest.AppleSchema), `CREATE TABLE gone AS SELECT randomblob(99999) x`, `DROP TABLE gone`),
		"an index":            append(slices.Clone(mactest.AppleSchema), `CREATE INDEX i ON kext_policy (bundle_id DESC) WHERE allowed`),
		"an index of terms":   append(slices.Clone(mactest.AppleSchema), `CREATE INDEX i ON kext_policy (lower(bundle_id))`),
		"unknown tables":      append(slices.Clone(mactest.AppleSchema), `CREATE TABLE o (a, b AS (a || 1))`, `INSERT INTO o VALUES (x'00')`, `CREATE VIEW v AS SELECT 1`),
		"full-text search":    append(slices.Clone(mactest.AppleSchema), `CREATE VIRTUAL TABLE o USING fts5(a)`, `INSERT INTO o VALUES ('a b')`),
		"a trigger":           append(slices.Clone(mactest.AppleSchema), `CREATE TRIGGER t AFTER INSERT ON settings BEGIN SELECT 1; END`),
		"a check that failed": append(slices.Clone(mactest.AppleSchema), `CREATE TABLE o (a CHECK (a > 1))`, `PRAGMA ignore_check_constraints = ON`, `INSERT INTO o VALUES (1)`),
		"a check of Apple's":  append(append(slices.Clone(mactest.AppleSchema), `CREATE TABLE o (a CHECK (length(a)))`), apples("o", "length", "apple")...),
		"a collation of Apple's": append(append(slices.Clone(mactest.AppleSchema), `CREATE TABLE o (a COLLATE NOCASE)`, `CREATE INDEX i ON o (a)`),
			apples("o", "NOCASE", "APPLE")...),
		"a module of Apple's": append(append(slices.Clone(mactest.AppleSchema), `CREATE VIRTUAL TABLE o USING fts5(a)`), apples("o", "fts5", "apple")...),
	} {
		for _, journal := range []string{"WAL", "DELETE"} {
			statements := append([]string{`PRAGMA page_size = 4096`}, statements...)
			m, file := newPolicy(t, append(statements, `PRAGMA journal_mode = `+journal)...)
			mactest.FillDatabase(t, file, mactest.BlockedRow, `DELETE FROM kext_policy`, paddedRows(20), `DELETE FROM kext_policy WHERE bundle_id LIKE '%5'`, mactest.BlockedRow)
			policy, source := ReadDatabase(t.Context(), m, publishedAt)
			if source.State != probe.OK || len(policy.Rows) < 11 {
				t.Errorf("%s, %s: %+v", name, journal, source)
			}
		}
	}
}

// An index of a table that is read can use what only Apple's own SQLite has, as
// an index of another table can. The rows are read without the index.
func TestAnIndexOfApplesOnATableThatIsRead(t *testing.T) {
	for from, to := range map[string]string{"NOCASE": "APPLE", "lower": "apple"} {
		m, file := newPolicy(t, append(slices.Clone(mactest.AppleSchema), `CREATE INDEX i ON kext_policy (lower(developer_name) COLLATE NOCASE)`)...)
		mactest.FillDatabase(t, file, mactest.BlockedRow, `PRAGMA writable_schema = ON`,
			`UPDATE sqlite_master SET sql = replace(sql, '`+from+`', '`+to+`') WHERE name = 'i'`)
		policy, source := ReadDatabase(t.Context(), m, publishedAt)
		if source.State != probe.OK || len(policy.Rows) != 1 {
			t.Errorf("%s: %+v", to, source)
		}
	}
}

// The header and the -wal together may claim any number of pages. SQLite's
// check would allocate memory for each of them, half a gigabyte here.
func TestAnEndlessDatabaseIsNotChecked(t *testing.T) {
	files := damageable(t, "WAL")
	const header, frame = 32, 24 + 4096
	wal := files["-wal"]
	binary.BigEndian.PutUint32(files[""][28:], 0xfffffff0)
	sum := binary.BigEndian.Uint64(wal[24:])
	for at := header; at+frame <= len(wal); at += frame {
		if binary.BigEndian.Uint32(wal[at+4:]) != 0 { // ends a transaction
			binary.BigEndian.PutUint32(wal[at+4:], 0xfffffff0)
		}
		sum = walChecksum(walChecksum(sum, wal[at:at+8]), wal[at+24:at+frame])
		binary.BigEndian.PutUint64(wal[at+16:], sum)
	}
	m, file := emptyMac(t)
	for ending, data := range files {
		mactest.NoError(t, os.WriteFile(file+ending, data, 0o600))
	}
	_, source := ReadDatabase(t.Context(), m, publishedAt)
	if source.State != probe.Damaged || !strings.Contains(source.Reason, "claims to have 17592185978880 bytes") {
		t.Errorf("source %+v, want damaged, with the size that it claims", source)
	}
}

// walChecksum continues the checksum of a -wal of a little-endian machine
// (SQLite's file format, 4.2).
func walChecksum(sum uint64, data []byte) uint64 {
	a, b := uint32(sum>>32), uint32(sum)
	for ; len(data) >= 8; data = data[8:] {
		a += binary.LittleEndian.Uint32(data) + b
		b += binary.LittleEndian.Uint32(data[4:]) + a
	}
	return uint64(a)<<32 | uint64(b)
}

// The check of a large database ends with the time that a read may take.
func TestTheCheckEndsInTime(t *testing.T) {
	m, _ := newPolicy(t, append(mactest.AppleSchema, `CREATE TABLE large AS
		WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 300000) SELECT n, 'one value and some more' t FROM i`)...)
	copied, err := copyDatabase(t.Context(), m)
	mactest.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
	defer cancel()
	if policy, err := readRows(ctx, copied); policy != nil || err == nil {
		t.Errorf("%+v, %v", policy, err)
	}
	if _, err := readRows(t.Context(), copied); err != nil {
		t.Error(err)
	}
}

// A small file can make SQLite compute values of hundreds of megabytes. Whoever makes a
// disk decides what is in its database.
func TestAValueLargerThanTheFile(t *testing.T) {
	const value = `(hex(zeroblob(200000000)))`
	for name, statements := range map[string][]string{
		"a generated column": append([]string{strings.Replace(mactest.AppleSchema[1], "developer_name TEXT", "developer_name TEXT AS "+value, 1)}, mactest.AppleSchema[2:]...),
		"another table":      append(slices.Clone(mactest.AppleSchema), `CREATE TABLE o (a, b TEXT NOT NULL AS `+value+`)`, `INSERT INTO o VALUES (1)`),
	} {
		t.Run(name, func(t *testing.T) {
			m, file := newPolicy(t, statements...)
			mactest.FillDatabase(t, file, `INSERT INTO kext_policy (team_id, bundle_id) VALUES ('TEAM', 'com.example')`)
			if policy, source := ReadDatabase(t.Context(), m, publishedAt); source.State != probe.Failed || !strings.Contains(source.Reason, "too big") {
				t.Errorf("%+v %+v", source, policy)
			}
		})
	}
}
