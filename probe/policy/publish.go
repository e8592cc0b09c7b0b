package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// temporaryLife is much longer than writing a file takes. An older temporary file is
// that of a killed process.
const temporaryLife = time.Minute

// Published is the result of Publish.
type Published struct {
	Source  probe.Source // the state of the database; OK if it had not changed
	Written bool         // a new file was written
}

// Publish writes the policy to probe.PublishedPolicy, which every user may read.
// If the database has not changed since the last time, Publish only reads the
// published file to check that it is intact. If the database cannot be read, the
// file keeps the last rows and gets the reason.
//
// Only the owner of Root may publish, and only if no other user could change the
// files or make the path lead elsewhere. Otherwise Publish touches nothing and
// returns fs.ErrPermission or a *root.Untrusted error. After any error the last
// file is unchanged. Publish records the run in probe.ReaderLastRun, also after
// an error, unless ctx ended it.
func Publish(ctx context.Context, m root.FS, now time.Time) (Published, error) {
	file, err := publishedPlace(m)
	if err != nil {
		return Published{}, err
	}
	published, err := publishTo(ctx, m, file, now)
	if ctx.Err() != nil {
		return published, err
	}
	if recordErr := recordRun(m, now, outcomeOf(err)); err == nil && recordErr != nil {
		err = fmt.Errorf("cannot record the run of the reader: %w", recordErr)
	}
	return published, err
}

// publishTo publishes to file, whose path was checked.
func publishTo(ctx context.Context, m root.FS, file string, now time.Time) (Published, error) {
	last, perm, err := loadPublication(m)
	if err != nil {
		last = publication{Format: publishedFormat} // not published yet, or it must be replaced
	}
	whole := err == nil && perm == publishedPerm
	id, err := identifyDatabase(m)
	if err == nil && whole && last.stillHolds(id) {
		return Published{Source: probe.Source{Name: probe.Database, State: probe.OK}}, nil
	}
	root.SweepTemporary(file, temporaryLife)
	data, source := readToPublish(ctx, m, id, now)
	if err := ctx.Err(); err != nil {
		return Published{}, err
	}
	if source.State != probe.OK {
		if whole && last.failed(source) {
			return Published{Source: source}, nil // this failure is already published
		}
		last.Failure = &publishedFailure{now.UTC().Truncate(time.Second), source.State, source.Reason, source.Next}
		if data, err = last.encode(); err != nil {
			return Published{}, fmt.Errorf("cannot publish the policy: %w", err)
		}
	}
	if err := root.WriteFile(file, data, publishedPerm); err != nil {
		return Published{}, fmt.Errorf("cannot publish the policy: %w", err)
	}
	return Published{Source: source, Written: true}, nil
}

// readToPublish reads the database, whose identity before was id, and returns
// the content of the file to publish. The content is valid only if the state of
// the source is probe.OK.
func readToPublish(ctx context.Context, m root.FS, id databaseIdentity, now time.Time) ([]byte, probe.Source) {
	policy, source := ReadDatabase(ctx, m, now)
	if policy == nil {
		source.Next = readerNext(source)
		return nil, source
	}
	data, err := newPublication(id, *policy).encode()
	if err != nil {
		source.State = probe.Failed
		source.Reason = probe.Printable(probe.KextPolicy + " holds more than can be published: " + err.Error())
		source.Next = "run `sudo kextwatch status`, which reads the database itself"
	}
	return data, source
}

// publishedPlace returns the path of the file to write, and creates its folder.
// It returns an error if writing there is not safe.
func publishedPlace(m root.FS) (string, error) {
	owner, err := m.Owner()
	if err != nil {
		return "", err
	}
	if os.Geteuid() != owner {
		return "", fmt.Errorf("only uid %d, the owner of %s, may publish the policy: %w", owner, m.Root, fs.ErrPermission)
	}
	if err := m.Guarded(probe.PublishedPolicy); err != nil {
		return "", err
	}
	file := filepath.Join(m.Root, probe.PublishedPolicy)
	if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
		return "", &root.Untrusted{What: file + " is not a file", Next: "move it away"}
	}
	// The folder above exists on every Mac. If it is missing, Root is not a Mac.
	return file, openFolder(filepath.Dir(file))
}

// openFolder creates a folder that every user may enter. It does not touch an
// existing folder with the right mode, because agents watch it.
func openFolder(folder string) error {
	if err := os.Mkdir(folder, publishedFolder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(folder)
	if err == nil && info.Mode().Perm() != publishedFolder {
		err = os.Chmod(folder, publishedFolder) // the umask was strict, or someone changed the mode
	}
	return err
}

// readerNext says what to do about a failed read of the reader. The reader is
// root, so only the privacy protection of macOS can deny it a file.
func readerNext(source probe.Source) string {
	switch source.State {
	case probe.Denied:
		return "give " + probe.ReaderProgram + " Full Disk Access (System Settings > Privacy & Security; Security & Privacy up to macOS 12)"
	case probe.Busy, probe.Timeout, probe.Failed:
		return "wait up to five minutes for the next run of the reader; if this continues, run `sudo kextwatch status`"
	}
	return source.Next
}
