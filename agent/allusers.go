package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"kextwatch/agent/cli"
	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// installAllUsers installs the LaunchAgent of every user. It changes no home folder.
func (s *setup) installAllUsers(ctx context.Context, program string, reload bool) (exit int, err error) {
	place, sessions, err := s.allUsersPlace(ctx, sudo(s.mac, "install --all-users", program))
	if err != nil {
		return 0, err
	}
	if program, err = programOrSelf(program); err != nil {
		return 0, err
	}
	if err := startsForAll(s.mac, program); err != nil {
		return 0, err
	}
	place.Reload = reload
	name := onMac(s.mac, program)
	job := launchd.AgentOfAll(name)
	if _, err := job.Plist(); err != nil {
		return 0, cli.Unavailable(err, "move kextwatch to a folder with another name")
	}
	plan, err := place.Install(ctx, job)
	if err != nil {
		return 0, cli.Unavailable(err, "nothing was changed; correct this and run it again")
	}
	plan.Steps = append(append(plan.Steps, sessions...), readProgramLink(s.mac).create(name))
	if exit, err := s.carryOut(ctx, plan); err != nil || s.dryRun || s.JSON {
		return exit, err
	}
	s.Say("The agent starts when a user logs in. Users who are logged in have it now, unless a step above says otherwise.")
	return 0, nil
}

// allUsersRemoval returns the plan that removes the LaunchAgent of every user. Users'
// files stay.
func (s *setup) allUsersRemoval(ctx context.Context) (launchd.Plan, error) {
	place, sessions, err := s.allUsersPlace(ctx, sudo(s.mac, "uninstall --all-users", ""))
	if err != nil {
		return launchd.Plan{}, err
	}
	ours := []string{jobOfAll(s.mac).Program}
	if self, err := executable(); err == nil {
		ours = append(ours, onMac(s.mac, self))
	}
	plan := place.Uninstall(ctx, probe.AgentLabel)
	plan.Steps = append(append(plan.Steps, sessions...), readProgramLink(s.mac).remove(ours...))
	return plan, nil
}

// allUsersPlace returns the place of the LaunchAgent of every user. If it is not known
// who is logged in, sessions has a step that says so.
func (s *setup) allUsersPlace(ctx context.Context, sudo string) (place launchd.AllUsers, sessions []launchd.Step, err error) {
	launchctl, err := s.systemLaunchctl(sudo)
	if err != nil {
		return place, nil, err
	}
	users, err := mac.LoggedIn(ctx, s.mac)
	if err != nil {
		sessions = []launchd.Step{{Does: "find out who is logged in now", Err: fmt.Errorf("%w. The change takes effect when they log in again", err)}}
	}
	return launchd.AllUsers{
		Plist:     filepath.Join(s.mac.Root, probe.JobOfAll),
		Users:     users,
		Launchctl: launchctl,
		Guarded:   func(path string) error { return guarded(s.mac, path) },
	}, sessions, nil
}

// systemLaunchctl returns launchctl for a command that changes what is installed for
// every user. Only the owner of the Mac may do this: sudo is the command for others.
// Every user may print the plan.
func (s *setup) systemLaunchctl(sudo string) (launchd.Launchctl, error) {
	none := launchd.Launchctl{}
	if s.mac.NoTools {
		return none, cli.Usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	owner, err := s.mac.Owner()
	if err != nil {
		return none, cli.Unavailable(err, "")
	}
	if s.mac.UID != owner && !s.dryRun {
		return none, cli.Unavailable(fmt.Errorf("only uid %d, the owner of %s, can change what is installed for every user", owner, s.mac.Root), "run "+sudo)
	}
	return launchctlOf(s.mac)
}

// startsForAll returns an error if launchd could not start the program for every user,
// or if a user could replace it: then that user would decide what others run.
func startsForAll(m root.FS, program string) error {
	if err := startsAtLogin(m, program, filepath.Join(m.Root, probe.JobOfAll)); err != nil {
		return err
	}
	if strings.HasPrefix(onMac(m, program), "/Users/") {
		return cli.Unavailable(fmt.Errorf("other users cannot open a program in a home folder: %s", program), movedHint)
	}
	_, trust, err := ownTrust(m)
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
		return cli.Unavailable(err, movedHint)
	}
	_, err = trust.Walk("/", real)
	if untrusted, ok := errors.AsType[*root.Untrusted](err); ok {
		return cli.Unavailable(fmt.Errorf("every user would run %s: %s", program, untrusted.What), movedHint)
	}
	return err
}
