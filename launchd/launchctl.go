package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	callLimit   = 15 * time.Second // launchctl answers in milliseconds, or hangs
	outputLimit = 64 << 10         // bytes; print says about 3 KB
)

var (
	errStuck   = fmt.Errorf("did not answer within %v", callLimit)
	errTooMuch = fmt.Errorf("printed more than %d bytes", outputLimit)
)

// Launchctl is macOS's tool to talk to launchd, in the form macOS 10.11 and
// later know. All calls are about the graphical login session of one user,
// "gui/501" for uid 501, or about the whole Mac. A missing tool is
// fs.ErrNotExist.
type Launchctl struct {
	Tool   string // absolute path on this machine
	System bool   // about the Mac's daemons, "system"; the uid does not matter
}

// Bootstrap loads a job. The job must be named like its property list.
func (l Launchctl) Bootstrap(ctx context.Context, uid int, plistPath string) error {
	label := strings.TrimSuffix(filepath.Base(plistPath), ".plist")
	_, err := l.call(ctx, l.service(uid, label), "bootstrap", l.domain(uid), plistPath)
	if errors.Is(err, errUnknownVerb) && !l.System {
		// The form of before, which loads into the session that it is called
		// from; -w also undoes an earlier unload -w.
		_, err = l.call(ctx, l.service(uid, label), "load", "-w", plistPath)
	}
	return err
}

// Bootout ends a job and unloads it. launchd does that later: the job is gone
// when Print says ErrNotLoaded.
func (l Launchctl) Bootout(ctx context.Context, uid int, label string) error {
	_, err := l.call(ctx, l.service(uid, label), "bootout", l.service(uid, label))
	return err
}

// Kickstart starts a loaded job that does not run.
func (l Launchctl) Kickstart(ctx context.Context, uid int, label string) error {
	_, err := l.call(ctx, l.service(uid, label), "kickstart", l.service(uid, label))
	return err
}

// Print says how a loaded job is; ErrNotLoaded where there is none.
func (l Launchctl) Print(ctx context.Context, uid int, label string) (State, error) {
	out, err := l.call(ctx, l.service(uid, label), "print", l.service(uid, label))
	if err != nil {
		return State{}, err
	}
	return parseState(out), nil
}

func (l Launchctl) domain(uid int) string {
	if l.System {
		return "system"
	}
	return "gui/" + strconv.Itoa(uid)
}

func (l Launchctl) service(uid int, label string) string { return l.domain(uid) + "/" + label }

// call runs launchctl about a service and returns what it printed. It is
// killed, with all it started, when its time is over or it prints too much.
func (l Launchctl) call(ctx context.Context, service string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callLimit, errStuck)
	defer cancel()
	out := &cappedBuffer{overflow: cancel}
	cmd := exec.CommandContext(ctx, l.Tool, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.Stdout = out
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case out.full:
		err = errTooMuch
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil || errors.As(err, &exit):
		err = judge(service, cmd.ProcessState.ExitCode(), out.buf.String())
	case errors.Is(err, fs.ErrNotExist):
		err = fs.ErrNotExist
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", l.Tool, args[0], err)
	}
	return out.buf.String(), nil
}

// cappedBuffer keeps at most outputLimit bytes and calls overflow on more. The
// buffer is not embedded: its ReadFrom would get round the limit.
type cappedBuffer struct {
	buf      bytes.Buffer
	overflow func()
	full     bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > outputLimit {
		b.full = true
		b.overflow()
		return 0, errTooMuch
	}
	return b.buf.Write(p)
}
