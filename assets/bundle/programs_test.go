package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The tests whose names begin with TestGo build real programs for macOS, from
// a few lines, as make darwin builds kextwatch. The one with the tray has a
// module of systray's name, since that is how a tray is known.

// build returns the program for both processors, x86_64 first.
func build(t *testing.T, imports string) []string {
	t.Helper()
	dir := t.TempDir()
	files := tree{
		"main.go":          fmt.Appendf(nil, "package main\n\nimport _ %q\n\nfunc main() {}\n", imports),
		"go.mod":           []byte("module hello\n\ngo 1.26.0\n\nrequire " + trayModule + " v1.2.2\n\nreplace " + trayModule + " => ./systray\n"),
		"systray/go.mod":   []byte("module " + trayModule + "\n"),
		"systray/empty.go": []byte("package systray\n"),
	}
	if err := files.write(dir, 0o644); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, cpu := range []string{"amd64", "arm64"} {
		path := filepath.Join(dir, cpu)
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS=darwin", "GOARCH="+cpu, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		paths = append(paths, path)
	}
	return paths
}

// sample is an app that can be put together from the top of the repository,
// where it leaves the test.
func sample(t *testing.T, programs, readers []string) app {
	t.Helper()
	t.Chdir("../..")
	manual := t.TempDir()
	files := tree{}
	for _, name := range manuals {
		files[name] = []byte(name + "\n")
	}
	if err := files.write(manual, 0o644); err != nil {
		t.Fatal(err)
	}
	return app{programs: programs, readers: readers, version: "v1.2.3-4-gabcdef", build: "56", manual: manual}
}
