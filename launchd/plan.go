package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Place is where a job is installed: its property list and the login session
// that runs it. All paths are absolute paths of this machine with all links
// resolved.
type Place struct {
	Plist     string // named after the job's label
	UID       int    // user of the login session
	Launchctl Launchctl

	// Reload ends a loaded job and loads it again, even if the property list is
	// already the wanted one: a package replaces the files before it calls
	// install, and launchd still has the old job.
	Reload bool
}

// domain returns launchd's name for the session: "gui/501" or "system".
func (p Place) domain() string { return p.Launchctl.domain(p.UID) }

// Plan is a list of steps to run in this order.
type Plan struct {
	Steps     []Step
	keepGoing bool // run the next steps after a failed step
}

// Step is one change.
type Step struct {
	Does    string // "write /Users/…/io.kextwatch.agent.plist"
	Already bool   // nothing has to be done
	Err     error  // the step cannot be done and is not tried

	do func(context.Context) (outcome string, err error)
}

// NewStep returns a step for a plan that does more than this package knows. do
// returns the outcome in a few words, or "" for "done".
func NewStep(does string, already bool, do func(context.Context) (outcome string, err error)) Step {
	return Step{Does: does, Already: already, do: do}
}

// Unless returns the step with a condition: if stays returns an outcome, the step
// changes nothing and has this outcome.
func (s Step) Unless(stays func() (outcome string)) Step {
	do := s.do
	s.do = func(ctx context.Context) (string, error) {
		if outcome := stays(); outcome != "" {
			return outcome, nil
		}
		return do(ctx)
	}
	return s
}

// guarded gives the step an error if another user controls its path, so that the
// step is not run. err is what Guarded returned for the path.
func (s Step) guarded(err error) Step {
	if err != nil && s.Err == nil {
		s.Already, s.Err = false, err
	}
	return s
}

// Run runs the steps. It calls report after every step, with the outcome in a few
// words ("done", "already done") or the error. It returns the joined errors of all
// failed steps.
func (p Plan) Run(ctx context.Context, report func(step Step, outcome string, err error)) error {
	var failed []error
	for _, step := range p.Steps {
		outcome, err := step.run(ctx)
		report(step, outcome, err)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", step.Does, err))
			if !p.keepGoing {
				break
			}
		}
	}
	return errors.Join(failed...)
}

func (s Step) run(ctx context.Context) (string, error) {
	switch {
	case s.Err != nil:
		return "", s.Err
	case s.Already:
		return "already done", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	outcome, err := s.do(ctx)
	if err == nil && outcome == "" {
		outcome = "done"
	}
	return outcome, err
}

// Install returns the plan that writes the job's property list and makes launchd
// run the job. The plan ends at the first failed step. If the file in the place
// of the property list is useless to launchd, the plan replaces it. Install returns
// an error, and no plan, if anything else is in the way, or if launchctl does not
// answer.
func (p Place) Install(ctx context.Context, job Job) (Plan, error) {
	logs, err := createFolder(filepath.Dir(job.StandardErrorPath), 0o700)
	if err != nil {
		return Plan{}, err
	}
	agents, err := createFolder(filepath.Dir(p.Plist), 0o755)
	if err != nil {
		return Plan{}, err
	}
	load, err := p.planLoad(ctx, job)
	if err != nil {
		return Plan{}, err
	}
	steps := append([]Step{logs, agents}, load.steps...)
	return Plan{Steps: append(steps, p.runsStep(job, load.current && load.state.Running()))}, nil
}

// loading is how to load a job, and its present state.
type loading struct {
	steps   []Step
	current bool // the job is loaded with this property list
	state   State
}

func (p Place) planLoad(ctx context.Context, job Job) (loading, error) {
	write, err := planWrite(p.Plist, job)
	if err != nil {
		return loading{}, err
	}
	state, err := p.Launchctl.Print(ctx, p.UID, job.Label)
	if err != nil && !absent(err) {
		return loading{}, err
	}
	loaded := err == nil
	current := loaded && write.Already && !p.Reload
	var steps []Step
	if loaded && !current {
		// Unload before the file is written. Otherwise an interrupted install
		// leaves the old job loaded beside the new file, and the next install
		// takes the job for current.
		steps = append(steps, p.unloadStep(job.Label))
	}
	return loading{append(steps, write, p.loadStep(job.Label, current)), current, state}, nil
}

func (p Place) loadStep(label string, already bool) Step {
	return Step{Does: fmt.Sprintf("load %s into %s", label, p.domain()), Already: already,
		do: func(ctx context.Context) (string, error) { return "", p.load(ctx, label) }}
}

func (p Place) runsStep(job Job, already bool) Step {
	return Step{Does: "check that " + job.Label + " runs", Already: already,
		do: func(ctx context.Context) (string, error) { return p.start(ctx, job) }}
}

// planWrite returns the step that writes the job's property list at path. It returns
// an error if something is in the way that launchd may use.
func planWrite(path string, job Job) (Step, error) {
	content, err := job.Plist()
	if err != nil {
		return Step{}, err
	}
	var inTheWay *foreign
	old, err := readInstalled(path, job.Label)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &inTheWay) {
		return Step{}, err
	}
	write := "write " + path
	if inTheWay != nil {
		if !inTheWay.useless {
			return Step{}, fmt.Errorf("%w: move it away and try again", inTheWay)
		}
		write = fmt.Sprintf("replace %s, which is %s", path, inTheWay.what)
	}
	return Step{Does: write, Already: bytes.Equal(old.content, content) && old.sound(),
		do: func(context.Context) (string, error) { return "", writeFile(path, content, plistPerm) }}, nil
}

// Uninstall returns the plan that unloads the job and removes its property list
// and the folders (logs, state), which must be named after the label. After a
// failed step the plan goes on.
func (p Place) Uninstall(ctx context.Context, label string, folders ...string) Plan {
	steps := []Step{p.planUnload(ctx, label), removeInstalled(p.Plist, label)}
	for _, folder := range folders {
		steps = append(steps, removeFolder(folder, label))
	}
	return Plan{Steps: steps, keepGoing: true}
}

func (p Place) planUnload(ctx context.Context, label string) Step {
	unload := p.unloadStep(label)
	_, err := p.Launchctl.Print(ctx, p.UID, label)
	switch {
	case absent(err):
		unload.Already = true
	case err != nil:
		unload.Err = err
	}
	return unload
}

func (p Place) unloadStep(label string) Step {
	return Step{Does: fmt.Sprintf("end %s and unload it from %s", label, p.domain()),
		do: func(ctx context.Context) (string, error) { return "", p.unload(ctx, label) }}
}
