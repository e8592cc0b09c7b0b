package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// installAllUsers installs the LaunchAgent of every user. It changes no home folder.
func (in *invocation) installAllUsers(ctx context.Context, program string, dryRun, reload bool) error {
	place, sessions, err := in.allUsersPlace(ctx, in.sudo("install --all-users", program), dryRun)
	if err != nil {
		return err
	}
	if program, err = programOrSelf(program); err != nil {
		return err
	}
	if err := in.startsForAll(program); err != nil {
		return err
	}
	place.Reload = reload
	name := onMac(in.mac, program)
	job := launchd.AgentOfAll(name)
	if _, err := job.Plist(); err != nil {
		return unavailable(err, "move kextwatch to a folder with another name")
	}
	plan, err := place.Install(ctx, job)
	if err != nil {
		return unavailable(err, "nothing was changed; correct this and run it again")
	}
	plan.Steps = append(append(plan.Steps, sessions...), in.programLink().create(name))
	if err := in.carryOut(ctx, plan, dryRun); err != nil || dryRun || in.speaker.json {
		return err
	}
	in.say("The agent starts when a user logs in. Users who are logged in have it now, unless a step above says otherwise.")
	return nil
}

// allUsersRemoval returns the plan that removes the LaunchAgent of every user. Users'
// files stay.
func (in *invocation) allUsersRemoval(ctx context.Context, dryRun bool) (launchd.Plan, error) {
	place, sessions, err := in.allUsersPlace(ctx, in.sudo("uninstall --all-users", ""), dryRun)
	if err != nil {
		return launchd.Plan{}, err
	}
	ours := []string{jobOfAll(in.mac).Program}
	if self, err := executable(); err == nil {
		ours = append(ours, onMac(in.mac, self))
	}
	plan := place.Uninstall(ctx, probe.AgentLabel)
	plan.Steps = append(append(plan.Steps, sessions...), in.programLink().remove(ours...))
	return plan, nil
}

// allUsersPlace returns the place of the LaunchAgent of every user. If it is not known
// who is logged in, sessions has a step that says so.
func (in *invocation) allUsersPlace(ctx context.Context, sudo string, dryRun bool) (place launchd.AllUsers, sessions []launchd.Step, err error) {
	launchctl, err := in.systemLaunchctl(sudo, dryRun)
	if err != nil {
		return place, nil, err
	}
	users, err := mac.LoggedIn(ctx, in.mac)
	if err != nil {
		sessions = []launchd.Step{{Does: "find out who is logged in now", Err: fmt.Errorf("%w. The change takes effect when they log in again", err)}}
	}
	return launchd.AllUsers{
		Plist:     filepath.Join(in.mac.Root, probe.JobOfAll),
		Users:     users,
		Launchctl: launchctl,
		Guarded:   func(path string) error { return guarded(in.mac, path) },
	}, sessions, nil
}

// systemLaunchctl returns launchctl for a command that changes what is installed for
// every user. Only the owner of the Mac may do this: sudo is the command for others.
// Every user may print the plan.
func (in *invocation) systemLaunchctl(sudo string, dryRun bool) (launchd.Launchctl, error) {
	none := launchd.Launchctl{}
	if in.mac.NoTools {
		return none, usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	owner, err := in.mac.Owner()
	if err != nil {
		return none, unavailable(err, "")
	}
	if in.uid != owner && !dryRun {
		return none, unavailable(fmt.Errorf("only uid %d, the owner of %s, can change what is installed for every user", owner, in.mac.Root), "run "+sudo)
	}
	tool, err := in.mac.Resolve(probe.LaunchctlTool)
	if err != nil {
		return none, unavailable(err, "")
	}
	return launchd.Launchctl{Runner: in.runner(), Tool: tool}, nil
}

// startsForAll returns an error if launchd could not start the program for every user,
// or if a user could replace it: then that user would decide what others run.
func (in *invocation) startsForAll(program string) error {
	if err := startsAtLogin(in.mac, program, filepath.Join(in.mac.Root, probe.JobOfAll)); err != nil {
		return err
	}
	if strings.HasPrefix(onMac(in.mac, program), "/Users/") {
		return unavailable(fmt.Errorf("other users cannot open a program in a home folder: %s", program), movedHint)
	}
	_, trust, err := in.ownTrust()
	if err != nil {
		return err
	}
	return closedToUsers(program, trust)
}

// closedToUsers returns an error if a user whom the rule does not trust could replace a
// program.
func closedToUsers(program string, trust root.Trust) error {
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return unavailable(err, movedHint)
	}
	_, err = trust.Walk("/", real)
	if untrusted, ok := errors.AsType[*root.Untrusted](err); ok {
		return unavailable(fmt.Errorf("every user would run %s: %s", program, untrusted.What), movedHint)
	}
	return err
}
