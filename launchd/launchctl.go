package launchd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kextwatch/probe/tool"
)

const (
	callLimit   = 15 * time.Second // launchctl answers in milliseconds, or hangs
	outputLimit = 64 << 10         // bytes; print says about 3 KB
)

// Launchctl is macOS's tool to talk to launchd, in the form macOS 10.11 and
// later know. All calls are about the graphical login session of one user,
// "gui/501" for uid 501, or about the whole Mac. A missing tool is
// fs.ErrNotExist.
type Launchctl struct {
	Runner tool.Runner
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

// call runs launchctl about a service and returns what it printed.
func (l Launchctl) call(ctx context.Context, service string, args ...string) (string, error) {
	name := l.Tool + " " + args[0]
	out, err := l.Runner.Run(ctx, tool.Spec{Path: l.Tool, Name: name, Args: args, Limit: callLimit, Output: outputLimit})
	exit, failed := errors.AsType[*tool.ExitError](err)
	if err != nil && !failed {
		return "", err
	}
	status := 0
	if failed {
		status = exit.Code
	}
	if err := judge(service, status, string(out.Stderr)+string(out.Stdout)); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out.Stdout), nil
}
