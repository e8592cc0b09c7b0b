package setup

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

// InstallAllUsers installs the LaunchAgent of every user. It changes no home folder.
func (s *Setup) InstallAllUsers(ctx context.Context, program string, reload bool) (exit int, err error) {
	place, sessions, err := s.allUsersPlace(ctx, s.sudo("install --all-users", program))
	if err != nil {
		return 0, err
	}
	if program, err = programOrSelf(program); err != nil {
		return 0, err
	}
	if err := startsForAll(s.Mac, program); err != nil {
		return 0, err
	}
	place.Reload = reload
	name := onMac(s.Mac, program)
	job := launchd.AgentOfAll(name)
	if _, err := job.Plist(); err != nil {
		return 0, cli.Unavailable(err, "move kextwatch to a folder with another name")
	}
	plan, err := place.Install(ctx, job)
	if err != nil {
		return 0, cli.Unavailable(err, "nothing was changed; correct this and run it again")
	}
	plan.Steps = append(append(plan.Steps, sessions...), readProgramLink(s.Mac).create(name))
	if exit, err := s.carryOut(ctx, plan); err != nil || s.DryRun || s.Out.JSON {
		return exit, err
	}
	s.Out.Say("The agent starts when a user logs in. Users who are logged in have it now, unless a step above says otherwise.")
	return 0, nil
}

// allUsersRemoval returns the plan that removes the LaunchAgent of every user. Users'
// files stay.
func (s *Setup) allUsersRemoval(ctx context.Context) (launchd.Plan, error) {
	place, sessions, err := s.allUsersPlace(ctx, s.sudo("uninstall --all-users", ""))
	if err != nil {
		return launchd.Plan{}, err
	}
	ours := []string{jobOfAll(s.Mac).Program}
	if self, err := ThisProgram(); err == nil {
		ours = append(ours, onMac(s.Mac, self))
	}
	plan := place.Uninstall(ctx, probe.AgentLabel)
	plan.Steps = append(append(plan.Steps, sessions...), readProgramLink(s.Mac).remove(ours...))
	return plan, nil
}

// allUsersPlace returns the place of the LaunchAgent of every user. If it is not known
// who is logged in, sessions has a step that says so.
func (s *Setup) allUsersPlace(ctx context.Context, sudo string) (place launchd.AllUsers, sessions []launchd.Step, err error) {
	launchctl, err := s.systemLaunchctl(sudo)
	if err != nil {
		return place, nil, err
	}
	users, err := mac.LoggedIn(ctx, s.Mac)
	if err != nil {
		sessions = []launchd.Step{{Does: "find out who is logged in now", Err: fmt.Errorf("%w. The change takes effect when they log in again", err)}}
	}
	return launchd.AllUsers{
		Plist:     filepath.Join(s.Mac.Root, probe.JobOfAll),
		Users:     users,
		Launchctl: launchctl,
		Guarded:   func(path string) error { return guarded(s.Mac, path) },
	}, sessions, nil
}

// systemLaunchctl returns launchctl for a command that changes what is installed for
// every user. Only the owner of the Mac may do this: sudo is the command for others.
// Every user may print the plan.
func (s *Setup) systemLaunchctl(sudo string) (launchd.Launchctl, error) {
	none := launchd.Launchctl{}
	if s.Mac.NoTools {
		return none, cli.Usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	owner, err := s.Mac.Owner()
	if err != nil {
		return none, cli.Unavailable(err, "")
	}
	if s.Mac.UID != owner && !s.DryRun {
		return none, cli.Unavailable(fmt.Errorf("only uid %d, the owner of %s, can change what is installed for every user", owner, s.Mac.Root), "run "+sudo)
	}
	return s.launchctl()
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
