package launchd

import (
	"context"
	"errors"
	"path/filepath"
)

// AllUsers is where root installs an agent for every user: one property list, which
// launchd loads at each login, and the sessions of the users who are logged in now.
type AllUsers struct {
	Plist     string // absolute, on this machine, named after the job's label
	Users     []int  // uids with a graphical login session
	Launchctl Launchctl
	Reload    bool // see Place.Reload

	// Guarded returns an error if a user besides root could change the file at
	// a path of this machine or make the path lead elsewhere.
	Guarded func(path string) error
}

// Install returns the plan that writes the job's property list and makes launchd run
// the job in each session. A session that fails does not stop the others. It returns an
// error, and no plan, if something is in the way of the property list.
//
// A user may have a LaunchAgent of the same label. launchd runs only one of the
// two in a session, so a loaded one stays, and its step names it.
func (a AllUsers) Install(ctx context.Context, job Job) (Plan, error) {
	if err := a.Guarded(a.Plist); err != nil {
		return Plan{}, err
	}
	folder, err := createFolder(filepath.Dir(a.Plist), 0o755)
	if err != nil {
		return Plan{}, err
	}
	write, err := planWrite(a.Plist, job)
	if err != nil {
		return Plan{}, err
	}
	written := write.Already
	do := write.do
	write.do = func(ctx context.Context) (string, error) {
		outcome, err := do(ctx)
		written = err == nil
		return outcome, err
	}
	unwritten := func() string {
		if written {
			return ""
		}
		return "not tried: the property list could not be written"
	}
	steps, sessions := []Step{folder}, []Step{}
	for _, uid := range a.Users {
		p := a.session(uid)
		state, err := p.Launchctl.Print(ctx, uid, job.Label)
		load := p.loadStep(job.Label, false)
		switch {
		case errors.Is(err, ErrNoSession):
			sessions = append(sessions, load.Unless(func() string { return "not now: it starts when this user next logs in at the Mac's screen" }))
		case err != nil && !absent(err):
			load.Err = err
			sessions = append(sessions, load)
		case err == nil && a.isOther(state):
			sessions = append(sessions, load.Unless(func() string { return a.stays(state, "kextwatch uninstall --keep-data") }))
		default:
			loaded := err == nil
			current := loaded && write.Already && !a.Reload
			if loaded && !current {
				steps = append(steps, p.unloadStep(job.Label)) // before the file is written: see planLoad
			}
			load.Already = current
			sessions = append(sessions, load.Unless(unwritten), p.runsStep(job, current && state.Running()).Unless(unwritten))
		}
	}
	return Plan{Steps: append(append(steps, write), sessions...), keepGoing: true}, nil
}

// Uninstall returns the plan that unloads the job from each session and removes its
// property list. A user's own LaunchAgent of the same label stays.
func (a AllUsers) Uninstall(ctx context.Context, label string) Plan {
	var steps []Step
	for _, uid := range a.Users {
		p := a.session(uid)
		unload := p.unloadStep(label)
		switch state, err := p.Launchctl.Print(ctx, uid, label); {
		case absent(err):
			unload.Already = true
		case err != nil:
			unload.Err = err
		case a.isOther(state):
			unload = unload.Unless(func() string { return a.stays(state, "kextwatch uninstall") })
		}
		steps = append(steps, unload)
	}
	list := removeInstalled(a.Plist, label).guarded(a.Guarded(a.Plist))
	return Plan{Steps: append(steps, list), keepGoing: true}
}

func (a AllUsers) session(uid int) Place {
	return Place{Plist: a.Plist, UID: uid, Launchctl: a.Launchctl}
}

// stays is the outcome for a job that the user installed. command removes it.
func (a AllUsers) stays(own State, command string) string {
	return "not done: this user's own " + own.Path + " is loaded. Without sudo, " + command + " removes it"
}

// isOther reports whether the loaded job comes from another property list.
func (a AllUsers) isOther(loaded State) bool {
	return loaded.Path != "" && loaded.Path != showable(a.Plist)
}
