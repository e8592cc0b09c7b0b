package root

import (
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
// unchanged, and the temporary file is removed. A process that is killed leaves
// it behind: SweepTemporary removes it.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// SweepTemporary removes the temporary files that killed calls of WriteFile for
// path left behind more than age ago. A younger one may be in use.
func SweepTemporary(path string, age time.Duration) {
	sweep(filepath.Dir(path), "."+filepath.Base(path)+"*", false, age)
}

// SweepFolders removes the folders in parent whose names match a pattern of
// filepath.Match and that were modified more than age ago. It ignores errors:
// the next call tries again.
func SweepFolders(parent, pattern string, age time.Duration) { sweep(parent, pattern, true, age) }

func sweep(parent, pattern string, folders bool, age time.Duration) {
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if match, _ := filepath.Match(pattern, e.Name()); !match || e.IsDir() != folders {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > age {
			os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
}
