package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	hookLimit = 30 * time.Second // a program that takes longer is killed, with all it started
	hookQueue = 16               // events; when more wait, the oldest are dropped: the newest say where things stand
)

// hook runs the user's program (RunOnChange) for each event: one at a time,
// with the event as a line of JSON on standard input and an empty environment.
type hook struct {
	mac   root.FS
	log   *slog.Logger
	limit time.Duration
	queue *queue[hookCall]
}

type hookCall struct{ program, line string }

func newHook(m root.FS, log *slog.Logger) *hook {
	return &hook{mac: m, log: log, limit: hookLimit, queue: newQueue[hookCall](hookQueue)}
}

// offer asks for program, a path of the Mac, to be run for an event, given as
// its line of JSON. It never waits.
func (h *hook) offer(program, line string) {
	if program == "" {
		return
	}
	if h.queue.offer(hookCall{program, line}) {
		h.log.Warn("RunOnChange falls behind: an event was dropped", "program", program)
	}
}

// run does what was offered, until ctx ends; what runs then is killed, because
// a log-out must not wait for it.
func (h *hook) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-h.queue.values:
			if err := h.call(ctx, call); err != nil && ctx.Err() == nil {
				h.log.Warn("RunOnChange failed", "program", call.program, "error", err)
			}
		}
	}
}

func (h *hook) call(ctx context.Context, call hookCall) error {
	path, err := root.InTime(call.program, func() (string, error) { return trustedProgram(h.mac, call.program) })
	if err != nil {
		return err
	}
	_, err = tool.Runner{Root: h.mac.Root, UID: h.mac.UID}.Run(ctx, tool.Spec{
		Path: path, Env: []string{}, Stdin: call.line + "\n", NoStdout: true, Limit: h.limit,
	})
	if errors.Is(err, tool.ErrAsRoot) {
		return fmt.Errorf("%w; run kextwatch as the user, without sudo", err)
	}
	return err
}

// trustedProgram turns a path of the Mac into one of this machine, where only
// the user and the owner of the Mac's "/" decide what lies there.
func trustedProgram(m root.FS, name string) (string, error) {
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
		return "", fmt.Errorf("%s: name the program itself, in a folder that only you and root may write to", untrusted.What)
	}
	if err != nil {
		return "", err
	}
	path := filepath.Join(m.Root, filepath.Clean(name)) // cleaned, it cannot lead out of the Mac
	if !info.Mode().IsRegular() || info.Mode()&0o100 == 0 {
		return "", fmt.Errorf("%s is not a program: chmod +x makes a script one", path)
	}
	return path, nil
}
