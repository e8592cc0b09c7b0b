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

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	plistLimit = 64 << 10 // bytes; the property list of kextwatch has about 1 KB

	othersWrite   fs.FileMode = 0o022 // launchd refuses a property list that others may change: launchd.plist(5)
	accessWrite               = 2     // W_OK of access(2)
	accessExecute             = 1     // X_OK
	plistPerm     fs.FileMode = 0o644
)

// createFolder returns the step that creates a folder. An existing folder must
// belong to the user or to root, and this process must be able to write to it,
// but other users must not: whoever can write to the folder decides what
// launchd starts.
func createFolder(path string, perm fs.FileMode) (Step, error) {
	step := Step{Does: "create the folder " + path, do: func(context.Context) (string, error) {
		return "", os.MkdirAll(path, perm)
	}}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return step, nil
	}
	switch {
	case err != nil:
		return Step{}, err
	case info.Mode()&fs.ModeSymlink != 0:
		return Step{}, fmt.Errorf("%s is a symbolic link: put a folder of your own in its place and try again", path)
	case !info.IsDir():
		return Step{}, fmt.Errorf("%s is not a folder: move it away and try again", path)
	case !trusted(ownerOf(info)):
		return Step{}, fmt.Errorf("%s belongs to another user: make it your own with sudo chown and try again", path)
	case info.Mode()&othersWrite != 0:
		return Step{}, fmt.Errorf("users other than its owner can write to %s: run chmod go-w on it and try again", path)
	}
	if err := syscall.Access(path, accessWrite); err != nil {
		return Step{}, notWritable(path, err)
	}
	step.Already = true
	return step, nil
}

// notWritable returns the error for a folder that cannot be written to, with what helps.
func notWritable(path string, err error) error {
	if errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%s is on a read-only disk: make the disk writable and try again", path)
	}
	return fmt.Errorf("%s cannot be written to: %w: make it your own with sudo chown and try again", path, err)
}

// trusted reports whether a file belongs to the user or to root. launchd requires
// that of a property list (launchd.plist(5)) and does not look at the folders
// above it, so root.Trust would be too strict here.
func trusted(owner int) bool { return owner == 0 || owner == os.Geteuid() }

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// foreign is the error for a file that kextwatch did not write, in the place of its
// property list or program.
type foreign struct {
	path, what string
	useless    bool // launchd starts nothing with it, so install may replace it
}

func (f *foreign) Error() string {
	return fmt.Sprintf("%s does not belong to kextwatch: it is %s", f.path, f.what)
}

// installed is an installed property list of kextwatch.
type installed struct {
	content   []byte
	program   string
	arguments []string // without the program
	owner     int
	perm      fs.FileMode
}

// sound reports whether launchd accepts the owner and the permissions of a list in a
// home, and whether they are those that kextwatch writes.
func (i installed) sound() bool { return i.perm == plistPerm && trusted(i.owner) }

// readInstalled returns the property list at path. The error is fs.ErrNotExist if
// it is missing, and a *foreign if it has another label or is not a property
// list.
func readInstalled(path, label string) (installed, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return installed{}, &foreign{path, "a symbolic link", true}
	}
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.EOPNOTSUPP) { // Linux and macOS on a socket
		return installed{}, &foreign{path, "not a file", false}
	}
	if err != nil {
		return installed{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return installed{}, err
	}
	if !info.Mode().IsRegular() {
		return installed{}, &foreign{path, "not a file", false}
	}
	data, err := io.ReadAll(io.LimitReader(f, plistLimit+1))
	if err != nil {
		return installed{}, fmt.Errorf("reading %s: %w", path, err)
	}
	job, err := jobOf(data)
	if err != nil {
		return installed{}, &foreign{path, err.Error(), true}
	}
	if job.Label != label {
		return installed{}, &foreign{path, fmt.Sprintf("a job with the label %q", job.Label), job.Label == ""}
	}
	found := installed{content: data, owner: ownerOf(info), perm: info.Mode().Perm()}
	if len(job.ProgramArguments) > 0 {
		found.program, found.arguments = job.ProgramArguments[0], job.ProgramArguments[1:]
	}
	return found, nil
}

// jobOf returns the job that a property list describes, with its label and its
// program.
func jobOf(data []byte) (Job, error) {
	if len(data) > plistLimit || !strings.HasPrefix(string(data), "<") && !strings.HasPrefix(string(data), "bplist") {
		return Job{}, errors.New("not a property list")
	}
	var job struct {
		Label, Program   string
		ProgramArguments []string
	}
	if err := root.DecodePlist(data, &job); err != nil {
		return Job{}, errors.New("a damaged property list")
	}
	if job.Program != "" && len(job.ProgramArguments) > 0 {
		job.ProgramArguments[0] = job.Program // launchd starts it under the other name
	}
	return Job{Label: job.Label, ProgramArguments: job.ProgramArguments}, nil
}

// writeFile is root.WriteFile. First it removes what a killed call left beside path.
func writeFile(path string, data []byte, perm fs.FileMode) error {
	for _, file := range unfinished(path) {
		os.Remove(file)
	}
	return root.WriteFile(path, data, perm)
}

// unfinishedForm matches the end of a temporary file's name. Earlier versions put a
// dot before the number.
var unfinishedForm = probe.Form{Expr: `^\.?[0-9]+$`}

// unfinished returns the temporary files that a killed writeFile left beside
// path.
func unfinished(path string) []string {
	dir, base := filepath.Split(path)
	entries, _ := os.ReadDir(dir)
	var left []string
	for _, e := range entries {
		if end, ok := strings.CutPrefix(e.Name(), "."+base); ok && unfinishedForm.MatchString(end) {
			left = append(left, filepath.Join(dir, e.Name()))
		}
	}
	return left
}

// removeInstalled returns the step that removes the property list of the job
// with this label.
func removeInstalled(path, label string) Step {
	temporary := unfinished(path)
	_, err := readInstalled(path, label)
	step := Step{Does: "remove " + path, Already: errors.Is(err, fs.ErrNotExist) && len(temporary) == 0}
	var other *foreign
	switch {
	case errors.As(err, &other):
		step.Err = fmt.Errorf("%w, so it stays: look into it, and remove it yourself", err)
	case !errors.Is(err, fs.ErrNotExist):
		step.Err = err
	}
	step.do = func(context.Context) (string, error) {
		var failed []error
		for _, file := range append(temporary, path) {
			if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
				failed = append(failed, err)
			}
		}
		return "", errors.Join(failed...)
	}
	return step
}

// removeFolder returns the step that removes a folder and everything in it. The
// folder must be named after the label. A file in its place is not ours and stays.
func removeFolder(path, label string) Step {
	step := Step{Does: "remove the folder " + path, do: func(context.Context) (string, error) {
		return "", os.RemoveAll(path)
	}}
	info, err := os.Lstat(path)
	switch {
	case filepath.Base(path) != label || !filepath.IsAbs(path):
		step.Err = fmt.Errorf("it is not a folder of kextwatch: its name is not %s", label)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // RemoveAll waits for a pipe in place of the folder above
		step.Already = true
	case err == nil && !info.IsDir() && info.Mode().Type() != fs.ModeSymlink:
		step.Err = errors.New("it is not a folder, so it stays: look into it, and remove it yourself")
	}
	return step
}
