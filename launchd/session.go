package launchd

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	unloadLimit  = 15 * time.Second // a bootout took 3 to 5 s in tests
	pollInterval = 250 * time.Millisecond
	startLimit   = 5 * time.Second // for a job to start
)

// unload ends a loaded job and waits until launchd has unloaded it. Until then
// launchd refuses to load the job again.
func (p Place) unload(ctx context.Context, label string) error {
	err := p.Launchctl.Bootout(ctx, p.UID, label)
	if err != nil && !absent(err) && !errors.Is(err, errBusy) {
		return err
	}
	again, err := poll(ctx, unloadLimit, func() (bool, error) {
		_, err := p.Launchctl.Print(ctx, p.UID, label)
		if absent(err) {
			return false, nil
		}
		return err == nil, err
	})
	if again {
		return fmt.Errorf("launchd has not unloaded %s after %v: try again in a minute", label, unloadLimit)
	}
	return err
}

// load loads the job. After a refusal it tries again until unloadLimit, because
// launchd may still be unloading the job. launchd also refuses a job that is
// loaded already; Print shows that.
func (p Place) load(ctx context.Context, label string) error {
	again, err := poll(ctx, unloadLimit, func() (bool, error) {
		refusal := p.Launchctl.Bootstrap(ctx, p.UID, p.Plist)
		if !errors.Is(refusal, errRefused) && !errors.Is(refusal, errBusy) {
			return false, refusal
		}
		if _, err := p.Launchctl.Print(ctx, p.UID, label); err == nil {
			return false, nil
		}
		return true, refusal
	})
	if again {
		return fmt.Errorf("%w: check whether it is turned off in System Settings > General > Login Items & Extensions "+
			"(macOS 13 and 14: Login Items), and who owns %s", err, p.Plist)
	}
	return err
}

// start starts a loaded job and waits until it runs. A job that exits with status
// 0 is no error: its log says why it ended.
func (p Place) start(ctx context.Context, job Job) (string, error) {
	if err := p.kickstart(ctx, job.Label); err != nil {
		return "", err
	}
	var state State
	_, err := poll(ctx, startLimit, func() (bool, error) {
		var err error
		state, err = p.Launchctl.Print(ctx, p.UID, job.Label)
		return err == nil && !state.Running(), err
	})
	switch {
	case err != nil:
		return "", err
	case state.Running():
		return fmt.Sprintf("running as process %d", state.PID), nil
	case state.LastExit == "0":
		return "it ended by itself, without an error: see the logs in " + job.logs(), nil
	default:
		return "", fmt.Errorf("%s is loaded but does not run (state %q, last exit code %q): see the logs in %s",
			job.Label, state.Name, state.LastExit, job.logs())
	}
}

// kickstart starts a loaded job. It waits while launchd is busy with the job.
func (p Place) kickstart(ctx context.Context, label string) error {
	_, err := poll(ctx, unloadLimit, func() (bool, error) {
		err := p.Launchctl.Kickstart(ctx, p.UID, label)
		return errors.Is(err, errBusy), err
	})
	return err
}

// absent reports whether err says that the job is not loaded.
func absent(err error) bool {
	return errors.Is(err, ErrNotLoaded) || errors.Is(err, ErrNoSession)
}

// poll calls try until it no longer returns again, for at most limit, and returns
// its last answer.
func poll(ctx context.Context, limit time.Duration, try func() (again bool, err error)) (bool, error) {
	for end := time.Now().Add(limit); ; {
		again, err := try()
		if !again || time.Now().After(end) {
			return again, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}
