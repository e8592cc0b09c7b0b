package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const programPerm fs.FileMode = 0o755

// Paths of the policy for launchd, without the link /var.
const (
	policyFolder = "/private" + probe.PolicyFolder
	kextPolicy   = "/private" + probe.KextPolicy
)

// Daemon returns the job that runs program, an absolute path, as root when the
// policy database changes. The program publishes the policy and exits. It needs
// no argument: the job and its program are always installed together.
//
// launchd.plist(5) promises nothing for WatchPaths: launchd may miss a change,
// and the behavior for a missing path is not documented. The -wal and the
// -journal are missing most of the time, so launchd also watches their folder,
// and it starts the job every five minutes. launchd never starts a job twice
// within ten seconds; in tests ThrottleInterval did not change that.
//
// The job has no log, because launchd never rotates one. The published file
// holds all messages of the program.
func Daemon(program string) Job {
	return Job{
		Label:            probe.ReaderLabel,
		ProgramArguments: []string{program},
		RunAtLoad:        true,
		WatchPaths: []string{
			policyFolder, kextPolicy, kextPolicy + "-wal", kextPolicy + "-journal",
		},
		StartInterval:               300,
		ProcessType:                 "Background",
		AssociatedBundleIdentifiers: []string{probe.AgentLabel},
		StandardOutPath:             "/dev/null",
		StandardErrorPath:           "/dev/null",
	}
}

// DaemonPlace is where a LaunchDaemon and a copy of its program are installed.
// Root runs a copy, because it must never run a file that another user can
// replace.
type DaemonPlace struct {
	Place
	Program string // path of the copy; absolute, on this machine

	// Guarded returns an error if a user besides root could change the file at
	// a path of this machine or make the path lead elsewhere.
	Guarded func(path string) error

	// Ours reports whether the content of a file is some version of the program.
	Ours func(content []byte) bool
}

// ProgramLimit is larger than every version of the program, in bytes. A build for two
// processors has about 15 MB.
const ProgramLimit = 64 << 20

// Program is the file that the program of a LaunchDaemon is copied from.
type Program struct {
	Content []byte
	From    string // its path and owner, for the text of the step
}

// Install returns the plan that copies the program, writes the job's property
// list, and makes launchd run the job once. Like Place.Install it returns an
// error, and no plan, if something is in the way.
func (p DaemonPlace) Install(ctx context.Context, job Job, program Program) (Plan, error) {
	for _, path := range []string{p.Program, p.Plist} {
		if err := p.Guarded(path); err != nil {
			return Plan{}, err
		}
	}
	tools, err := createFolder(filepath.Dir(p.Program), 0o755)
	if err != nil {
		return Plan{}, err
	}
	daemons, err := createFolder(filepath.Dir(p.Plist), 0o755)
	if err != nil {
		return Plan{}, err
	}
	copied, err := p.copyProgram(program)
	if err != nil {
		return Plan{}, err
	}
	load, err := p.planLoad(ctx, job)
	if err != nil {
		return Plan{}, err
	}
	steps := append([]Step{tools, daemons, copied}, load.steps...)
	steps = append(steps,
		Step{Does: "check that " + job.Label + " works", Already: copied.Already && load.current && load.state.LastExit == "0",
			do: func(ctx context.Context) (string, error) { return p.runOnce(ctx, job.Label) }},
	)
	return Plan{Steps: steps}, nil
}

// Uninstall returns the plan that unloads the job and removes its property list,
// its program, and the folder of the files that it wrote, which must be named
// after the agent. After a failed step the plan goes on.
func (p DaemonPlace) Uninstall(ctx context.Context, label, folder string) Plan {
	return Plan{keepGoing: true, Steps: []Step{
		p.planUnload(ctx, label),
		removeInstalled(p.Plist, label).guarded(p.Guarded(p.Plist)),
		p.removeProgram().guarded(p.Guarded(p.Program)),
		removeFolder(folder, probe.AgentLabel).guarded(p.Guarded(folder)),
	}}
}

// copyProgram returns the step that copies the program.
func (p DaemonPlace) copyProgram(program Program) (Step, error) {
	step := Step{Does: "copy the program to " + p.Program + " from " + program.From, do: func(context.Context) (string, error) {
		return "", writeFile(p.Program, program.Content, programPerm)
	}}
	old, perm, err := p.readProgram()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return step, nil
	case err != nil:
		return Step{}, fmt.Errorf("%w: move it away and try again", err)
	}
	step.Already = perm == programPerm && bytes.Equal(old, program.Content)
	return step, nil
}

// removeProgram returns the step that removes the copy of the program.
func (p DaemonPlace) removeProgram() Step {
	step := Step{Does: "remove " + p.Program, do: func(context.Context) (string, error) {
		return "", os.Remove(p.Program)
	}}
	_, _, err := p.readProgram()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		step.Already = true
	case err != nil:
		step.Err = fmt.Errorf("%w, so it stays: look into it, and remove it yourself", err)
	}
	return step
}

// readProgram returns the installed copy of the program. The error is fs.ErrNotExist
// if it is missing, and a *foreign if kextwatch did not write it.
func (p DaemonPlace) readProgram() (content []byte, perm fs.FileMode, err error) {
	info, err := os.Lstat(p.Program)
	switch {
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, &foreign{p.Program, "not a file", false}
	}
	content, err = root.ReadRegular(p.Program, ProgramLimit)
	switch {
	case errors.Is(err, root.ErrTooLarge), err == nil && !p.Ours(content):
		return nil, 0, &foreign{p.Program, "another program", false}
	case err != nil:
		return nil, 0, err
	}
	return content, info.Mode().Perm(), nil
}

// runOnce starts the job and waits until it has ended.
func (p DaemonPlace) runOnce(ctx context.Context, label string) (string, error) {
	if err := p.kickstart(ctx, label); err != nil {
		return "", err
	}
	var state State
	_, err := poll(ctx, unloadLimit, func() (bool, error) {
		var err error
		state, err = p.Launchctl.Print(ctx, p.UID, label)
		return err == nil && (state.Running() || !state.ended()), err
	})
	switch {
	case err != nil:
		return "", err
	case state.Running():
		return fmt.Sprintf("still running, as process %d", state.PID), nil
	case state.LastExit == "0":
		return "done", nil
	default:
		return "", fmt.Errorf("it ended with exit code %q: run sudo %s, which reports why", state.LastExit, p.Program)
	}
}
