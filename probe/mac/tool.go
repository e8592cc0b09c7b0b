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
// An absent tool is fs.ErrNotExist. A tool that fails returns an
// *exec.ExitError that carries what it wrote to standard error.
func (m Mac) tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	if m.NoTools {
		return nil, fmt.Errorf("%s: %w", name, errNoTools)
	}
	p, err := m.Resolve(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, toolLimit, errToolStuck)
	defer cancel()
	stdout, stderr := &cappedBuffer{overflow: cancel}, &cappedBuffer{overflow: cancel}
	cmd := exec.CommandContext(ctx, p, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killAll := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killAll
	cmd.WaitDelay = toolGrace
	err = cmd.Run()
	if err != nil && cmd.Process != nil {
		killAll() // what it started may have outlived it
	}
	var exit *exec.ExitError
	switch {
	case stdout.full || stderr.full:
		return nil, fmt.Errorf("%s: %w", name, errTooMuch)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", name, context.Cause(ctx))
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case errors.As(err, &exit):
		exit.Stderr = stderr.kept.Bytes()
		if said := printable(stderr.kept.String()); said != "" {
			return nil, fmt.Errorf("%s: %w: %s", name, err, said)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return stdout.kept.Bytes(), nil
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
