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
	callLimit   = 15 * time.Second // launchctl answers in milliseconds or hangs
	outputLimit = 64 << 10         // bytes; print writes about 3 KB
)

// Launchctl runs launchctl with the commands of macOS 10.11 and later. Each call
// is about the graphical login session of one user ("gui/501" for uid 501) or
// about the whole Mac. The error is fs.ErrNotExist if the tool is missing.
type Launchctl struct {
	Runner tool.Runner
	Tool   string // absolute path on this machine
	System bool   // use the domain "system", for daemons; the uid is ignored
}

// Bootstrap loads a job. The name of the property list must be the job's label.
func (l Launchctl) Bootstrap(ctx context.Context, uid int, plistPath string) error {
	label := strings.TrimSuffix(filepath.Base(plistPath), ".plist")
	_, err := l.call(ctx, l.service(uid, label), "bootstrap", l.domain(uid), plistPath)
	if errors.Is(err, errUnknownVerb) && !l.System {
		// The older command loads into the session that it is called from. -w
		// also reverts an earlier unload -w.
		_, err = l.call(ctx, l.service(uid, label), "load", "-w", plistPath)
	}
	return err
}

// Bootout asks launchd to end and unload a job and does not wait for it. The job
// is gone when Print returns ErrNotLoaded.
func (l Launchctl) Bootout(ctx context.Context, uid int, label string) error {
	_, err := l.call(ctx, l.service(uid, label), "bootout", l.service(uid, label))
	return err
}

// Kickstart starts a loaded job that is not running.
func (l Launchctl) Kickstart(ctx context.Context, uid int, label string) error {
	_, err := l.call(ctx, l.service(uid, label), "kickstart", l.service(uid, label))
	return err
}

// Print returns the state of a loaded job. The error is ErrNotLoaded if the job is
// not loaded.
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
