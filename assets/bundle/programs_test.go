package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// The tests whose names begin with TestGo build real programs for macOS, from
// a few lines, as make darwin builds kextwatch-reader. The one with the tray has
// a module of systray's name, since that is how a tray is known.

// built are the programs that exist already, by their folder and source, in the
// folder workshop.
var (
	built    = make(map[string][]string)
	workshop string
)

func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "bundle-"); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	os.RemoveAll(workshop)
	os.Exit(code)
}

// build returns a reader for both processors, x86_64 first.
func build(t *testing.T, imports string) []string {
	t.Helper()
	return compile(t, "agent/reader", fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", imports))
}

// compile returns the program of a folder of a module kextwatch.
func compile(t *testing.T, folder, source string) []string {
	t.Helper()
	key := folder + "\n" + source
	if paths := built[key]; paths != nil {
		return paths
	}
	dir := filepath.Join(workshop, strconv.Itoa(len(built)))
	files := tree{
		folder + "/main.go": []byte(source),
		"go.mod":            []byte("module kextwatch\n\ngo 1.26.0\n\nrequire " + trayModule + " v1.2.2\n\nreplace " + trayModule + " => ./systray\n"),
		"systray/go.mod":    []byte("module " + trayModule + "\n"),
		"systray/empty.go":  []byte("package systray\n"),
	}
	if err := files.write(dir, 0o644); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, cpu := range []string{"amd64", "arm64"} {
		path := filepath.Join(dir, cpu)
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./"+folder)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS=darwin", "GOARCH="+cpu, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		paths = append(paths, path)
	}
	built[key] = paths
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
