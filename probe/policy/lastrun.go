package policy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// ReaderLastRun is the reader's sign of life: its time of change is the time of
// the last run, its content is how that run ended.
//
// It is a file of its own because policy.plist may not be replaceable, as on a
// full disk. It has a fixed size and is overwritten in place, which needs no
// new block. It lies in a folder of its own because an agent watches the one
// above: a change there every five minutes would wake each agent.
//
// Nobody but root can write to the folders on the way, so between the check of
// the path and its use nobody can plant a link. Everybody can read it.

// lastRunSize is the size of the file in bytes: an outcome, spaces, a line end.
const lastRunSize = 16

// runOutcome is how a run of the reader ended.
type runOutcome string

const (
	runPublished runOutcome = "published" // what is published is true, rows or failure
	runDiskFull  runOutcome = "disk-full" // it could not write; what is published may be old
	runFailed    runOutcome = "failed"    // the same, for another reason
)

func outcomeOf(err error) runOutcome {
	switch {
	case err == nil:
		return runPublished
	case DiskFull(err):
		return runDiskFull
	}
	return runFailed
}

// ReadLastRun is what the reader recorded of its last run.
type lastRun struct {
	At      time.Time
	outcome runOutcome
}

// recordRun records a run. Like Publish, of which it is a part, it must
// not be called where others than the owner of Root may write.
func recordRun(m root.FS, now time.Time, outcome runOutcome) error {
	if err := m.Guarded(probe.ReaderLastRun); err != nil {
		return err
	}
	p := filepath.Join(m.Root, probe.ReaderLastRun)
	if err := openFolder(filepath.Dir(p)); err != nil {
		return err
	}
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, publishedPerm)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &root.Untrusted{What: p + " is not a file", Next: "move it away"}
	}
	if info.Mode().Perm() != publishedPerm { // umask
		err = f.Chmod(publishedPerm)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%-*s\n", lastRunSize-1, outcome)
	}
	if DiskFull(err) {
		// Some file systems never overwrite in place. An empty file says that
		// there was no room; to shorten a file takes none.
		err = f.Truncate(0)
	}
	if err != nil {
		return err
	}
	return os.Chtimes(p, now, now)
}

// ReadLastRun reads what the reader recorded. Where nothing is recorded the reader
// is an earlier one, which did not do this.
func ReadLastRun(m root.FS) (lastRun, error) {
	data, info, err := m.ReadGuarded(probe.ReaderLastRun, lastRunSize)
	if err != nil {
		return lastRun{}, err
	}
	run := lastRun{info.ModTime().UTC(), runOutcome(bytes.TrimSpace(data))}
	switch run.outcome {
	case runPublished, runDiskFull:
	case "":
		run.outcome = runDiskFull
	default:
		run.outcome = runFailed
	}
	return run, nil
}

// DiskFull reports whether an error means that there is no room for a file.
func DiskFull(err error) bool {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return true
		}
	}
	return sqliteCode(err) == sqlite3.SQLITE_FULL
}
