package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	hookLimit = 30 * time.Second // a program that takes longer is killed, with its children
	hookQueue = 16               // events that wait; see queue
)

// Hook runs the user's program (RunOnChange) for each event, one at a time. The
// program gets the event as a line of JSON on standard input, and an empty
// environment.
type Hook struct {
	mac   root.FS
	log   *slog.Logger
	limit time.Duration
	queue *queue[HookCall]
}

// HookCall is one run of a program, a path of the Mac, for one event, a line of
// JSON.
type HookCall struct{ Program, Line string }

// NewHook returns a hook for programs of m. Run runs them.
func NewHook(m root.FS, log *slog.Logger) *Hook {
	return &Hook{mac: m, log: log, limit: hookLimit, queue: newQueue[HookCall](hookQueue)}
}

// offer queues a run of program for the event of line. It never blocks. Without a
// program it does nothing.
func (h *Hook) offer(program, line string) {
	if program == "" {
		return
	}
	if h.queue.offer(HookCall{program, line}) {
		h.log.Warn("RunOnChange is too slow: an event was dropped", "program", program)
	}
}

// Run runs the queued programs until ctx ends. A program that runs then is killed,
// because a log-out must not wait for it.
func (h *Hook) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-h.queue.values:
			if err := h.Call(ctx, call); err != nil && ctx.Err() == nil {
				h.log.Warn("RunOnChange failed", "program", call.Program, "error", err)
			}
		}
	}
}

// Call runs one program and waits for it.
func (h *Hook) Call(ctx context.Context, call HookCall) error {
	path, err := root.InTime(call.Program, func() (string, error) { return TrustedProgram(h.mac, call.Program) })
	if err != nil {
		return err
	}
	_, err = tool.Runner{Root: h.mac.Root, UID: h.mac.UID}.Run(ctx, tool.Spec{
		Path: path, Env: []string{}, Stdin: strings.NewReader(call.Line + "\n"), NoStdout: true, Limit: h.limit,
	})
	if errors.Is(err, tool.ErrAsRoot) {
		return fmt.Errorf("%w; run kextwatch as the user, without sudo", err)
	}
	return err
}

// TrustedProgram returns the path on this machine of a program of the Mac. Only the
// user and the owner of the Mac's "/" may be able to replace the program.
func TrustedProgram(m root.FS, name string) (string, error) {
	if !filepath.IsAbs(name) {
		return "", fmt.Errorf("%s is not an absolute path", name)
	}
	if err := m.Chosen(name); err != nil {
		return "", err
	}
	owner, err := m.Owner()
	if err != nil {
		return "", err
	}
	info, err := root.Trust{Owners: []int{owner, os.Geteuid()}}.Walk(m.Root, name)
	if untrusted, ok := errors.AsType[*root.Untrusted](err); ok {
		return "", fmt.Errorf("%s: name the program itself, in a folder that only you and root can write to", untrusted.What)
	}
	if err != nil {
		return "", err
	}
	path := filepath.Join(m.Root, filepath.Clean(name)) // a clean path stays within the Mac
	if !info.Mode().IsRegular() || info.Mode()&0o100 == 0 {
		return "", fmt.Errorf("%s is not a program: chmod +x makes a script one", path)
	}
	return path, nil
}
