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

// The file probe.ReaderLastRun shows that the reader works: its modification
// time is the time of the last run, its content is the outcome.
//
// It is separate from policy.plist because that file may not be replaceable, for
// example on a full disk. The reader overwrites it in place with a fixed size,
// which needs no new disk block. It is in a folder of its own because agents
// watch the folder above: a change there every five minutes would wake them.
//
// Only root can write to the folders of its path, so nobody can plant a link
// between the check of the path and its use. Every user can read it.

// lastRunSize is the size of the file in bytes: an outcome, spaces, a line end.
const lastRunSize = 16

// runOutcome is the outcome of a run of the reader.
type runOutcome string

const (
	runPublished runOutcome = "published" // the published file is current: it has the rows or the failure
	runDiskFull  runOutcome = "disk-full" // the reader could not write; the published file may be old
	runFailed    runOutcome = "failed"    // the same for another reason
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

// LastRun is the last run of the root reader.
type LastRun struct {
	At      time.Time
	outcome runOutcome
}

// recordRun records a run of Publish. The caller must be the owner of Root.
//
// An agent that may not stat the database learns from the published file alone
// that it changed. So a new outcome also changes the modification time of that
// file, which agents watch: no disk is too full for that.
func recordRun(m root.FS, now time.Time, outcome runOutcome) error {
	if err := m.Guarded(probe.ReaderLastRun); err != nil {
		return err
	}
	last, err := ReadLastRun(m)
	known := err == nil && last.outcome == outcome
	p := filepath.Join(m.Root, probe.ReaderLastRun)
	if err := openFolder(filepath.Dir(p)); err != nil {
		return err
	}
	failed := writeRun(p, now, outcome)
	if failed != nil {
		os.Remove(p) // no sign of life is better than an old one
		known = root.NotExist(err)
	}
	if !known {
		err = os.Chtimes(filepath.Join(m.Root, probe.PublishedPolicy), now, now)
		if failed == nil && !root.NotExist(err) {
			failed = err
		}
	}
	return failed
}

// names returns the number of names that a file has.
func names(info os.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }

// writeRun overwrites the file at p, or creates it.
func writeRun(p string, now time.Time, outcome runOutcome) error {
	// A user to whom the folder once belonged may have given another file this name, too.
	if info, err := os.Lstat(p); err == nil && info.Mode().IsRegular() && names(info) > 1 {
		if err := os.Remove(p); err != nil {
			return err
		}
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
	if there, err := os.Lstat(p); err != nil || !os.SameFile(info, there) || names(info) > 1 {
		return fmt.Errorf("%s was replaced while it was opened", p) // the next run tries again
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
		// Some file systems never overwrite in place. An empty file means that
		// the disk is full; truncating needs no space.
		err = f.Truncate(0)
	}
	if err != nil {
		return err
	}
	return os.Chtimes(p, now, now)
}

// ReadLastRun reads what the reader recorded about its last run. If there is no
// record, the error satisfies root.NotExist: the reader is not installed, or is
// an earlier version that records no runs. A *root.Untrusted error means that
// another user may have written the record.
func ReadLastRun(m root.FS) (LastRun, error) {
	data, info, err := m.ReadGuarded(probe.ReaderLastRun, lastRunSize)
	if err != nil {
		return LastRun{}, err
	}
	run := LastRun{info.ModTime().UTC(), runOutcome(bytes.TrimSpace(data))}
	switch run.outcome {
	case runPublished, runDiskFull:
	case "":
		run.outcome = runDiskFull
	default:
		run.outcome = runFailed
	}
	return run, nil
}

// DiskFull reports whether err means that a file could not be written because
// the disk, a quota or a file size limit is exhausted.
func DiskFull(err error) bool {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return true
		}
	}
	return sqliteCode(err) == sqlite3.SQLITE_FULL
}
