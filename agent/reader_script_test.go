package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"

	"github.com/rogpeppe/go-internal/testscript"
)

// ordinaryCommand: ordinary MAC COMMAND… runs a command as a user who may not
// read the policy database of a simulated Mac. Permissions do not bind root,
// who therefore becomes another user; anybody else closes the file meanwhile.
func ordinaryCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: ordinary MAC COMMAND…")
	}
	command := args[1:]
	if os.Geteuid() == 0 {
		program, err := exec.LookPath("kextwatch")
		ts.Check(err)
		for _, path := range []string{filepath.Dir(program), ts.MkAbs(".")} {
			for ; path != filepath.Clean(os.TempDir()) && path != "/"; path = filepath.Dir(path) {
				ts.Check(os.Chmod(path, 0o755)) // temporary folders keep other users out
			}
		}
		ts.Check(os.Chmod(ts.Getenv("TMPDIR"), 0o777))
		command = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, command...)
	} else {
		file := filepath.Join(ts.MkAbs(args[0]), "private/var/db/SystemPolicyConfiguration/KextPolicy")
		ts.Check(os.Chmod(file, 0))
		defer os.Chmod(file, 0o600)
	}
	err := ts.Exec(command[0], command[1:]...)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if (err != nil) != neg {
		ts.Fatalf("it ended with: %v", err)
	}
}

// traylessCommand: trayless FILE makes a kextwatch without the tray.
func traylessCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: trayless FILE")
	}
	ts.Check(makeTrayless(ts.MkAbs(args[0])))
}

// makeTrayless makes this very program or, where that has a tray, a stand-in
// that does nothing.
func makeTrayless(file string) error {
	if !thisHasTray() {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(self)
		if err != nil {
			return err
		}
		return os.WriteFile(file, data, 0o755)
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), "source")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"go.mod": "module kextwatch\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(file); err != nil { // go build overwrites only what it built
		return err
	}
	build := exec.Command("go", "build", "-o", file)
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	return nil
}

// thisHasTray reports whether this test binary was built with the tray.
func thisHasTray() bool {
	info, ok := debug.ReadBuildInfo()
	return !ok || hasTray(info.Settings)
}

// scriptCondition: [tray] is true where this program was built with the tray.
func scriptCondition(name string) (bool, error) {
	if name == "tray" {
		return thisHasTray(), nil
	}
	return false, errors.New("unknown condition " + name)
}
