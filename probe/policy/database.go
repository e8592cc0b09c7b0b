// Package policy reads the kernel extension policy from Apple's database, and
// publishes it for ordinary users and reads what was published.
//
// It never opens, locks or writes Apple's files: it reads a verified copy. The
// rows that it publishes hold no paths in the homes of users. What was published
// is trusted only if nobody but the owner of Root can have written it, and only
// while the root reader runs.
//
// The tables and columns are those of macOS 10.13 to 26, as public reports and
// examples show them; Apple documents none of them. What SQLite guarantees about
// its files is from SQLite's own documentation.
package policy

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// databaseLimit is the time that one read may take. It usually takes a few
// milliseconds. A variable only for tests of full tables on a slow machine.
var databaseLimit = 5 * time.Second

const freeSpace = "free some space on the disk"

// ReadDatabase reads Apple's policy database. syspolicyd may write to it at any
// moment and must not be disturbed. So ReadDatabase copies it into memory, and opens
// only the copy. now becomes ReadAt. The policy is nil unless the state of the source
// is probe.OK.
func ReadDatabase(ctx context.Context, m root.FS, now time.Time) (*probe.Policy, probe.Source) {
	policy, err := readCopied(ctx, m)
	if err != nil {
		return nil, databaseProblem(err)
	}
	policy.Source = probe.Database
	policy.ReadAt = now.UTC()
	return policy, probe.Source{Name: probe.Database, State: probe.OK}
}

func readCopied(ctx context.Context, m root.FS) (policy *probe.Policy, err error) {
	err = withCopy(ctx, m, func(ctx context.Context, c databaseCopy) error {
		policy, err = readRows(ctx, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return policy, nil
}

// withCopy copies the database and calls read with the copy. Both together may take
// databaseLimit.
func withCopy(ctx context.Context, m root.FS, read func(ctx context.Context, c databaseCopy) error) error {
	ctx, cancel := context.WithTimeout(ctx, databaseLimit)
	defer cancel()
	c, err := copyDatabase(ctx, m)
	if err != nil {
		return err
	}
	if err = read(ctx, c); err != nil && ctx.Err() != nil {
		return ctx.Err() // SQLite says "interrupted"
	}
	return err
}

// databaseProblem returns the source for an error: its state, the reason, and
// what the user can do about it.
func databaseProblem(err error) probe.Source {
	state, reason, next := explainDatabase(err)
	return probe.Source{Name: probe.Database, State: state, Reason: probe.Printable(probe.KextPolicy + " " + reason), Next: next}
}

func explainDatabase(err error) (state probe.SourceState, reason, next string) {
	const restart = "restart the Mac and try again; only macOS may repair this file"
	var original originalError
	onOriginal := errors.As(err, &original)
	switch {
	case onOriginal && root.NotExist(err):
		return probe.Absent, "does not exist", "make sure that this is the disk of a Mac with macOS 10.13 or later"
	case onOriginal && errors.Is(err, syscall.EPERM): // the mode of the file would give EACCES
		return probe.Denied, "is blocked by the privacy protection of macOS",
			"run `sudo kextwatch status` in a terminal that has Full Disk Access (System Settings; System Preferences up to macOS 12)"
	case onOriginal && errors.Is(err, fs.ErrPermission):
		return probe.Denied, "can be read only by root", "run `sudo kextwatch status`"
	case errors.Is(err, errNeverQuiet):
		return probe.Busy, err.Error(), "try again in a moment"
	case sqliteCode(err) == sqlite3.SQLITE_CORRUPT, errors.Is(err, errStructure):
		return probe.Damaged, "is damaged: " + err.Error(), restart
	case sqliteCode(err) == sqlite3.SQLITE_NOTADB:
		return probe.NotADatabase, "is not a database", restart
	case errors.Is(err, errEmptyFile):
		return probe.UnknownSchema, err.Error(), restart
	case errors.Is(err, errUnknownSchema):
		return probe.UnknownSchema, err.Error(), "look for a newer kextwatch that supports this macOS"
	case errors.Is(err, context.DeadlineExceeded):
		return probe.Timeout, "could not be read in time", "try again when the Mac is less busy"
	}
	return probe.Failed, "could not be read: " + err.Error(), "try again; if this continues, report this message"
}

// sqliteCode returns the primary result code of SQLite; 0 for any other error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff // an extended code only adds details
}
