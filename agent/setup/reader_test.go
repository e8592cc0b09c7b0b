package setup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestReaderProgramIsRefused(t *testing.T) {
	m, dir := root.FS{Root: t.TempDir()}, t.TempDir()
	script := filepath.Join(dir, "kextwatch-reader")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "kextwatch")
	if err := mactest.WriteProgram(whole, "kextwatch/agent"); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		script:                     "is not kextwatch-reader",
		whole:                      "is not kextwatch-reader",
		dir:                        "is not a regular file",
		filepath.Join(dir, "none"): "no such file",
		"kextwatch-reader":         "not an absolute path",
	} {
		if program, err := readerProgram(m, path); program.Content != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
}

// contents returns a folder with the layout of the app, a program in it, and the
// owners that may replace the reader.
func contents(t *testing.T) (dir, self string, trust root.Trust) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "app/Contents")
	for _, name := range []string{"MacOS", "Helpers"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self = filepath.Join(dir, "MacOS/kextwatch")
	if err := os.WriteFile(self, []byte("with the icon"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, self, root.Trust{Owners: []int{0, os.Geteuid()}, Admins: true, Sticky: true}
}

// The app contains the reader. A reader in the folder of the program comes first. The
// program itself is never used as the reader.
func TestTheReaderIsFoundBesideTheProgram(t *testing.T) {
	for _, place := range []string{"MacOS/kextwatch-reader", "Helpers/kextwatch-reader"} {
		dir, self, trust := contents(t)
		if program, err := readerBeside(self, trust); program.Content != nil || err == nil || !strings.Contains(err.Error(), "kextwatch-reader is missing in the folder of "+self) {
			t.Errorf("without a reader: %v", err)
		}
		file := filepath.Join(dir, place)
		if err := mactest.WriteProgram(file, readerPackage); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		program, err := readerBeside(self, trust)
		if err != nil || !bytes.Equal(program.Content, want) || !strings.HasPrefix(program.From, file+", which belongs to ") {
			t.Errorf("%s: from %q, %v", place, program.From, err)
		}
	}
}

// The reader must belong to root or to the owner of the program that root already
// runs. Any user can put a kextwatch-reader into a shared folder.
func TestAPlantedReaderIsRefused(t *testing.T) { plantedReader(t) }

// The same for an ordinary user, who sees the plan with --dry-run.
func TestAPlantedReaderIsRefusedAsAnOrdinaryUser(t *testing.T) {
	if mactest.AsOrdinaryUser(t) {
		plantedReader(t)
	}
}

func plantedReader(t *testing.T) {
	const somebody = 4711
	for name, tc := range map[string]struct {
		place string // of the reader
		plant func(dir, reader string) error
		says  string // empty: it is taken
	}{
		"the application's": {"Helpers", func(string, string) error { return nil }, ""},
		"a link":            {"Helpers", linked, "kextwatch-reader is a symbolic link"},
		"a link beside":     {"MacOS", linked, "kextwatch-reader is a symbolic link"},
		"a link to nothing": {"MacOS", func(_, reader string) error {
			return errors.Join(os.Remove(reader), os.Symlink("nothing", reader))
		}, "kextwatch-reader is a symbolic link"},
		"a folder that is a link": {"Helpers", func(dir, _ string) error { return linked(dir, dir+"/Helpers") }, "Helpers is a symbolic link"},
		"a pipe": {"Helpers", func(_, reader string) error {
			return errors.Join(os.Remove(reader), syscall.Mkfifo(reader, 0o755))
		}, "is not a regular file"},
		"others may write":           {"Helpers", func(_, reader string) error { return os.Chmod(reader, 0o757) }, "users other than its owner can write to"},
		"the group may write":        {"Helpers", func(_, reader string) error { return os.Chmod(reader, 0o775) }, "users other than its owner can write to"},
		"a shared folder":            {"Helpers", func(dir, _ string) error { return os.Chmod(dir+"/Helpers", 0o777) }, "can write to DIR/Helpers"},
		"a sticky folder":            {"Helpers", func(dir, _ string) error { return os.Chmod(dir+"/Helpers", 0o777|fs.ModeSticky) }, "can write to DIR/Helpers"},
		"a sticky folder, beside":    {"MacOS", func(dir, _ string) error { return os.Chmod(dir+"/MacOS", 0o777|fs.ModeSticky) }, "can write to DIR/MacOS"},
		"a shared folder far above":  {"Helpers", func(dir, _ string) error { return os.Chmod(filepath.Dir(dir), 0o777) }, "users other than its owner can write to"},
		"a group's folder far above": {"Helpers", func(dir, _ string) error { return os.Chmod(filepath.Dir(dir), 0o775) }, "users other than its owner can write to"},
		"somebody's":                 {"Helpers", func(_, reader string) error { return os.Chown(reader, somebody, -1) }, "belongs to uid 4711 instead of 0"},
		"somebody's folder":          {"Helpers", func(dir, _ string) error { return os.Chown(dir+"/Helpers", somebody, -1) }, "belongs to uid 4711 instead of 0"},
		"somebody's, far above":      {"Helpers", func(dir, _ string) error { return os.Chown(filepath.Dir(dir), somebody, -1) }, "belongs to uid 4711 instead of 0"},
		"like /Applications": {"Helpers", func(dir, _ string) error {
			return errors.Join(os.Chown(filepath.Dir(dir), -1, 80), os.Chmod(filepath.Dir(dir), 0o775))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, self, trust := contents(t)
			reader := filepath.Join(dir, tc.place, readerName)
			if err := mactest.WriteProgram(reader, readerPackage); err != nil {
				t.Fatal(err)
			}
			if err := tc.plant(dir, reader); errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
				t.Skip("only root gives files away, and TestAPlantedReaderIsRefused tests this as root")
			} else if err != nil {
				t.Fatal(err)
			}
			beside, errBeside := readerBeside(self, trust)
			named, errNamed := readReader(reader, trust, namedHint)
			for how, err := range map[string]error{"beside": errBeside, "named": errNamed} {
				if want := strings.ReplaceAll(tc.says, "DIR", dir); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", how, err, want)
				}
			}
			if (beside.Content != nil || named.Content != nil) != (tc.says == "") {
				t.Error("the program was read")
			}
		})
	}
}

// linked replaces a file with a link to it.
func linked(_, path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
}

// On a real Mac, a folder such as /tmp is refused.
func TestNoReaderComesFromBelowAStickyFolder(t *testing.T) {
	dir, _, trust := contents(t)
	reader := filepath.Join(dir, "Helpers", readerName)
	if err := errors.Join(mactest.WriteProgram(reader, readerPackage), os.Chmod(filepath.Dir(dir), 0o777|fs.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	if _, err := readReader(reader, trust, namedHint); err != nil {
		t.Errorf("a simulated Mac: %v", err)
	}
	if _, err := readerProgram(root.FS{Root: "/"}, reader); err == nil || !strings.Contains(err.Error(), "root must not run") || !strings.Contains(err.Error(), "can write to") {
		t.Errorf("a Mac in use: %v", err)
	}
}

// The programs that the go command builds for a Mac and for this machine, stripped as in a
// release, are told apart.
func TestGoReaderIsKnown(t *testing.T) {
	for _, program := range []struct {
		pkg, system, processor string
		reader                 bool
	}{
		{readerPackage, "darwin", "arm64", true},
		{readerPackage, "darwin", "amd64", true},
		{readerPackage, "linux", "amd64", true},
		{"kextwatch/agent", "linux", "amd64", false},
	} {
		t.Run(program.pkg+" for "+program.system+"/"+program.processor, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "program")
			cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, program.pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+program.system, "GOARCH="+program.processor)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if is := isReader(content); is != program.reader {
				t.Errorf("it counts as the reader: %v", is)
			}
		})
	}
}
