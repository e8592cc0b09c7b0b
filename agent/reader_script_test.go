package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"kextwatch/probe/mactest"
)

// ordinaryCommand: ordinary MAC COMMAND… runs a command as a user who may not
// read the policy database of a simulated Mac. Permissions do not apply to root, who
// therefore becomes another user. Any other user closes the file during the command.
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

// readerCommand: reader FILE makes a program that is accepted as kextwatch-reader.
func readerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: reader FILE")
	}
	ts.Check(mactest.WriteProgram(ts.MkAbs(args[0]), module+"agent/reader"))
}
