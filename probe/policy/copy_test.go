package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

const parallels = "com.parallels.kext.hypervisor" // the bundle ID in mactest.BlockedRow

func TestReadsAnIdleDatabase(t *testing.T) {
	for _, journal := range journalModes {
		t.Run(journal, func(t *testing.T) {
			m, _ := newPolicy(t, mactest.ApplePolicy(journal, mactest.BlockedRow)...)
			wantBundles(t, m, parallels)
		})
	}
}

// syspolicyd keeps its connection open, so the newest rows are in the -wal.
func TestReadsWhileAWriterIsConnected(t *testing.T) {
	for _, journal := range journalModes {
		t.Run(journal, func(t *testing.T) {
			m, file := newPolicy(t, mactest.ApplePolicy(journal)...)
			startDatabaseChild(t, "shell "+file).sql(mactest.BlockedRow)
			wantBundles(t, m, parallels)
		})
	}
}

func TestReadsPastALock(t *testing.T) {
	for _, journal := range journalModes {
		t.Run(journal, func(t *testing.T) {
			m, file := newPolicy(t, mactest.ApplePolicy(journal, mactest.BlockedRow)...)
			startDatabaseChild(t, "shell "+file).sql("BEGIN EXCLUSIVE", "DELETE FROM kext_policy")
			wantBundles(t, m, parallels)
		})
	}
}

// With an exclusive lock, SQLite keeps the index of the -wal in memory.
func TestReadsAWALWithoutItsIndex(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("WAL")...)
	startDatabaseChild(t, "shell "+file).sql("PRAGMA locking_mode = EXCLUSIVE", mactest.BlockedRow)
	if _, err := os.Stat(file + "-shm"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the story is wrong: -shm: %v", err)
	}
	wantBundles(t, m, parallels)
}

func TestReadsAfterAWriterWasKilled(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("WAL")...)
	writer := startDatabaseChild(t, "shell "+file)
	writer.sql(mactest.BlockedRow)
	writer.kill()
	mactest.NoError(t, os.Remove(file+"-shm"))
	wantBundles(t, m, parallels)
}

// SQLite writes a transaction that does not fit into its cache to the disk before
// the commit. A reader must never see it.
func TestOnlyCommittedRowsCount(t *testing.T) {
	for _, journal := range journalModes {
		for _, end := range []string{"alive", "killed"} {
			t.Run(journal+" "+end, func(t *testing.T) {
				m, file := newPolicy(t, mactest.ApplePolicy(journal, paddedRows(100))...)
				committed, err := os.ReadFile(file)
				mactest.NoError(t, err)
				writer := startDatabaseChild(t, "shell "+file)
				writer.sql("PRAGMA cache_size = 30", "BEGIN", setNumber("1"))
				if end == "killed" {
					writer.kill()
				}
				written, err := os.ReadFile(file)
				mactest.NoError(t, err)
				if wal, err := os.Stat(file + "-wal"); bytes.Equal(written, committed) && (err != nil || wal.Size() == 0) {
					t.Fatal("the story is wrong: nothing was written yet")
				}
				policy, source := readPolicyOf(t, m)
				if source.State != probe.OK || len(policy.Rows) != 100 {
					t.Fatalf("got %+v with %+v", policy, source)
				}
				for _, r := range policy.Rows {
					if numberOf(t, r) != 0 {
						t.Fatalf("an uncommitted row: %+v", r)
					}
				}
			})
		}
	}
}

// A journal that names another file must not make SQLite open that file.
func TestRefusesAJournalOfSeveralDatabases(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("DELETE", paddedRows(100))...)
	writer := startDatabaseChild(t, "shell "+file)
	other := filepath.Join(t.TempDir(), "other")
	writer.sql("ATTACH '"+other+"' AS other", "CREATE TABLE other.x (y)", "PRAGMA cache_size = 30", "BEGIN", setNumber("1"))
	writer.kill()
	journal, err := os.ReadFile(file + "-journal")
	mactest.NoError(t, err)
	name := other + "-mj0123456789"
	end := append([]byte(name), 0, 0, 0, byte(len(name)), 0, 0, 0, 0)
	mactest.NoError(t, os.WriteFile(file+"-journal", append(append(journal, end...), journalMagic...), 0o600))
	_, source := readPolicyOf(t, m)
	if source.State != probe.Failed || !strings.Contains(source.Reason, "several databases") {
		t.Errorf("got %+v", source)
	}
}

func TestReadsAReplacedDatabase(t *testing.T) {
	m, file := newPolicy(t, mactest.AppleSchema...)
	wantBundles(t, m)
	mactest.FillDatabase(t, file+".new", append(mactest.AppleSchema, mactest.BlockedRow)...)
	mactest.NoError(t, os.Rename(file+".new", file))
	wantBundles(t, m, parallels)
}

// SQLite ignores a -wal of another database.
func TestIgnoresTheWALOfAnotherDatabase(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	mactest.NoError(t, os.WriteFile(file+"-wal", bytes.Repeat([]byte("stray"), 1000), 0o600))
	wantBundles(t, m, parallels)
}

func TestLinksResolveBeneathRoot(t *testing.T) {
	t.Run("KextPolicy", func(t *testing.T) {
		m, file := newPolicy(t, mactest.ApplePolicy("WAL")...)
		startDatabaseChild(t, "shell "+file).sql(mactest.BlockedRow)
		mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, "elsewhere"), 0o755))
		for _, ending := range []string{"", "-wal"} {
			mactest.NoError(t, os.Rename(file+ending, filepath.Join(m.Root, "elsewhere/real"+ending)))
		}
		mactest.NoError(t, os.Symlink("/elsewhere/real", file))
		wantBundles(t, m, parallels)
	})
	t.Run("KextPolicy-wal", func(t *testing.T) {
		m, file := newPolicy(t, mactest.ApplePolicy("WAL", mactest.BlockedRow)...)
		outside := filepath.Join(t.TempDir(), "outside") // on this machine, not on the Mac
		mactest.NoError(t, os.WriteFile(outside, nil, 0o600))
		mactest.NoError(t, os.Truncate(outside, copyLimit+1))
		mactest.NoError(t, os.Symlink(outside, file+"-wal"))
		wantBundles(t, m, parallels)
	})
}

// A file that changes constantly is busy: an unverified copy is not used.
func TestBusyDatabase(t *testing.T) {
	m, file := newPolicy(t, mactest.AppleSchema...)
	rest := mactest.NeverRests(t, file)
	// On a loaded machine the writer itself may have to wait, and a read succeeds.
	policy, source := ReadDatabase(t.Context(), m, time.Now())
	for try := 1; try < 10 && source.State == probe.OK; try++ {
		policy, source = ReadDatabase(t.Context(), m, time.Now())
	}
	rest()
	if source.State != probe.Busy {
		t.Errorf("got %+v", source)
	}
	wantConsistent(t, policy, source)
	wantNoCopy(t)
	wantBundles(t, m)
}

// A change during the first try is not the end: the copy is read as soon as the file rests.
func TestReadsOnceTheDatabaseRests(t *testing.T) {
	m, file := newPolicy(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	rest := mactest.NeverRests(t, file)
	var resting sync.WaitGroup
	defer resting.Wait()
	resting.Go(func() {
		time.Sleep(100 * time.Millisecond)
		rest()
	})
	// While the file changes, a copy succeeds only by chance: the writer had to wait.
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		if policy, source := ReadDatabase(t.Context(), m, time.Now()); source.State != probe.OK || len(policy.Rows) != 1 {
			t.Fatalf("got %+v with %+v", policy, source)
		}
	}
}

// The largest file that is read, and one byte more.
func TestLargestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "KextPolicy")
	mactest.NoError(t, os.WriteFile(path, nil, 0o600))
	for _, tc := range []struct {
		size int64
		want error
	}{{copyLimit, nil}, {copyLimit + 1, errTooLarge}} {
		mactest.NoError(t, os.Truncate(path, tc.size))
		o, err := openOriginal(path)
		o.close()
		if !errors.Is(err, tc.want) {
			t.Errorf("%d bytes: %v, want %v", tc.size, err, tc.want)
		}
	}
}

// A closed file cannot be read any more: the agent reads the database for months.
func TestOriginalIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "KextPolicy")
	mactest.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	o, err := openOriginal(path)
	mactest.NoError(t, err)
	o.close()
	if _, err := o.read(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is still open: %v", err)
	}
}

// Each committed state of this database has the sum 0. A copy that mixes two
// states usually has another sum, and SQLite would read it without an error.
func TestNoTornCopy(t *testing.T) {
	for _, journal := range []string{"WAL", "DELETE"} {
		t.Run(journal+", never resting", func(t *testing.T) {
			readBesideChurn(t, journal, 0, 700*time.Millisecond, 1000)
		})
		t.Run(journal+", 20 a second", func(t *testing.T) {
			if seen := readBesideChurn(t, journal, 50*time.Millisecond, time.Minute, 10); seen < 10 {
				t.Errorf("only %d states were seen", seen)
			}
		})
	}
}

// readBesideChurn reads until it has seen enough states of the database or the
// time is over, and returns how many it has seen.
func readBesideChurn(t *testing.T, journal string, pause, limit time.Duration, enough int) int {
	m, file := newPolicy(t, mactest.ApplePolicy(journal, paddedRows(100))...)
	startDatabaseChild(t, fmt.Sprintf("churn %v %s", pause, file)).line()
	seen := map[int64]bool{}
	accepted, busy := 0, 0
	for start := time.Now(); time.Since(start) < limit && len(seen) < enough; {
		policy, source := ReadDatabase(t.Context(), m, time.Now())
		if source.State == probe.Busy {
			busy++
			continue
		}
		if source.State != probe.OK || len(policy.Rows) != 100 {
			t.Fatalf("got %+v with %+v", policy, source)
		}
		var sum int64
		for _, r := range policy.Rows {
			sum += numberOf(t, r)
		}
		if sum != 0 {
			t.Fatalf("torn: the sum is %d", sum)
		}
		seen[numberOf(t, policy.Rows[0])] = true
		accepted++
	}
	t.Logf("%d busy, %d accepted, %d states", busy, accepted, len(seen))
	return len(seen)
}

// Each compared property detects a change that the others miss.
func TestUnchanged(t *testing.T) {
	tests := []struct {
		name   string
		change func(path string, was fs.FileInfo) error
		want   bool
	}{
		{"nothing", func(string, fs.FileInfo) error { return nil }, true},
		{"only read", func(path string, _ fs.FileInfo) error { _, err := os.ReadFile(path); return err }, true},
		{"removed", func(path string, _ fs.FileInfo) error { return os.Remove(path) }, false},
		{"time", func(path string, was fs.FileInfo) error {
			return os.Chtimes(path, was.ModTime(), was.ModTime().Add(1))
		}, false},
		{"size", func(path string, was fs.FileInfo) error {
			return errors.Join(os.Truncate(path, was.Size()-1), os.Chtimes(path, was.ModTime(), was.ModTime()))
		}, false},
		{"header", func(path string, was fs.FileInfo) error {
			header := bytes.Repeat([]byte("y"), int(was.Size()))
			return errors.Join(os.WriteFile(path, header, 0), os.Chtimes(path, was.ModTime(), was.ModTime()))
		}, false},
		{"replaced", func(path string, was fs.FileInfo) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path+".new", data, 0o600),
				os.Chtimes(path+".new", was.ModTime(), was.ModTime()), os.Rename(path+".new", path))
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "KextPolicy")
			mactest.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 200), 0o600))
			o, err := openOriginal(path)
			mactest.NoError(t, err)
			defer o.close()
			mactest.NoError(t, tt.change(path, o.info))
			if got := o.unchanged(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("appeared", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "KextPolicy-wal")
		o, err := openOriginal(path)
		if !errors.Is(err, fs.ErrNotExist) || !o.unchanged() {
			t.Fatalf("got %+v, %v", o, err)
		}
		mactest.NoError(t, os.WriteFile(path, nil, 0o600))
		if o.unchanged() {
			t.Error("a new file was missed")
		}
	})
}
