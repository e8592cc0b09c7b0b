package tool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrAsRoot means that kextwatch does not run this program as root. The user can
// run kextwatch without sudo instead.
var ErrAsRoot = errors.New("not run as root: root runs only macOS's own programs in " + strings.Join(protected, ", "))

// protected are the folders of the programs of macOS. System Integrity
// Protection prevents changes to them. Any other folder may belong to a user:
// /usr/local/bin does on an Intel Mac with Homebrew.
var protected = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/libexec"}

// permitted returns the path to start, or ErrAsRoot. For root, all links in the
// path are resolved, so the program that was checked is the one that is started.
func (r Runner) permitted(s Spec) (string, error) {
	if s.Own || !r.asRoot() {
		return s.Path, nil
	}
	refused := fmt.Errorf("%s is %w", s.name(), ErrAsRoot)
	path := filepath.Clean(s.Path)
	if !isProtected(path) {
		return "", refused
	}
	path, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name(), err)
	}
	if !isProtected(path) && !isSystem(path) {
		return "", refused
	}
	return path, nil
}

// asRoot reports whether the user is root and the programs are those of this
// Mac. For a simulated Mac it is false: the user who runs kextwatch chose that
// folder and its programs.
func (r Runner) asRoot() bool {
	if r.UID != 0 {
		return false
	}
	root, err := os.Stat(r.Root)
	if err != nil {
		return true
	}
	slash, err := os.Stat("/")
	return err != nil || os.SameFile(root, slash)
}

func isProtected(path string) bool {
	return slices.ContainsFunc(protected, func(folder string) bool { return strings.HasPrefix(path, folder+"/") })
}

// isSystem reports whether macOS protects a path below /System. It does not
// protect /System/Volumes, which also contains the files of users. The file
// system ignores case.
func isSystem(path string) bool {
	return strings.HasPrefix(path, "/System/") && !strings.HasPrefix(strings.ToLower(path), "/system/volumes/")
}
