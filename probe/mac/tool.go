package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"time"
)

// Variables only so that the tests need not wait.
var (
	toolLimit  = 10 * time.Second // a tool that takes longer is stuck
	toolGrace  = time.Second      // for its output to end after the tool has
	toolOutput = 4 << 20          // bytes; kextstat prints about 30 KB
)

var (
	errNoTools   = errors.New("only files are read from this disk; no tool is run")
	errTooMuch   = errors.New("printed far more than it should")
	errToolStuck = errors.New("did not answer in time")
)

// tool runs one of the Mac's own tools and returns what it printed. name is
// its absolute path on the Mac. The tool gets a minimal environment and is
// killed, with all it started, when its time is over or it prints too much.
//
// An absent tool is fs.ErrNotExist. A tool that fails returns what it printed
// all the same, with an *exec.ExitError that carries what it wrote to standard
// error.
func (m Mac) tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	return m.toolWithin(ctx, toolLimit, name, args...)
}

// toolWithin is tool for one that is known to need another time.
func (m Mac) toolWithin(ctx context.Context, limit time.Duration, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errToolStuck)
	defer cancel()
	cmd, err := m.command(ctx, name, args...)
	if err != nil {
		return nil, err
	}
	stdout, stderr := &cappedBuffer{overflow: cancel}, &cappedBuffer{overflow: cancel}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = runGroup(cmd)
	if stdout.full || stderr.full {
		return nil, fmt.Errorf("%s: %w", name, errTooMuch)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, toolError(ctx, name, err, nil)
	}
	if err != nil {
		return stdout.kept.Bytes(), toolError(ctx, name, err, stderr.kept.Bytes())
	}
	return stdout.kept.Bytes(), nil
}

// command is a tool ready to run: with a minimal environment, in a process
// group of its own that is killed when ctx ends.
func (m Mac) command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	if m.NoTools {
		return nil, fmt.Errorf("%s: %w", name, errNoTools)
	}
	p, err := m.Resolve(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = toolGrace
	return cmd, nil
}

func runGroup(cmd *exec.Cmd) error {
	err := cmd.Run()
	if err != nil && cmd.Process != nil {
		killGroup(cmd) // what it started may have outlived it
	}
	return err
}

func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// toolError says why a tool failed; stderr is what it said itself.
func toolError(ctx context.Context, name string, err error, stderr []byte) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", name, context.Cause(ctx))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case errors.As(err, &exit):
		exit.Stderr = stderr
		if said := printable(string(stderr)); said != "" {
			return fmt.Errorf("%s: %w: %s", name, err, said)
		}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// cappedBuffer keeps at most toolOutput bytes and calls overflow on more. The
// buffer is not embedded: its ReadFrom would go round the cap.
type cappedBuffer struct {
	kept     bytes.Buffer
	overflow func()
	full     bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > toolOutput {
		b.full = true
		b.overflow()
		return 0, errTooMuch
	}
	return b.kept.Write(p)
}
