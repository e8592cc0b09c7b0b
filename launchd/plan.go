package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Place is where a job is installed: the property list, and the login session
// that runs it. All paths are absolute, on this machine, and resolved.
type Place struct {
	Plist     string // named after the job's label
	UID       int    // whose login session
	Launchctl Launchctl
}

// domain is where launchd keeps the job: "gui/501", "system".
func (p Place) domain() string { return p.Launchctl.domain(p.UID) }

// Plan is what is to be done, in this order.
type Plan struct {
	Steps     []Step
	keepGoing bool // a failed step does not keep the next ones from running
}

// Step is one thing to do.
type Step struct {
	Does    string // "write /Users/…/io.kextwatch.agent.plist"
	Already bool   // it is so already: nothing will be done
	Err     error  // it cannot be done: nothing will be tried

	do func(context.Context) (outcome string, err error)
}

// NewStep is a step of the caller's own, for a plan that does more than
// launchd is concerned with. do returns the outcome in a few words, or "" for
// "done".
func NewStep(does string, already bool, do func(context.Context) (outcome string, err error)) Step {
	return Step{Does: does, Already: already, do: do}
}

// Run does what the plan says and reports every step as it is over: the
// outcome in a few words ("done", "already so"), or the error. It returns the
// errors of all steps that failed.
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
		return "already so", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	outcome, err := s.do(ctx)
	if err == nil && outcome == "" {
		outcome = "done"
	}
	return outcome, err
}

// Install plans to write the job's property list and to have launchd run it.
// The plan ends at the first step that fails. Something that is not ours at the
// place of the property list is set aside, never overwritten. It is an error,
// and nothing is planned, where something else stands in the way that is not
// ours to change, or where launchd cannot be asked.
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
	steps = append(steps,
		Step{Does: "see that " + job.Label + " runs", Already: load.well && load.state.Running(),
			do: func(ctx context.Context) (string, error) { return p.start(ctx, job) }},
	)
	return Plan{Steps: steps}, nil
}

// loading is how to have launchd know a job, and how the job is now.
type loading struct {
	steps []Step
	well  bool // launchd knows it as it is to be
	state State
}

func (p Place) planLoad(ctx context.Context, job Job) (loading, error) {
	content, err := job.Plist()
	if err != nil {
		return loading{}, err
	}
	var inTheWay *foreign
	old, err := readInstalled(p.Plist, job.Label)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &inTheWay) {
		return loading{}, err
	}
	if err == nil && filepath.Base(old.program) != filepath.Base(job.ProgramArguments[0]) {
		inTheWay = &foreign{p.Plist, fmt.Sprintf("a job with the program %q", old.program)}
	}
	state, err := p.Launchctl.Print(ctx, p.UID, job.Label)
	if err != nil && !absent(err) {
		return loading{}, err
	}
	written := bytes.Equal(old.content, content) && old.sound
	loaded := err == nil
	var steps []Step
	if loaded && !written {
		// Before the file is written: were it after, an install cut short in
		// between would leave the old job loaded beside the new file, and the
		// next one would take that for well.
		steps = append(steps, p.unloadStep(job.Label))
	}
	if inTheWay != nil {
		steps = append(steps, setAside(inTheWay))
	}
	steps = append(steps,
		Step{Does: "write " + p.Plist, Already: written, do: func(context.Context) (string, error) {
			return "", writeFile(p.Plist, content, plistPerm)
		}},
		Step{Does: fmt.Sprintf("load %s into %s", job.Label, p.domain()), Already: loaded && written,
			do: func(ctx context.Context) (string, error) { return "", p.load(ctx, job.Label) }},
	)
	return loading{steps, loaded && written, state}, nil
}

// Uninstall plans to unload the job and to remove its property list and the
// folders, which must be named after the label: logs, state. A step that fails
// does not keep the others from being done.
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
