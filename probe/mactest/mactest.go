// Package mactest creates small simulated Macs for tests: a folder that is the
// "/" of a Mac, with only the files and tools that the test needs. Package simmac
// creates complete ones. Only tests may import mactest. The schema of the policy
// database is that of macOS 10.13.
package mactest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root creates the "/" of an empty Mac.
func Root(t testing.TB) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// AddFile writes a file of the Mac, creates the folders above it, and returns
// its path on this machine.
func AddFile(t testing.TB, root, name, data string) string {
	t.Helper()
	return add(t, root, name, data, 0o644)
}

// WriteFile writes a private file of this machine, and makes the folders above
// it.
func WriteFile(t testing.TB, path, content string) {
	t.Helper()
	NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// AddTool is AddFile for a tool that is a shell script.
func AddTool(t testing.TB, root, name, script string) string {
	t.Helper()
	return add(t, root, name, "#!/bin/sh\n"+script, 0o755)
}

func add(t testing.TB, root, name, data string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(root, name)
	NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	NoError(t, os.WriteFile(path, []byte(data), mode))
	return path
}

// AddLink creates a symbolic link of the Mac.
func AddLink(t testing.TB, root, name, to string) {
	t.Helper()
	path := filepath.Join(root, name)
	NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	NoError(t, os.Symlink(to, path))
}

// AddUnreadable creates something that nobody can stat, not even root: a link to a name
// that is too long for any disk. A link to itself would be followed 255 times.
func AddUnreadable(t testing.TB, root, name string) {
	t.Helper()
	AddLink(t, root, name, strings.Repeat("x", 256))
}

// Remove removes the file or folder at a path of the Mac.
func Remove(t testing.TB, root, name string) {
	t.Helper()
	NoError(t, os.RemoveAll(filepath.Join(root, name)))
}

// NoError ends the test if err is not nil.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
