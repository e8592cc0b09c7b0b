package launchd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// SetAtLogin writes a job's property list, or removes it, without asking
// launchd: it counts from the next login on, and what runs now goes on. It
// never touches a property list that is not ours.
func SetAtLogin(job Job, path string, on bool) error {
	content, err := job.Plist()
	if err != nil {
		return err
	}
	_, err = readInstalled(path, job.Label)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !on {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeFile(path, content, plistPerm)
}
