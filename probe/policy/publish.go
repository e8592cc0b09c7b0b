package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	publishedTemp = ".policy.plist.*"
)

// copyName is the folder of a copy of the database, another one each time: in
// a reason it would make every failure a new one.
var copyName = regexp.MustCompile(`kextwatch-policy-[0-9]+`)

// Published says what Publish found and did.
type Published struct {
	Source  probe.Source // how the database answered; OK also where it had not changed
	Written bool         // there is a new file
}

// Publish writes the policy to where every user may read it. Where the
// database is as it was at the last time, nothing is read but the published
// file, to see that it is whole. A database that cannot be read leaves the
// last rows as they are, with the reason beside them.
//
// Only the owner of Root may publish, and only where nobody else could change
// what lies there, or lead the writer elsewhere; then nothing is touched. An
// error means that nothing was published and the last file is as it was. Both
// ways the run is recorded, unless ctx ended it.
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
		err = fmt.Errorf("the run of the reader cannot be recorded: %w", recordErr)
	}
	return published, err
}

// publishTo publishes in file, at a place that is safe.
func publishTo(ctx context.Context, m root.FS, file string, now time.Time) (Published, error) {
	last, perm, err := loadPublication(m)
	if err != nil {
		last = publication{Format: publishedFormat} // none, or one to be replaced
	}
	whole := err == nil && perm == publishedPerm
	id, err := identifyDatabase(m)
	if err == nil && whole && last.stillHolds(id) {
		return Published{Source: probe.Source{Name: probe.Database, State: probe.OK}}, nil
	}
	sweepPublished(filepath.Dir(file))
	data, source := readToPublish(ctx, m, filepath.Dir(file), id, now)
	if err := ctx.Err(); err != nil {
		return Published{}, err
	}
	if source.State != probe.OK {
		if whole && last.failed(source) {
			return Published{Source: source}, nil // everybody knows already
		}
		last.Failure = &publishedFailure{now.UTC().Truncate(time.Second), source.State, source.Reason, source.Next}
		if data, err = last.encode(); err != nil {
			return Published{}, fmt.Errorf("the policy cannot be published: %w", err)
		}
	}
	if err := writePublished(file, data); err != nil {
		return Published{}, fmt.Errorf("the policy cannot be published: %w", err)
	}
	return Published{Source: source, Written: true}, nil
}

// readToPublish reads the database of which id was seen before, and returns
// the file that says so, unless the source has another state than OK. The copy
// is made in folder, beside the file: of this folder it is already known that
// nobody else can change it, which TMPDIR cannot promise to root.
func readToPublish(ctx context.Context, m root.FS, folder string, id databaseIdentity, now time.Time) ([]byte, probe.Source) {
	policy, source := ReadDatabase(ctx, m, folder, now)
	if policy == nil {
		source.Reason = copyName.ReplaceAllString(source.Reason, "kextwatch-policy")
		source.Next = readerNext(source)
		return nil, source
	}
	data, err := newPublication(id, *policy).encode()
	if err != nil {
		source.State = probe.Failed
		source.Reason = probe.Printable(probe.KextPolicy + " holds more than can be published: " + err.Error())
		source.Next = "run `sudo kextwatch status`, which reads it itself"
	}
	return data, source
}

// publishedPlace is the file to write, in its folder, where that is safe.
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
	// The folder above is part of every Mac: where it is missing, this is none.
	return file, openFolder(filepath.Dir(file))
}

// openFolder makes a folder that everybody may enter. One that is there and
// open is not touched, since agents watch it.
func openFolder(folder string) error {
	if err := os.Mkdir(folder, publishedFolder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(folder)
	if err == nil && info.Mode().Perm() != publishedFolder {
		err = os.Chmod(folder, publishedFolder) // a strict umask, or somebody closed it
	}
	return err
}

// readerNext is the way out of a failed read for the reader, which is root:
// what it may not read, macOS's privacy protection keeps from it.
func readerNext(source probe.Source) string {
	if source.Next == freeSpace {
		return freeSpace // to wait does not help
	}
	switch source.State {
	case probe.Denied:
		return "give " + probe.ReaderProgram + " Full Disk Access (System Settings > Privacy & Security; Security & Privacy up to macOS 12)"
	case probe.Busy, probe.Timeout, probe.Failed:
		return "wait for the next try of the reader, at most five minutes; run `sudo kextwatch status` if it stays"
	}
	return source.Next
}

// sweepPublished removes what a killed writer left in the folder.
func sweepPublished(folder string) {
	SweepCopies(folder)
	left, _ := filepath.Glob(filepath.Join(folder, publishedTemp))
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > copyLife {
			os.Remove(name)
		}
	}
}

// writePublished replaces the file in one go: there is never half of it.
func writePublished(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), publishedTemp) // follows no link
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(publishedPerm), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
