package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	CopyLimit  = 64 << 20 // bytes of each file; about 800 KB were seen on macOS 11
	copyTries  = 20
	copyPause  = 3 * time.Millisecond
	copyPeriod = time.Second // no new try after that

	CopyFolder = "kextwatch-policy-*"
	copyLife   = time.Minute // far longer than one read may take

	// CopyHeader bytes of each file are compared. They hold all of a database
	// header (100 bytes), of a WAL header (32) and of a journal header (28).
	CopyHeader = 100
)

// kextPolicyFiles are the endings of the files that together hold the
// database, in the order in which they are copied. The database comes first:
// what a checkpoint moves into it meanwhile is still in the -wal, and what a
// transaction spills into it is undone by the -journal. The -shm is only an
// index of the -wal; SQLite makes a new one.
var kextPolicyFiles = [...]string{"", "-wal", "-journal"}

var (
	errChanged      = errors.New("changed while it was copied")
	errNeverQuiet   = errors.New("kept changing while it was copied")
	errTooLarge     = fmt.Errorf("larger than %d MiB", CopyLimit>>20)
	errSuperJournal = errors.New("a change of several databases at once was cut off")
)

// originalError is an error met on Apple's files, not on the copy of them.
type originalError struct{ error }

func (e originalError) Unwrap() error { return e.error }

// SweepCopies removes the copies of the policy that a killed process left in
// temp, the folder that was given for them; empty is the system's temporary
// folder. A copy younger than a minute may be in use and stays.
func SweepCopies(temp string) {
	if temp == "" {
		temp = os.TempDir()
	}
	entries, _ := os.ReadDir(temp)
	for _, e := range entries {
		if ours, _ := filepath.Match(CopyFolder, e.Name()); !ours || !e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > copyLife {
			os.RemoveAll(filepath.Join(temp, e.Name()))
		}
	}
}

// CopyDatabase copies the policy database with its -wal and -journal into dir
// and returns the path of the copy. Apple's files are neither locked nor
// written: a copy counts only if every file, present or absent, was the same
// before the first and after the last byte was copied. Anything less can show
// wrong rows without an error.
func CopyDatabase(ctx context.Context, m root.FS, dir string) (string, error) {
	from, err := m.Resolve(probe.KextPolicy)
	if err != nil {
		return "", originalError{err}
	}
	to := filepath.Join(dir, filepath.Base(probe.KextPolicy))
	start := time.Now()
	for range copyTries {
		err = tryCopy(ctx, m, from, to)
		if err == nil {
			return to, refuseSuperJournal(to + "-journal")
		}
		if !errors.Is(err, errChanged) {
			return "", err
		}
		if time.Since(start) > copyPeriod {
			break
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(copyPause):
		}
	}
	return "", errNeverQuiet
}

// tryCopy copies the files once; errChanged means that they moved meanwhile.
func tryCopy(ctx context.Context, m root.FS, from, to string) error {
	var files [len(kextPolicyFiles)]original
	defer func() {
		for _, f := range files {
			f.close()
		}
	}()
	for i, ending := range kextPolicyFiles {
		path, err := beside(m, from, ending)
		if err != nil {
			return originalError{err}
		}
		files[i], err = openOriginal(path)
		if ending != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return originalError{err}
		}
	}
	for i, ending := range kextPolicyFiles {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := files[i].copyTo(to + ending); err != nil {
			return err
		}
	}
	for _, f := range files {
		if !f.unchanged() {
			return errChanged
		}
	}
	return nil
}

// beside is where SQLite keeps a side file of the database at path. A link in
// its place resolves beneath Root, too.
func beside(m root.FS, path, ending string) (string, error) {
	rel, err := filepath.Rel(m.Root, path+ending)
	if err != nil {
		return "", err
	}
	return m.Resolve("/" + rel)
}

// original is one of Apple's files as it was before the copy; a nil file
// means that there was none.
type original struct {
	path   string
	file   *os.File
	info   fs.FileInfo
	header []byte
}

// openOriginal opens a regular file of at most CopyLimit bytes. Its path is
// known also when there is no such file.
func openOriginal(path string) (original, error) {
	f, err := root.OpenRegular(path)
	if err != nil {
		return original{path: path}, err
	}
	o := original{path: path, file: f}
	if o.info, err = f.Stat(); err == nil {
		o.header, err = o.readHeader()
	}
	if err == nil && o.info.Size() > CopyLimit {
		err = fmt.Errorf("%s: %w", path, errTooLarge)
	}
	if err != nil {
		f.Close()
		return original{path: path}, err
	}
	return o, nil
}

func (o original) readHeader() ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(o.file, 0, CopyHeader))
}

// copyTo copies as many bytes as the file had when it was opened, so one that
// grows for ever does no harm. Where there is no file, an earlier try's copy
// of one is removed.
func (o original) copyTo(path string) error {
	if o.file == nil {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, o.file, o.info.Size())
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == io.EOF {
		return errChanged
	}
	return err
}

// unchanged reports whether path still leads to the same file with the same
// size, time of change and header, or still to none.
func (o original) unchanged() bool {
	info, err := os.Stat(o.path)
	if o.file == nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if err != nil || !os.SameFile(info, o.info) ||
		info.Size() != o.info.Size() || !info.ModTime().Equal(o.info.ModTime()) {
		return false
	}
	header, err := o.readHeader()
	return err == nil && bytes.Equal(header, o.header)
}

func (o original) close() {
	if o.file != nil {
		o.file.Close()
	}
}

// journalMagic ends a rollback journal that names a super-journal, the file
// SQLite keeps for a change of several databases (SQLite's file format, 3).
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// refuseSuperJournal refuses a journal that names a super-journal: SQLite
// would look for that file, on this machine and not beneath Root, to decide
// which rows are right, and might delete it.
func refuseSuperJournal(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	end := make([]byte, len(journalMagic))
	if _, err := f.Seek(-int64(len(end)), io.SeekEnd); err != nil {
		return nil // shorter than the magic
	}
	if _, err := io.ReadFull(f, end); err != nil {
		return err
	}
	if string(end) == journalMagic {
		return errSuperJournal
	}
	return nil
}
