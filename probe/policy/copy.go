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
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	copyLimit  = 64 << 20 // bytes of each file; about 800 KB were seen on macOS 11
	copyTries  = 20
	copyPause  = 3 * time.Millisecond // between two tries
	copyPeriod = time.Second          // no new try after this time

	copyFolder = "kextwatch-policy-*"
	copyLife   = time.Minute // much longer than one read may take

	// headerSize is the number of bytes at the start of each file that are
	// compared. They contain the whole header of a database (100 bytes), of a
	// WAL (32) and of a journal (28).
	headerSize = 100
)

var (
	errChanged      = errors.New("changed while it was copied")
	errNeverQuiet   = errors.New("kept changing while it was copied")
	errTooLarge     = fmt.Errorf("larger than %d MiB", copyLimit>>20)
	errSuperJournal = errors.New("a transaction across several databases was interrupted")
)

// originalError is an error on Apple's files, not on the copy of them.
type originalError struct{ error }

func (e originalError) Unwrap() error { return e.error }

// SweepCopies removes the copies of the policy that a killed process left in the
// folder temp (empty: the temporary folder of the system). A copy younger than a
// minute may be in use and stays.
func SweepCopies(temp string) {
	if temp == "" {
		temp = os.TempDir()
	}
	root.SweepFolders(temp, copyFolder, copyLife)
}

// copyDatabase copies probe.KextPolicyFiles into dir and returns the path of the
// copied database. It neither locks nor writes Apple's files. A copy is valid
// only if every file, present or missing, was the same before the first and
// after the last byte was copied: any other copy can show wrong rows without an
// error.
//
// It copies the database first. What a checkpoint moves into the database
// meanwhile is still in the -wal, and the -journal undoes what a transaction
// writes into it.
func copyDatabase(ctx context.Context, m root.FS, dir string) (string, error) {
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

// tryCopy copies the files once. It returns errChanged if they changed meanwhile.
func tryCopy(ctx context.Context, m root.FS, from, to string) error {
	var files [len(probe.KextPolicyFiles)]original
	defer func() {
		for _, f := range files {
			f.close()
		}
	}()
	for i := range files {
		ending := policyEnding(i)
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
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.copyTo(to + policyEnding(i)); err != nil {
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

// policyEnding returns what SQLite appends to the path of the database: "",
// "-wal" or "-journal".
func policyEnding(i int) string {
	return strings.TrimPrefix(probe.KextPolicyFiles[i], probe.KextPolicy)
}

// beside returns the path at which SQLite keeps a side file of the database at
// path. If a link is there, it is resolved beneath Root too.
func beside(m root.FS, path, ending string) (string, error) {
	rel, err := filepath.Rel(m.Root, path+ending)
	if err != nil {
		return "", err
	}
	return m.Resolve("/" + rel)
}

// original is one of Apple's files as it was before the copy. file is nil if
// there was none.
type original struct {
	path   string
	file   *os.File
	info   fs.FileInfo
	header []byte
}

// openOriginal opens a regular file of at most copyLimit bytes. It always
// returns the path, even if there is no such file.
func openOriginal(path string) (original, error) {
	f, err := root.OpenRegular(path)
	if err != nil {
		return original{path: path}, err
	}
	o := original{path: path, file: f}
	if o.info, err = f.Stat(); err == nil {
		o.header, err = o.readHeader()
	}
	if err == nil && o.info.Size() > copyLimit {
		err = fmt.Errorf("%s: %w", path, errTooLarge)
	}
	if err != nil {
		f.Close()
		return original{path: path}, err
	}
	return o, nil
}

func (o original) readHeader() ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(o.file, 0, headerSize))
}

// copyTo copies as many bytes as the file had when it was opened, so a file that
// keeps growing does no harm. If there is no file, it removes the copy of an
// earlier try.
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

// unchanged reports whether path still leads to the same file, with the same
// size, modification time and header, or is still missing.
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

// journalMagic is at the end of a rollback journal that names a super-journal,
// the file that SQLite keeps for a transaction across several databases (section
// 3 of SQLite's file format).
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// refuseSuperJournal refuses a journal that names a super-journal. SQLite would
// open that file, on this machine and not beneath Root, to decide which rows are
// valid, and might delete it.
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
