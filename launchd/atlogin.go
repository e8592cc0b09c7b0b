package launchd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// SetAtLogin writes a job's property list at path, or removes it. It does not
// call launchctl: the change takes effect at the next login, and a running job
// keeps running. The error is not nil, and nothing changes, if another program's
// property list is there.
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
