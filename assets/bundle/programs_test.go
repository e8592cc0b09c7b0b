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

// Tests whose names begin with TestGo build small real programs for macOS, in the way
// that make darwin builds kextwatch-reader. The program with the tray has a module with
// systray's name, because a tray is recognized by this name.

// built has the programs in the folder workshop that are built already, by folder
// and source.
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

// build returns the paths of a reader for both processors, x86_64 first.
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

// sample returns an app that can be built from the top of the repository. It changes
// the working directory of the test to it.
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
