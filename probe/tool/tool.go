// Package tool runs foreign programs: those of macOS, of Parallels, and of the
// user. No other package of kextwatch starts a process.
//
// A program is named by its absolute path. It runs without a shell, in "/", with
// a minimal environment and in a process group of its own. The package kills the
// whole group when the time limit or the output limit is exceeded, when the
// context ends, and after the program has ended, whatever its result. So no
// process that it started survives, except one that left the group.
//
// As root, it refuses to run a program outside the folders that System Integrity
// Protection protects. The list of these folders is from Apple's documentation
// of System Integrity Protection.
package tool

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const defaultOutput = 4 << 20 // bytes; kextstat prints about 30 KB

// Limit is the default time limit of a program. Only tests change it.
var Limit = 10 * time.Second

// grace is how long the output may stay open after the program has ended. Only
// tests change it.
var grace = time.Second

// Runner runs the programs of one Mac.
type Runner struct {
	Root string // the folder that is the Mac's "/"; absolute
	UID  int    // the user who runs them; os.Geteuid except in tests
}

// Spec is one program to run.
type Spec struct {
	Path string // absolute, on this machine
	Name string // the name in errors; empty: Path
	Args []string
	Env  []string // nil: the system's PATH and the C locale

	Stdin    io.Reader     // nil: none
	NoStdout bool          // discard standard output
	Limit    time.Duration // 0: 10 seconds
	Output   int           // limit of each of stdout and stderr, in bytes; 0: 4 MiB

	// Own says that the program is kextwatch itself. Root may run it from any
	// folder, because root already runs it.
	Own bool
}

// Output is the output of a program.
type Output struct{ Stdout, Stderr []byte }

// Run runs a program and returns its output. With an *ExitError it also returns
// the output. The other errors are fs.ErrNotExist, ErrTimeout, ErrTooMuch,
// ErrLeftRunning, ErrAsRoot, and the cause of ctx.
func (r Runner) Run(ctx context.Context, s Spec) (Output, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(s.Limit, Limit), ErrTimeout)
	defer cancel()
	most := cmp.Or(s.Output, defaultOutput)
	overflow := func() { stop(ErrTooMuch) }
	stdout, stderr := &capped{most: most, overflow: overflow}, &capped{most: most, overflow: overflow}
	err := r.run(ctx, s, stdout, stderr, &stderr.kept)
	noteTimeout(ctx, err)
	if err != nil && !isExit(err) {
		return Output{}, err
	}
	return Output{stdout.kept.Bytes(), stderr.kept.Bytes()}, err
}

// Stream runs a program that prints until ctx ends, without a time limit, and
// calls each for every line. A line is valid only during the call. Stream skips a
// line longer than 256 KiB, and text after the last newline. It returns after the
// program has ended, and always returns an error: one of Run, or ErrEnded.
func (r Runner) Stream(ctx context.Context, s Spec, each func(line []byte)) error {
	stderr := &first{}
	if err := r.run(ctx, s, &lines{each: each}, stderr, &stderr.kept); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", s.name(), ErrEnded)
}

// run runs a program to its end. message is the buffer into which stderr writes.
func (r Runner) run(ctx context.Context, s Spec, stdout, stderr io.Writer, message *bytes.Buffer) error {
	if !filepath.IsAbs(s.Path) {
		return fmt.Errorf("%s: %q is not an absolute path", s.name(), s.Path)
	}
	path, err := r.permitted(s)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, s.Args...)
	cmd.Args[0] = s.Path
	cmd.Dir = "/"
	cmd.Env = s.Env
	if s.Env == nil {
		cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	}
	cmd.Stdin = s.Stdin
	if !s.NoStdout {
		cmd.Stdout = stdout
	}
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killGroup
	cmd.WaitDelay = grace
	err = cmd.Run()
	if cmd.Process != nil {
		_ = killGroup() // usually the group is empty
	}
	if err != nil {
		return explain(ctx, s.name(), err, message)
	}
	return nil
}

func (s Spec) name() string { return cmp.Or(s.Name, s.Path) }
