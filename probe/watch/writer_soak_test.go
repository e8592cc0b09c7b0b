//go:build soak && linux

package watch

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/soak"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

// The live writer is a process of its own, because SQLite's locks belong to a process:
// the test binary, with this variable as its arguments.
const liveWriter = "KEXTWATCH_SOAK_WRITER"

func init() {
	args := strings.Fields(os.Getenv(liveWriter))
	if len(args) == 0 {
		return
	}
	w := writer{journal: args[1], file: strings.Join(args[5:], " ")}
	var numbers [3]uint64
	for i := range numbers {
		numbers[i], _ = strconv.ParseUint(args[2+i], 10, 64)
	}
	w.rng = rand.New(rand.NewPCG(numbers[0], numbers[1]))
	if err := w.write(int64(numbers[1]), int64(numbers[2])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// writer commits like syspolicyd, but thousands of times. In the commit with number n,
// the developer name of each row of TEAM begins with n, on several pages. So a mix of
// two states has a row with another number.
type writer struct {
	journal, file string
	rng           *rand.Rand
	db            *sql.DB
}

const (
	steadyRows = 20
	newWindow  = 250    // commits from one window to the next one
	windowLife = 10_000 // commits after which a window ends: some seconds instead of 30 minutes
)

func (w *writer) open() (err error) {
	w.db, err = sql.Open("sqlite", w.file+"?_pragma=synchronous(off)&_pragma=cache_size(5)&_pragma=journal_mode("+w.journal+")")
	if err == nil {
		w.db.SetMaxOpenConns(1)
	}
	return err
}

// write commits the numbers after n, up to last. It says so on standard output.
func (w *writer) write(n, last int64) error {
	if err := w.open(); err != nil {
		return err
	}
	for n < last {
		for range 1 + w.rng.IntN(100) {
			if n == last {
				break
			}
			n++
			statements := []string{fmt.Sprintf(`UPDATE kext_policy SET developer_name = %d || substr(developer_name, instr(developer_name, ' ')) WHERE team_id = 'TEAM'`, n)}
			if n%newWindow == 0 {
				statements = append(statements, fmt.Sprintf(`INSERT OR REPLACE INTO kext_policy VALUES ('WINDOW', '%d', 0, '', 0)`, n),
					fmt.Sprintf(`DELETE FROM kext_policy WHERE team_id = 'WINDOW' AND CAST(bundle_id AS INTEGER) < %d`, n-windowLife))
			}
			tx, err := w.db.Begin()
			if err != nil {
				return err
			}
			for _, s := range statements {
				if _, err := tx.Exec(s); err != nil {
					return err
				}
			}
			if w.rng.IntN(2000) == 0 {
				fmt.Println("killed")
				syscall.Kill(os.Getpid(), syscall.SIGKILL) // in the middle of a transaction
			}
			if err := tx.Commit(); err != nil {
				return err
			}
			fmt.Println(n)
		}
		if err := w.maintain(); err != nil {
			return err
		}
		time.Sleep(time.Duration(w.rng.IntN(20)) * time.Millisecond)
	}
	return w.db.Close()
}

// maintain sometimes does what changes the files without a new row.
func (w *writer) maintain() error {
	what := map[int]string{
		0: "PRAGMA wal_checkpoint(PASSIVE)", 1: "PRAGMA wal_checkpoint(RESTART)", 2: "PRAGMA wal_checkpoint(TRUNCATE)", 3: "VACUUM",
	}[w.rng.IntN(40)]
	switch {
	case what != "":
		fmt.Println("maintained")
		_, err := w.db.Exec(what)
		return err
	case w.rng.IntN(40) > 0:
		return nil
	}
	fmt.Println("replaced")
	os.Remove(w.file + ".new")
	_, err := w.db.Exec(`VACUUM INTO '` + w.file + `.new'`)
	return errors.Join(err, w.db.Close(), os.Rename(w.file+".new", w.file), w.open())
}

// live is what the test knows of the writer.
type live struct {
	committed                    atomic.Int64
	killed, maintained, replaced int
}

// run runs the writer up to the commit with number last. A killed one is started again.
func (l *live) run(ctx context.Context, journal, file string, seed uint64, last int64) error {
	for l.committed.Load() < last {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=- %s %d %d %d %s", liveWriter, journal, seed+uint64(l.killed), l.committed.Load(), last, file))
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		killed := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			switch line := lines.Text(); line {
			case "killed":
				l.killed++
				killed = true
			case "maintained":
				l.maintained++
			case "replaced":
				l.replaced++
			default:
				n, _ := strconv.ParseInt(line, 10, 64)
				l.committed.Store(n)
			}
		}
		if err := cmd.Wait(); err != nil && !killed {
			return fmt.Errorf("the writer: %w", err)
		}
	}
	return nil
}

// A reader that follows the hints reads beside a process that commits all the time. It
// never reads a mix of two states or an old one, and sees each window.
func TestSoakLiveWriter(t *testing.T) {
	rng := soak.Random(t)
	for _, mode := range []struct {
		journal     string
		short, long int
	}{
		{"WAL", 1500, 50_000}, {"DELETE", 1500, 50_000}, {"TRUNCATE", 500, 10_000}, {"PERSIST", 500, 10_000},
	} {
		seed, commits := rng.Uint64N(1<<32), int64(soak.Count(mode.short, mode.long))
		t.Run(mode.journal, func(t *testing.T) { readBeside(t, mode.journal, seed, commits) })
	}
}

func readBeside(t *testing.T, journal string, seed uint64, commits int64) {
	m := root.FS{Root: t.TempDir()}
	file := filepath.Join(m.Root, probe.KextPolicy)
	mactest.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	mactest.FillDatabase(t, file, mactest.ApplePolicy(journal, fmt.Sprintf(`WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %d)
		INSERT INTO kext_policy SELECT 'TEAM', 'com.example.kext' || n, 1, '0 ' || hex(randomblob(500)), 0 FROM i`, steadyRows))...)
	ctx, cancel := context.WithCancel(t.Context())
	watcher := New(ctx, m)
	var l live
	over := make(chan error, 1)
	var writing sync.WaitGroup
	writing.Go(func() { over <- l.run(ctx, journal, file, seed, commits) })
	defer func() {
		cancel()
		writing.Wait()
		for range watcher.Hints() {
		}
	}()
	reads, busy := 0, 0
	seen := map[string]bool{}
	read := func(hinted bool) (state int64) {
		before := l.committed.Load()
		p, source := policy.ReadDatabase(t.Context(), m, time.Now())
		reads++
		switch {
		case source.State == probe.Busy:
			busy++
			return 0
		case source.State != probe.OK:
			t.Fatalf("after commit %d: %+v", before, source)
		}
		steady := 0
		for _, r := range p.Rows {
			if r.TeamID != "TEAM" {
				seen[r.BundleID] = seen[r.BundleID] || hinted
				continue
			}
			number, _, _ := strings.Cut(r.Developer, " ")
			n, err := strconv.ParseInt(number, 10, 64)
			mactest.NoError(t, err)
			if steady == 0 {
				state = n
			} else if n != state {
				t.Fatalf("torn: a row of commit %d beside one of %d", n, state)
			}
			steady++
		}
		if steady != steadyRows || state < before {
			t.Fatalf("%d rows of commit %d, after commit %d", steady, state, before)
		}
		return state
	}
	for running := true; running; {
		select {
		case <-watcher.Hints():
			read(true)
		case <-time.After(2 * time.Millisecond):
			read(false)
		case err := <-over:
			mactest.NoError(t, err)
			running = false
		}
	}
	last := int64(-1)
	mactest.Eventually(t, "the last commit is read after a hint", func() bool {
		select {
		case <-watcher.Hints():
			last = read(true)
		default:
		}
		return last == commits
	})
	for n := int64(newWindow); n <= commits; n += newWindow {
		if !seen[strconv.FormatInt(n, 10)] {
			t.Errorf("the window of commit %d was never seen", n)
		}
	}
	soak.Row{Part: "A live writer of the policy database", Fault: fmt.Sprintf("%s: %d checkpoints or VACUUM, %d replaced, %d writers killed", journal, l.maintained, l.replaced, l.killed),
		Tried: int(commits), Happened: fmt.Sprintf("%d reads, none torn or old; %d found the files busy. Each of the %d windows was seen.", reads, busy, commits/newWindow)}.Record(t)
}
