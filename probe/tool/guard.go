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

// ErrAsRoot means that root does not run this program. The way out is to run
// kextwatch as the user, without sudo.
var ErrAsRoot = errors.New("not run as root: root runs only macOS's own programs in " + strings.Join(protected, ", "))

// protected are the folders of macOS's own programs. System Integrity
// Protection keeps everybody from changing them. Any other folder may belong
// to a user: /usr/local/bin does, on an Intel Mac with Homebrew.
var protected = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/libexec"}

// permitted returns the path to start, or ErrAsRoot. For root it has no links
// left, so that what was judged is what is started.
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

// asRoot reports whether root runs programs of the Mac in use. Another Mac in
// a folder, a simulated one, was named by whoever runs kextwatch, and so were
// its programs.
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
// protect /System/Volumes, which holds the users' files as well. Its file
// system ignores case.
func isSystem(path string) bool {
	return strings.HasPrefix(path, "/System/") && !strings.HasPrefix(strings.ToLower(path), "/system/volumes/")
}
