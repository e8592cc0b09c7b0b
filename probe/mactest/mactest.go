// Package mactest makes the small Macs of tests: a folder that is a Mac's "/",
// with the files and tools that a test needs and nothing else. Package simmac
// makes whole ones.
package mactest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Root is the "/" of a Mac with nothing on it.
func Root(t testing.TB) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// AddFile writes a file of the Mac, makes the folders above it, and returns
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

// AddTool is AddFile for a shell script.
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

// AddLink makes a symbolic link of the Mac.
func AddLink(t testing.TB, root, name, to string) {
	t.Helper()
	path := filepath.Join(root, name)
	NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	NoError(t, os.Symlink(to, path))
}

// Remove removes what is at a path of the Mac.
func Remove(t testing.TB, root, name string) {
	t.Helper()
	NoError(t, os.RemoveAll(filepath.Join(root, name)))
}

// NoError ends the test at an error.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
