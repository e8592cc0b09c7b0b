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

// databaseCopy is the content of probe.KextPolicyFiles at one moment; nil: there was
// no such file.
type databaseCopy [len(probe.KextPolicyFiles)][]byte

// copyDatabase reads probe.KextPolicyFiles into memory. It neither locks nor writes
// Apple's files. A copy is valid only if every file, present or missing, was the same
// before the first and after the last byte was read: any other copy can show wrong
// rows without an error.
//
// It reads the database first. What a checkpoint moves into the database meanwhile is
// still in the -wal, and the -journal undoes what a transaction writes into it.
func copyDatabase(ctx context.Context, m root.FS) (databaseCopy, error) {
	from, err := m.Resolve(probe.KextPolicy)
	if err != nil {
		return databaseCopy{}, originalError{err}
	}
	start := time.Now()
	for range copyTries {
		c, err := tryCopy(ctx, m, from)
		if err == nil {
			return c, c.refuseSuperJournal()
		}
		if !errors.Is(err, errChanged) {
			return databaseCopy{}, err
		}
		if time.Since(start) > copyPeriod {
			break
		}
		select {
		case <-ctx.Done():
			return databaseCopy{}, ctx.Err()
		case <-time.After(copyPause):
		}
	}
	return databaseCopy{}, errNeverQuiet
}

// tryCopy reads the files once. It returns errChanged if they changed meanwhile.
func tryCopy(ctx context.Context, m root.FS, from string) (c databaseCopy, err error) {
	var files [len(c)]original
	defer func() {
		for _, f := range files {
			f.close()
		}
	}()
	for i := range files {
		ending := policyEnding(i)
		path, err := beside(m, from, ending)
		if err != nil {
			return c, originalError{err}
		}
		files[i], err = openOriginal(path)
		if ending != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, originalError{err}
		}
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		if c[i], err = f.read(); err != nil {
			return c, err
		}
	}
	for _, f := range files {
		if !f.unchanged() {
			return c, errChanged
		}
	}
	return c, nil
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

// read returns as many bytes as the file had when it was opened, so a file that
// keeps growing does no harm. Of a -wal it leaves out what SQLite never reads. It
// returns nil if there is no file.
func (o original) read() ([]byte, error) {
	if o.file == nil {
		return nil, nil
	}
	data := make([]byte, walEnd(o.file, o.header, o.info.Size()))
	if _, err := o.file.ReadAt(data, 0); err == io.EOF {
		return nil, errChanged
	} else if err != nil {
		return nil, originalError{err}
	}
	return data, nil
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

// refuseSuperJournal refuses a journal that names a super-journal. Only that file
// decides which rows are valid, and it is not part of the copy.
func (c databaseCopy) refuseSuperJournal() error {
	for _, data := range c[1:] {
		if bytes.HasSuffix(data, []byte(journalMagic)) {
			return errSuperJournal
		}
	}
	return nil
}
