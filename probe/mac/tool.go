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

const (
	openNonblock = syscall.O_NONBLOCK

	toolLimit  = 10 * time.Second // a tool that takes longer is stuck
	toolOutput = 4 << 20          // bytes; kextstat prints about 30 KB
)

var (
	errNoTools   = errors.New("only files are read from this disk; no tool is run")
	errTooMuch   = fmt.Errorf("printed more than %d bytes", toolOutput)
	errToolStuck = fmt.Errorf("did not answer within %v", toolLimit)
)

// tool runs one of the Mac's own tools and returns what it printed. name is
// its absolute path on the Mac. The tool gets a minimal environment and is
// killed, with all it started, when its time is over or it prints too much.
//
// An absent tool is fs.ErrNotExist. A tool that fails returns its output
// together with an *exec.ExitError.
func (m Mac) tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	if m.NoTools {
		return nil, fmt.Errorf("%s: %w", name, errNoTools)
	}
	p, err := m.path(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, toolLimit, errToolStuck)
	defer cancel()
	out := &cappedBuffer{overflow: cancel}
	cmd := exec.CommandContext(ctx, p, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case out.full:
		return nil, fmt.Errorf("%s: %w", name, errTooMuch)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", name, context.Cause(ctx))
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case err != nil:
		return out.Bytes(), fmt.Errorf("%s: %w", name, err)
	}
	return out.Bytes(), nil
}

// cappedBuffer keeps at most toolOutput bytes and calls overflow on more.
type cappedBuffer struct {
	bytes.Buffer
	overflow func()
	full     bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > toolOutput {
		b.full = true
		b.overflow()
		return 0, errTooMuch
	}
	return b.Buffer.Write(p)
}
