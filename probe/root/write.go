package root

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// WriteFile replaces a file of this machine atomically: a reader, and a restart
// after a power failure, finds the old or the new content, never a part of it.
// The file gets exactly the given mode, whatever the umask and an earlier file
// had.
//
// The content is first written and synced to a temporary file in the same
// folder, never in TMPDIR. So the folder decides who can interfere: check it
// with FS.Guarded if the file must be trusted. After an error the old file is
// unchanged, and the temporary file is removed. The error names path, so the same
// problem has the same text the next time. A process that is killed leaves
// it behind: SweepTemporary removes it.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return writing(path, err)
	}
	defer f.Cleanup()
	if _, err := f.Write(data); err != nil {
		return writing(path, err)
	}
	return writing(path, f.CloseAtomicallyReplace())
}

// writing replaces the name of the temporary file in an error.
func writing(path string, err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: failed.Op, Path: path, Err: failed.Err}
	}
	if failed, ok := errors.AsType[*os.LinkError](err); ok {
		return &fs.PathError{Op: failed.Op, Path: path, Err: failed.Err}
	}
	return err
}

// SweepTemporary removes the temporary files that killed calls of WriteFile for
// path left behind more than age ago. A younger one may be in use. It ignores errors: the
// next call tries again.
func SweepTemporary(path string, age time.Duration) {
	parent := filepath.Dir(path)
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if match, _ := filepath.Match("."+filepath.Base(path)+"*", e.Name()); !match || e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > age {
			os.Remove(filepath.Join(parent, e.Name()))
		}
	}
}
