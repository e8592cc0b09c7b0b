package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// ReaderLabel names the LaunchDaemon that reads the policy as root.
	ReaderLabel = "io.kextwatch.reader"

	// ReaderProgram and ReaderPlist are paths of the Mac.
	ReaderProgram = "/Library/PrivilegedHelperTools/" + ReaderLabel
	ReaderPlist   = "/Library/LaunchDaemons/" + ReaderLabel + ".plist"

	programPerm fs.FileMode = 0o755
)

const policyFolder = "/private/var/db/SystemPolicyConfiguration"

// Daemon is the job that has program, an absolute path, publish the policy as
// root whenever the policy database changes. It ends by itself.
//
// launchd.plist(5) promises nothing for WatchPaths: changes may be missed, and
// nothing is said of a path that is not there, as the -wal and the -journal
// mostly are not. So the folder is watched, too, in which they come and go,
// and the job starts every five minutes in any case. launchd starts no job
// twice within ten seconds, and ThrottleInterval was seen not to change that.
//
// What it has to say stands in the file that it publishes, so it has no log,
// which nobody would rotate.
func Daemon(program string) Job {
	return Job{
		Label:            ReaderLabel,
		ProgramArguments: []string{program, "read-policy"},
		RunAtLoad:        true,
		WatchPaths: []string{
			policyFolder, policyFolder + "/KextPolicy", policyFolder + "/KextPolicy-wal", policyFolder + "/KextPolicy-journal",
		},
		StartInterval:               300,
		ProcessType:                 "Background",
		AssociatedBundleIdentifiers: []string{AgentLabel},
		StandardOutPath:             "/dev/null",
		StandardErrorPath:           "/dev/null",
	}
}

// DaemonPlace is where a LaunchDaemon is installed, with a copy of its
// program: root must never run a file that somebody else can replace.
type DaemonPlace struct {
	Place
	Program string // where the copy lies; absolute, on this machine

	// Guarded is an error where somebody besides root could change what lies
	// at a path of this machine, or lead it elsewhere.
	Guarded func(path string) error
}

// Program is what the program of a LaunchDaemon is copied from.
type Program struct {
	Content []byte
	From    string // where it lies, and whose it is
}

// Install plans to copy the program, to write the job's property list and to
// have launchd run it once. As for an agent, nothing is planned where
// something stands in the way.
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
	copied, err := copyProgram(program, p.Program)
	if err != nil {
		return Plan{}, err
	}
	load, err := p.planLoad(ctx, job)
	if err != nil {
		return Plan{}, err
	}
	steps := append([]Step{tools, daemons, copied}, load.steps...)
	steps = append(steps,
		Step{Does: "see that " + job.Label + " does its work", Already: copied.Already && load.well && load.state.LastExit == "0",
			do: func(ctx context.Context) (string, error) { return p.runOnce(ctx, job.Label) }},
	)
	return Plan{Steps: steps}, nil
}

// Uninstall plans to unload the job and to remove its property list, its
// program and the folder of what it wrote, which must be named after the
// agent. A step that fails does not keep the others from being done.
func (p DaemonPlace) Uninstall(ctx context.Context, label, folder string) Plan {
	return Plan{keepGoing: true, Steps: []Step{
		p.planUnload(ctx, label),
		p.guard(removeInstalled(p.Plist, label), p.Plist),
		p.guard(removeProgram(p.Program), p.Program),
		p.guard(removeFolder(folder, AgentLabel), folder),
	}}
}

// guard keeps a step from being tried at a path that somebody else controls.
func (p DaemonPlace) guard(step Step, path string) Step {
	if err := p.Guarded(path); err != nil && step.Err == nil {
		step.Already, step.Err = false, err
	}
	return step
}

// copyProgram is the step that makes path a copy of program.
func copyProgram(program Program, path string) (Step, error) {
	step := Step{Does: "copy the program to " + path + " from " + program.From, do: func(context.Context) (string, error) {
		return "", writeFile(path, program.Content, programPerm)
	}}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return step, nil
	case err != nil:
		return Step{}, err
	case !info.Mode().IsRegular():
		return Step{}, fmt.Errorf("%s is not a file: move it away and try again", path)
	case info.Mode().Perm() != programPerm || info.Size() != int64(len(program.Content)):
		return step, nil
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return Step{}, err
	}
	step.Already = bytes.Equal(old, program.Content)
	return step, nil
}

// removeProgram is the step that removes the copy of the program.
func removeProgram(path string) Step {
	step := Step{Does: "remove " + path, do: func(context.Context) (string, error) {
		return "", os.Remove(path)
	}}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		step.Already = true
	case err != nil:
		step.Err = err
	case !info.Mode().IsRegular():
		step.Err = fmt.Errorf("%s is not a file, so it is not ours", path)
	}
	return step
}

// runOnce starts the job and waits for its end.
func (p DaemonPlace) runOnce(ctx context.Context, label string) (string, error) {
	if err := p.kickstart(ctx, label); err != nil {
		return "", err
	}
	var state State
	_, err := poll(ctx, patience, func() (bool, error) {
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
		return "", fmt.Errorf("it ended with exit code %q: sudo %s read-policy says why", state.LastExit, p.Program)
	}
}
