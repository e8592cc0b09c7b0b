package launchd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"howett.net/plist"
)

const (
	plistLimit = 64 << 10 // bytes; ours has about 1 KB

	othersWrite fs.FileMode = 0o022 // launchd refuses what others may change: launchd.plist(5)
	accessWrite             = 2     // W_OK of access(2)
	plistPerm   fs.FileMode = 0o644
)

// createFolder is the step that makes a folder. One that is there must be a
// folder we may write to, and others may not.
func createFolder(path string, perm fs.FileMode) (Step, error) {
	step := Step{Does: "create the folder " + path, do: func(context.Context) (string, error) {
		return "", os.MkdirAll(path, perm)
	}}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return step, nil
	}
	switch {
	case err != nil:
		return Step{}, err
	case !info.IsDir():
		return Step{}, fmt.Errorf("%s is not a folder: move it away and try again", path)
	case info.Mode()&othersWrite != 0:
		return Step{}, fmt.Errorf("other users may write to %s: run chmod go-w on it and try again", path)
	}
	if err := syscall.Access(path, accessWrite); err != nil {
		return Step{}, fmt.Errorf("%s cannot be written to: %w: make it your own with sudo chown and try again", path, err)
	}
	step.Already = true
	return step, nil
}

// readOurs returns the property list at path and its permissions. A missing
// one is fs.ErrNotExist; one with another label, or anything that is not a
// property list as we write them, is not ours and is an error.
func readOurs(path, label string) ([]byte, fs.FileMode, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, 0, notOurs(path, "a symbolic link")
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, notOurs(path, "not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, plistLimit+1))
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", path, err)
	}
	found, err := labelOf(data)
	if err != nil {
		return nil, 0, notOurs(path, err.Error())
	}
	if found != label {
		return nil, 0, notOurs(path, fmt.Sprintf("a job with the label %q", found))
	}
	return data, info.Mode().Perm(), nil
}

func notOurs(path, what string) error {
	return fmt.Errorf("%s is not ours (it is %s): move it away and try again", path, what)
}

// labelOf is the Label of a job's property list. Only XML is read, the form we
// write: the binary form can make the decoder panic or run for minutes.
func labelOf(data []byte) (string, error) {
	if len(data) > plistLimit || !strings.HasPrefix(string(data), "<?xml") {
		return "", errors.New("no property list in XML")
	}
	var job struct{ Label string }
	if _, err := plist.Unmarshal(data, &job); err != nil {
		return "", errors.New("a damaged property list")
	}
	return job.Label, nil
}

// writeFile replaces the file at path in one go: there is never half of it.
func writeFile(path string, data []byte, perm fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there any more after the rename
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// removeOurs is the step that removes the property list of the job label.
func removeOurs(path, label string) Step {
	step := Step{Does: "remove " + path, do: func(context.Context) (string, error) {
		return "", os.Remove(path)
	}}
	_, _, err := readOurs(path, label)
	if errors.Is(err, fs.ErrNotExist) {
		step.Already = true
	} else {
		step.Err = err
	}
	return step
}

// removeFolder is the step that removes a folder and all that is in it. Only a
// folder that is named after the label is ours.
func removeFolder(path, label string) Step {
	step := Step{Does: "remove the folder " + path, do: func(context.Context) (string, error) {
		return "", os.RemoveAll(path)
	}}
	_, err := os.Lstat(path)
	switch {
	case filepath.Base(path) != label || !filepath.IsAbs(path):
		step.Err = fmt.Errorf("it is not ours: its name is not %s", label)
	case errors.Is(err, fs.ErrNotExist):
		step.Already = true
	}
	return step
}
