package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Rotation is a text file that grows by whole lines: the history, the log.
// When it has reached Size, it is renamed, and the oldest file is overwritten.
// The file is opened for each write, so that it is created again after somebody
// removed or renamed it.
type Rotation struct {
	Path  string // the newest file
	Size  int64  // bytes; a larger file is renamed away
	Files int    // the largest number of files, including the newest
}

// File is the path of the i-th newest file.
func (r Rotation) File(i int) string {
	if i == 0 {
		return r.Path
	}
	return fmt.Sprintf("%s.%d", r.Path, i)
}

// Append adds text, which ends with a newline. If a crash left a partial line,
// append ends that line first. If the disk is full, append removes what was
// written of text.
func (r Rotation) Append(text string) error {
	if err := r.Rotate(); err != nil {
		return err
	}
	f, err := os.OpenFile(r.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", r.Path)
	}
	if size := info.Size(); size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			text = "\n" + text
		}
	}
	if _, err = f.WriteString(text); err != nil {
		f.Truncate(info.Size())
	}
	return err
}

// Sync waits until the newest file is on the disk. It does nothing if there is no
// such file.
func (r Rotation) Sync() error {
	f, err := os.OpenFile(r.Path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Rotate renames the files if the newest one has reached its size.
func (r Rotation) Rotate() error {
	info, err := os.Lstat(r.Path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < r.Size {
		return nil
	}
	if err != nil {
		return err
	}
	for i := r.Files - 1; i > 0; i-- {
		if err := os.Rename(r.File(i-1), r.File(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotating %s: %w", r.Path, err)
		}
	}
	return nil
}
