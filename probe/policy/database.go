package policy

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// DatabaseLimit is the time one read may take; it takes a few milliseconds.
const DatabaseLimit = 5 * time.Second

const freeSpace = "free some space on the disk"

// ReadDatabase reads Apple's policy database. syspolicyd may be writing to it
// at any moment and nobody may disturb it, so it is copied into a private
// folder within temp (empty: the system's), and only the copy is opened. now
// becomes the time of reading. The policy is nil unless the state is probe.OK.
func ReadDatabase(ctx context.Context, m root.FS, temp string, now time.Time) (*probe.Policy, probe.Source) {
	policy, err := readCopied(ctx, m, temp)
	if err != nil {
		return nil, DatabaseProblem(err)
	}
	policy.Source = probe.Database
	policy.ReadAt = now.UTC()
	return policy, probe.Source{Name: probe.Database, State: probe.OK}
}

func readCopied(ctx context.Context, m root.FS, temp string) (*probe.Policy, error) {
	ctx, cancel := context.WithTimeout(ctx, DatabaseLimit)
	defer cancel()
	dir, err := os.MkdirTemp(temp, CopyFolder) // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file, err := CopyDatabase(ctx, m, dir)
	if err != nil {
		return nil, err
	}
	policy, err := readRows(ctx, file)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err() // SQLite says "interrupted"
	}
	return policy, err
}

// DatabaseProblem says what an error means and what a person can do about it.
func DatabaseProblem(err error) probe.Source {
	state, reason, next := judgeDatabase(err)
	return probe.Source{Name: probe.Database, State: state, Reason: probe.Printable(probe.KextPolicy + " " + reason), Next: next}
}

func judgeDatabase(err error) (state probe.SourceState, reason, next string) {
	const restart = "restart the Mac and look again; only macOS may repair this file"
	var original originalError
	onOriginal := errors.As(err, &original)
	switch {
	case onOriginal && root.NotExist(err):
		return probe.Absent, "does not exist", "make sure that this is the disk of a Mac with macOS 10.13 or later"
	case onOriginal && errors.Is(err, syscall.EPERM): // not the file's mode: that is EACCES
		return probe.Denied, "is closed by macOS's privacy protection",
			"run `sudo kextwatch status` in a terminal that has Full Disk Access (System Settings; System Preferences up to macOS 12)"
	case onOriginal && errors.Is(err, fs.ErrPermission):
		return probe.Denied, "can be read by root only", "run `sudo kextwatch status`"
	case !onOriginal && DiskFull(err):
		return probe.Failed, "could not be copied, because the disk is full: " + err.Error(), freeSpace
	case errors.Is(err, errNeverQuiet):
		return probe.Busy, err.Error(), "look again in a moment"
	case sqliteCode(err) == sqlite3.SQLITE_CORRUPT, errors.Is(err, errStructure):
		return probe.Damaged, "is damaged: " + err.Error(), restart
	case sqliteCode(err) == sqlite3.SQLITE_NOTADB:
		return probe.NotADatabase, "is not a database", restart
	case errors.Is(err, errEmptyFile):
		return probe.UnknownSchema, err.Error(), restart
	case errors.Is(err, errUnknownSchema):
		return probe.UnknownSchema, err.Error(), "look for a newer kextwatch that knows this macOS"
	case errors.Is(err, context.DeadlineExceeded):
		return probe.Timeout, "could not be read in time", "look again when the Mac is less busy"
	}
	return probe.Failed, "could not be read: " + err.Error(), "look again; if it stays, ask for help with this message"
}

// sqliteCode is the primary result code of SQLite; 0 for any other error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff // an extended code only says more precisely where
}
