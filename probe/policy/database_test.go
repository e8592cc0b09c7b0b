package policy

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

var journalModes = []string{"WAL", "DELETE", "TRUNCATE", "PERSIST"}

// newPolicy creates a Mac whose policy database results from the statements.
func newPolicy(t testing.TB, statements ...string) (m root.FS, file string) {
	t.Helper()
	m, file = emptyMac(t)
	mactest.FillDatabase(t, file, statements...)
	return m, file
}

// emptyMac creates a Mac that has only the folder of the policy database.
func emptyMac(t testing.TB) (m root.FS, file string) {
	t.Helper()
	m = root.FS{Root: t.TempDir()}
	file = filepath.Join(m.Root, probe.KextPolicy)
	mactest.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	return m, file
}

// paddedRows makes n rows with a long developer name, so that they fill many pages. The
// name begins with the number 0 (numberOf).
func paddedRows(n int) string {
	return fmt.Sprintf(`WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %d)
		INSERT INTO kext_policy SELECT 'TEAM', 'com.example.kext' || n, 1, '0 ' || hex(randomblob(1000)), 0 FROM i`, n)
}

// setNumber changes the number of each row of paddedRows to the value of an expression.
func setNumber(expression string) string {
	return `UPDATE kext_policy SET developer_name = (` + expression + `) || substr(developer_name, instr(developer_name, ' '))`
}

func numberOf(t *testing.T, r probe.PolicyRow) int64 {
	t.Helper()
	number, _, _ := strings.Cut(r.Developer, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	mactest.NoError(t, err)
	return n
}

// readPolicyOf reads the policy. It checks that every read leaves Apple's folder
// unchanged, and keeps no copy.
func readPolicyOf(t *testing.T, m root.FS) (*probe.Policy, probe.Source) {
	t.Helper()
	before := folderStamps(t, m)
	policy, source := ReadDatabase(t.Context(), m, time.Now())
	if after := folderStamps(t, m); after != before {
		t.Errorf("reading changed Apple's folder\nbefore:\n%s\nafter:\n%s", before, after)
	}
	wantNoCopy(t)
	wantConsistent(t, policy, source)
	return policy, source
}

// folderStamps is what lstat reports about Apple's folder and its files, except
// the access times.
func folderStamps(t *testing.T, m root.FS) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(m.Root, filepath.Dir(probe.KextPolicy)), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "%s:", path)
		stat := reflect.ValueOf(info.Sys()).Elem()
		for i := range stat.NumField() {
			if name := stat.Type().Field(i).Name; !strings.HasPrefix(name, "Atim") {
				fmt.Fprintf(&all, " %s=%v", name, stat.Field(i))
			}
		}
		all.WriteByte('\n')
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	return all.String()
}

// wantNoCopy checks that a read forgets its copy and closes its files.
func wantNoCopy(t testing.TB) {
	t.Helper()
	memory.Lock()
	defer memory.Unlock()
	if len(memory.named)+len(memory.open) > 0 {
		t.Errorf("left in memory: %v, open: %v", memory.named, memory.open)
	}
}

// wantConsistent checks what must hold for every answer.
func wantConsistent(t testing.TB, policy *probe.Policy, source probe.Source) {
	t.Helper()
	ok := source.State == probe.OK
	if source.Name != probe.Database || (policy != nil) != ok ||
		(source.Reason == "") != ok || (source.Next == "") != ok {
		t.Errorf("inconsistent answer: %v, %+v", policy, source)
	}
	if ok && policy.Source != probe.Database {
		t.Errorf("the policy comes from %q", policy.Source)
	}
}

// wantBundles checks that kext_policy has exactly these rows.
func wantBundles(t *testing.T, m root.FS, bundles ...string) {
	t.Helper()
	policy, source := readPolicyOf(t, m)
	if source.State != probe.OK {
		t.Fatalf("source %+v, want ok", source)
	}
	var got []string
	for _, r := range policy.Rows {
		got = append(got, r.BundleID)
	}
	if !reflect.DeepEqual(got, bundles) {
		t.Errorf("got %v, want %v", got, bundles)
	}
}

func TestDatabaseStates(t *testing.T) {
	cut := func(size func(full int64) int64) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			mactest.FillDatabase(t, file, mactest.ApplePolicy("DELETE", paddedRows(100))...)
			info, err := os.Stat(file)
			mactest.NoError(t, err)
			mactest.NoError(t, os.Truncate(file, size(info.Size())))
		}
	}
	tests := []struct {
		name  string
		make  func(t *testing.T, file string)
		state probe.SourceState
		words string // in the reason
	}{
		{"well", func(t *testing.T, file string) { mactest.FillDatabase(t, file, mactest.AppleSchema...) }, probe.OK, ""},
		{"absent", func(t *testing.T, file string) {}, probe.Absent, "does not exist"},
		{"folder absent", func(t *testing.T, file string) { mactest.NoError(t, os.RemoveAll(filepath.Dir(file))) }, probe.Absent, "does not exist"},
		{"a directory", func(t *testing.T, file string) { mactest.NoError(t, os.Mkdir(file, 0o700)) }, probe.Failed, "not a regular file"},
		{"a pipe", func(t *testing.T, file string) { mactest.NoError(t, syscall.Mkfifo(file, 0o600)) }, probe.Failed, "not a regular file"},
		{"-wal is a pipe", func(t *testing.T, file string) {
			mactest.FillDatabase(t, file, mactest.AppleSchema...)
			mactest.NoError(t, syscall.Mkfifo(file+"-wal", 0o600))
		}, probe.Failed, "not a regular file"},
		{"-journal is a directory", func(t *testing.T, file string) {
			mactest.FillDatabase(t, file, mactest.AppleSchema...)
			mactest.NoError(t, os.Mkdir(file+"-journal", 0o700))
		}, probe.Failed, "not a regular file"},
		{"a link to itself", func(t *testing.T, file string) { mactest.NoError(t, os.Symlink(filepath.Base(file), file)) }, probe.Failed, ""},
		{"50 bytes", cut(func(int64) int64 { return 50 }), probe.Damaged, "malformed"},
		{"one page", cut(func(int64) int64 { return 4096 }), probe.Damaged, "malformed"},
		{"half", cut(func(full int64) int64 { return full / 2 }), probe.Damaged, "malformed"},
		{"random", func(t *testing.T, file string) {
			mactest.NoError(t, os.WriteFile(file, []byte(strings.Repeat("kextwatch", 1000)), 0o600))
		}, probe.NotADatabase, "not a database"},
		{"a few bytes", func(t *testing.T, file string) { mactest.NoError(t, os.WriteFile(file, []byte("kext"), 0o600)) }, probe.NotADatabase, "not a database"},
		{"header overwritten", func(t *testing.T, file string) {
			mactest.FillDatabase(t, file, mactest.AppleSchema...)
			overwrite(t, file, "not SQLite at all")
		}, probe.NotADatabase, "not a database"},
		{"empty", func(t *testing.T, file string) { mactest.NoError(t, os.WriteFile(file, nil, 0o600)) }, probe.UnknownSchema, "is empty"},
		{"other tables", func(t *testing.T, file string) { mactest.FillDatabase(t, file, "CREATE TABLE other (x)") }, probe.UnknownSchema, "no table kext_policy"},
		{"too large", func(t *testing.T, file string) {
			mactest.FillDatabase(t, file, mactest.AppleSchema...)
			mactest.NoError(t, os.Truncate(file, copyLimit+1))
		}, probe.Failed, "larger than 64 MiB"},
		{"-wal too large", func(t *testing.T, file string) {
			mactest.FillDatabase(t, file, mactest.AppleSchema...)
			mactest.NoError(t, os.WriteFile(file+"-wal", nil, 0o600))
			mactest.NoError(t, os.Truncate(file+"-wal", copyLimit+1))
		}, probe.Failed, "larger than 64 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, file := emptyMac(t)
			tt.make(t, file)
			_, source := readPolicyOf(t, m)
			if source.State != tt.state || !strings.Contains(source.Reason, tt.words) {
				t.Errorf("got %+v, want %s: …%s…", source, tt.state, tt.words)
			}
		})
	}
}

// An ordinary user gets EACCES because of the mode of the file. As root, the test
// runs a child process without its rights.
func TestDatabaseDenied(t *testing.T) {
	for _, closed := range []string{probe.KextPolicy, filepath.Dir(probe.KextPolicy)} {
		t.Run(filepath.Base(closed), func(t *testing.T) {
			m, _ := newPolicy(t, mactest.AppleSchema...)
			closed := filepath.Join(m.Root, closed)
			info, err := os.Stat(closed)
			mactest.NoError(t, err)
			var source probe.Source
			if os.Geteuid() == 0 {
				mactest.NoError(t, os.Chmod(filepath.Dir(m.Root), 0o755)) // t.TempDir keeps others out
				mactest.NoError(t, os.Chmod(closed, info.Mode()&0o700))
				if err := json.Unmarshal([]byte(startDatabaseChild(t, "nobody "+m.Root).line()), &source); err != nil {
					t.Fatal(err)
				}
			} else {
				mactest.NoError(t, os.Chmod(closed, 0))
				defer os.Chmod(closed, info.Mode())
				_, source = readPolicyOf(t, m)
			}
			if source.State != probe.Denied || !strings.Contains(source.Reason, "only by root") || !strings.Contains(source.Next, "sudo") {
				t.Errorf("got %+v", source)
			}
		})
	}
}

func TestExplainDatabase(t *testing.T) {
	onFile := func(err error) error {
		return originalError{&fs.PathError{Op: "open", Path: probe.KextPolicy, Err: err}}
	}
	tests := []struct {
		name  string
		err   error
		state probe.SourceState
		next  string
	}{
		{"not root", onFile(syscall.EACCES), probe.Denied, "sudo"},
		{"privacy protection", onFile(syscall.EPERM), probe.Denied, "Full Disk Access"},
		{"absent", onFile(syscall.ENOENT), probe.Absent, "macOS 10.13"},
		{"disk broken", onFile(syscall.EIO), probe.Failed, "report this message"},
		{"canceled", context.Canceled, probe.Failed, "report this message"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, _, next := explainDatabase(tt.err)
			if state != tt.state || !strings.Contains(next, tt.next) {
				t.Errorf("got %s, %q", state, next)
			}
		})
	}
}

func TestDatabaseReasonIsClean(t *testing.T) {
	source := databaseProblem(errors.New("\x1b[31mred\x00\xff" + strings.Repeat("long", 1000)))
	if strings.ContainsAny(source.Reason, "\x1b\x00") || !utf8.ValidString(source.Reason) || len(source.Reason) > 1000 || !strings.Contains(source.Reason, "[31mred") {
		t.Errorf("got %q", source.Reason)
	}
}

func TestDatabaseEndsWithItsContext(t *testing.T) {
	m, _ := newPolicy(t, mactest.AppleSchema...)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, tt := range []struct {
		ctx   context.Context
		state probe.SourceState
	}{{canceled, probe.Failed}, {late, probe.Timeout}} {
		policy, source := ReadDatabase(tt.ctx, m, time.Now())
		if source.State != tt.state {
			t.Errorf("got %+v, want %s", source, tt.state)
		}
		wantConsistent(t, policy, source)
		wantNoCopy(t)
	}
}

// The read needs no disk: a journal is rolled back and a -wal is applied in memory.
func TestDatabaseOnAFullDisk(t *testing.T) {
	for _, journal := range []string{"WAL", "DELETE"} {
		m, file := newPolicy(t, mactest.ApplePolicy(journal, paddedRows(100))...)
		writer := startDatabaseChild(t, "shell "+file)
		writer.sql("PRAGMA cache_size = 30", "BEGIN", setNumber("1"))
		t.Setenv("TMPDIR", "/nowhere")
		mactest.OnFullDisk(t, 0, func() error {
			policy, source := ReadDatabase(t.Context(), m, time.Now())
			if source.State != probe.OK || len(policy.Rows) != 100 || numberOf(t, policy.Rows[99]) != 0 {
				t.Errorf("%s: %+v", journal, source)
			}
			return nil
		})
		t.Setenv("TMPDIR", "")
	}
}

// A journal can claim that the database had any size. SQLite must not use so much
// memory.
func TestAnEndlessJournal(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("DELETE", paddedRows(100))...)
	writer := startDatabaseChild(t, "shell "+file)
	writer.sql("PRAGMA cache_size = 30", "BEGIN", setNumber("1"))
	writer.kill()
	journal, err := os.OpenFile(file+"-journal", os.O_WRONLY, 0)
	mactest.NoError(t, err)
	defer journal.Close()
	const pages = 16 // where the header has the number of pages before the transaction
	_, err = journal.WriteAt([]byte{0x7f, 0xff, 0xff, 0xff}, pages)
	mactest.NoError(t, err)
	_, source := readPolicyOf(t, m)
	if source.State != probe.Damaged {
		t.Errorf("got %+v, want damaged", source)
	}
}

func TestDatabaseReadAt(t *testing.T) {
	m, _ := newPolicy(t, mactest.AppleSchema...)
	now := time.Date(2026, 5, 6, 7, 50, 0, 0, time.FixedZone("", 2*3600))
	policy, source := ReadDatabase(t.Context(), m, now)
	if source.State != probe.OK || !policy.ReadAt.Equal(now) || policy.ReadAt.Location() != time.UTC {
		t.Errorf("got %+v, %+v", policy, source)
	}
}

// FuzzReadDatabase replaces the three files by any content.
func FuzzReadDatabase(f *testing.F) {
	file := filepath.Join(f.TempDir(), "KextPolicy")
	mactest.FillDatabase(f, file, append(append([]string{"PRAGMA page_size = 512"}, mactest.ApplePolicy("WAL")...), mactest.BlockedRow)...)
	database, err := os.ReadFile(file)
	mactest.NoError(f, err)
	db, err := sql.Open("sqlite", file)
	mactest.NoError(f, err)
	defer db.Close()
	_, err = db.Exec(`UPDATE kext_policy SET allowed = 1`)
	mactest.NoError(f, err)
	wal, err := os.ReadFile(file + "-wal")
	mactest.NoError(f, err)
	f.Add(database, wal, []byte(nil))
	f.Add(database, []byte(nil), []byte(journalMagic+"\x00\x00\x00\x01"))
	f.Add(database[:700], wal, []byte(journalMagic))
	f.Add([]byte("SQLite format 3\x00"), []byte("7"), []byte("x"))
	f.Add([]byte(nil), wal, []byte(nil))

	m, file := emptyMac(f)
	hostile.FuzzReaders(f, 2, func(t *testing.T, database, wal, journal []byte) {
		mactest.NoError(t, os.WriteFile(file, database, 0o600))
		for ending, data := range map[string][]byte{"-wal": wal, "-journal": journal} {
			if len(data) > 0 {
				mactest.NoError(t, os.WriteFile(file+ending, data, 0o600))
			} else {
				mactest.NoError(t, os.RemoveAll(file+ending))
			}
		}
		policy, source := ReadDatabase(t.Context(), m, time.Now())
		wantConsistent(t, policy, source)
		Inspect(t.Context(), m, []string{`SELECT name FROM sqlite_schema`})
		wantNoCopy(t)
		if policy == nil {
			return
		}
		if len(policy.Rows) > probe.MaxRows || len(policy.MDM) > probe.MaxRows || len(policy.History) > probe.MaxRows {
			t.Errorf("%d, %d, %d rows", len(policy.Rows), len(policy.MDM), len(policy.History))
		}
		for _, r := range policy.Rows {
			for _, text := range []string{r.TeamID, r.BundleID, r.Developer} {
				if !utf8.ValidString(text) || len(text) > 3*probe.MaxText { // a bad byte becomes three
					t.Errorf("text %q", text)
				}
			}
		}
	})
}

// overwrite replaces the beginning of a file.
func overwrite(t *testing.T, path, data string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(data); err != nil {
		t.Fatal(err)
	}
}

// SQLite says "interrupted" when the time is over. The reason is then the end of the time.
// Rows that came in the last moment count, and another error stays what it is.
func TestTheReasonOfAnInterruptedRead(t *testing.T) {
	m, _ := newPolicy(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	damaged := errors.New("damaged")
	for _, tc := range []struct {
		name  string
		ended bool
		err   error
		want  error
	}{
		{"interrupted", true, errors.New("interrupted"), context.Canceled},
		{"rows in the last moment", true, nil, nil},
		{"another error", false, damaged, damaged},
		{"rows", false, nil, nil},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := withCopy(ctx, m, func(context.Context, databaseCopy) error {
			if tc.ended {
				cancel()
			}
			return tc.err
		})
		if err != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}
