package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kextwatch/agent/view"
	"kextwatch/probe/mac"
)

const (
	hookLimit = 30 * time.Second // a program that takes longer is killed, with all it started
	hookQueue = 16               // events; when more wait, the oldest are dropped: the newest say where things stand
	hookSays  = 4 << 10          // bytes of its standard error that are kept for the log
)

var errHookStuck = errors.New("it did not end in time and was killed")

// hook runs the user's program (RunOnChange) for each event: one at a time,
// with the event as a line of JSON on standard input and an empty environment.
type hook struct {
	mac   mac.Mac
	log   *slog.Logger
	limit time.Duration
	queue chan hookCall
}

type hookCall struct{ program, line string }

func newHook(m mac.Mac, log *slog.Logger) *hook {
	return &hook{mac: m, log: log, limit: hookLimit, queue: make(chan hookCall, hookQueue)}
}

// offer asks for program, a path of the Mac, to be run for an event, given as
// its line of JSON. It never waits. One goroutine offers.
func (h *hook) offer(program, line string) {
	if program == "" {
		return
	}
	for {
		select {
		case h.queue <- hookCall{program, line}:
			return
		default:
		}
		select {
		case <-h.queue:
			h.log.Warn("RunOnChange falls behind: an event was dropped", "program", program)
		default:
		}
	}
}

// run does what was offered, until ctx ends; what runs then is killed, because
// a log-out must not wait for it.
func (h *hook) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-h.queue:
			if err := h.call(ctx, call); err != nil && ctx.Err() == nil {
				h.log.Warn("RunOnChange failed", "program", call.program, "error", err)
			}
		}
	}
}

func (h *hook) call(ctx context.Context, call hookCall) error {
	path, err := trustedProgram(h.mac, call.program)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.limit, errHookStuck)
	defer cancel()
	said := &firstBytes{}
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = []string{} // nil would hand on the agent's own
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(call.line + "\n")
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killAll := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killAll
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if cmd.Process != nil {
		_ = killAll() // what it started may have outlived it; usually nothing did
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		return errors.New("it left something running, which was killed")
	case err != nil && len(said.kept) > 0:
		return fmt.Errorf("%w: %s", err, view.Clean(string(said.kept)))
	}
	return err
}

// firstBytes keeps the beginning of what is written.
type firstBytes struct{ kept []byte }

func (b *firstBytes) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), hookSays-len(b.kept))]...)
	return len(p), nil
}

// trustedProgram turns a path of the Mac into one of this machine, where only
// the user and root decide what lies there: it and every folder above belong
// to one of them, and others may write to none. A link is refused, for it
// would lead past that. Root is who owns the Mac's own "/".
func trustedProgram(m mac.Mac, name string) (string, error) {
	if !filepath.IsAbs(name) {
		return "", fmt.Errorf("%s is not an absolute path", name)
	}
	root, err := os.Stat(m.Root)
	if err != nil {
		return "", err
	}
	path := filepath.Clean(m.Root)
	for part := range strings.SplitSeq(filepath.Clean(name), "/") {
		path = filepath.Join(path, part)
		info, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		owner := info.Sys().(*syscall.Stat_t).Uid
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			return "", fmt.Errorf("%s is a symbolic link: name the program itself", path)
		case info.Mode()&0o022 != 0:
			return "", fmt.Errorf("others may write to %s: chmod go-w it, or move the program", path)
		case owner != root.Sys().(*syscall.Stat_t).Uid && int(owner) != os.Geteuid():
			return "", fmt.Errorf("%s belongs to another user", path)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o100 == 0 {
		return "", fmt.Errorf("%s is not a program: chmod +x makes a script one", path)
	}
	return path, nil
}
