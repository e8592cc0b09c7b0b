package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"kextwatch/agent/cli"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// Install installs the LaunchAgent of the user.
func (s *Setup) Install(ctx context.Context, program string, reload bool) (exit int, err error) {
	home, place, err := s.launchPlace()
	if err != nil {
		return 0, err
	}
	place.Reload = reload
	if program, err = programOrSelf(program); err != nil {
		return 0, err
	}
	if done, err := s.installedForAll(home); done || err != nil {
		return 0, err
	}
	job := launchd.Agent(program, home)
	if _, err := job.Plist(); err != nil {
		return 0, cli.Unavailable(err, "move kextwatch to a folder with another name")
	}
	if err := startsAtLogin(s.Mac, program, home); err != nil {
		return 0, err
	}
	plan, err := place.Install(ctx, job)
	if err != nil {
		return 0, cli.Unavailable(err, s.launchHint(err))
	}
	if exit, err := s.carryOut(ctx, plan); err != nil || s.DryRun || s.Out.JSON {
		return exit, err
	}
	self, _ := ThisProgram()
	for _, line := range view.Installed(mac.ReadScreen(s.Mac), program != self || s.HasIcon(), linkCommand(program, s.Env("PATH"))) {
		s.Out.Say("%s", line)
	}
	return 0, nil
}

// programOrSelf returns the program of the flag --program, or else this one.
func programOrSelf(named string) (string, error) {
	if named == "" {
		return ThisProgram()
	}
	if !filepath.IsAbs(named) {
		return "", cli.Usage("give the absolute path", "--program %q is not an absolute path", named)
	}
	return named, nil
}

// linkCommand returns the command that makes kextwatch available on the PATH. It is
// empty if the PATH already has a kextwatch.
func linkCommand(program, path string) string {
	folder, name := filepath.Split(probe.ProgramLink)
	folder = filepath.Clean(folder)
	for _, dir := range filepath.SplitList(path) {
		if launchd.Executable(filepath.Join(dir, name)) == nil {
			return ""
		}
	}
	return fmt.Sprintf("sudo mkdir -p %s && sudo ln -s %s %s/%s", folder, probe.ShellWord(program), folder, name)
}

// installedForAll reports whether an administrator installed kextwatch for every user.
// launchd runs only one of two jobs with the same label, so there must be no second one.
func (s *Setup) installedForAll(home string) (done bool, err error) {
	switch job := jobOfAll(s.Mac); job.State {
	case probe.LoginAbsent:
		return false, nil
	case probe.LoginReady:
	case probe.LoginOtherProgram, probe.LoginProgramMissing:
		return false, cli.Unavailable(fmt.Errorf("an administrator installed kextwatch for every user, and it cannot start: %s", job.Why),
			"ask an administrator to install it again or to remove "+probe.JobOfAll)
	default: // launchd does not use the list
		s.Out.Warn("ask an administrator to remove it", "kextwatch ignores %s: %s", probe.JobOfAll, job.Why)
		return false, nil
	}
	if s.Out.JSON {
		s.Out.Document(map[string]any{"schema": 1, "dry_run": s.DryRun, "steps": []any{}, "for_all": probe.JobOfAll})
		return true, nil
	}
	s.Out.Say("An administrator installed kextwatch for every user, so there is nothing to do: %s", probe.JobOfAll)
	if _, err := os.Lstat(launchd.AgentPlist(home)); err == nil {
		s.Out.Say("Your own LaunchAgent is not needed: kextwatch uninstall removes it.")
	}
	if store.AgentRuns(store.PlacesIn(home)) == probe.No {
		s.Out.Say("It does not run now. Log out and in again to start it.")
	}
	return true, nil
}

// startsAtLogin returns an error if launchd could not start the program at each login.
func startsAtLogin(m root.FS, program, home string) error {
	const move = "move kextwatch to Applications, start it from there and install it again"
	if err := launchd.Executable(program); err != nil {
		return cli.Unavailable(err, "name a copy of kextwatch that you can run with --program, or leave --program out")
	}
	name, volume := onMac(m, program), root.VolumeOf(onMac(m, home))
	switch {
	case root.Translocated(name):
		return cli.Unavailable(fmt.Errorf("macOS runs this kextwatch from a temporary folder: %s", name), move)
	case root.Discarded(name):
		return cli.Unavailable(fmt.Errorf("this kextwatch is in a Trash or a backup: %s", name), move)
	case root.Elsewhere(name) && root.VolumeOf(name) != volume:
		return cli.Unavailable(fmt.Errorf("this kextwatch is on a disk image or another disk, which may be missing at the next login: %s", name), move)
	}
	return nil
}

// onMac turns a path of this machine into one of the Mac, without links if that is
// possible.
func onMac(m root.FS, path string) string {
	resolved := func(path string) string {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
		return path
	}
	path = resolved(path)
	if inside, err := filepath.Rel(resolved(m.Root), path); err == nil && filepath.IsLocal(inside) {
		return "/" + inside
	}
	return path
}

// launchPlace returns the place of this user's LaunchAgent.
func (s *Setup) launchPlace() (home string, place launchd.Place, err error) {
	if s.Mac.NoTools {
		return "", place, cli.Usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	if s.NoHome != nil {
		return "", place, s.NoHome
	}
	home = s.Mac.Home
	if err := MayWriteTo(s.Mac, home); err != nil {
		return "", place, cli.Unavailable(err, "run it without sudo, as the user who sees the menu bar")
	}
	launchctl, err := s.launchctl()
	if err != nil {
		return "", place, err
	}
	return home, launchd.Place{Plist: launchd.AgentPlist(home), UID: s.Mac.UID, Launchctl: launchctl}, nil
}
