package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kextwatch/agent/cli"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// setup installs kextwatch on one Mac and removes it. Its methods return the exit status:
// with --json, a step that failed is not an error but a part of the answer.
type setup struct {
	cli.Output
	mac     root.FS // Home is empty if the user's home is unknown
	noHome  error   // why the home is unknown
	env     func(string) string
	newTray func() (notify.Tray, error) // an error: this program has no icon here
	dryRun  bool                        // print the steps without doing them
}

// install installs the LaunchAgent of the user.
func (s *setup) install(ctx context.Context, program string, reload bool) (exit int, err error) {
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
	if err := startsAtLogin(s.mac, program, home); err != nil {
		return 0, err
	}
	plan, err := place.Install(ctx, job)
	if err != nil {
		return 0, cli.Unavailable(err, s.launchHint(err))
	}
	if exit, err := s.carryOut(ctx, plan); err != nil || s.dryRun || s.JSON {
		return exit, err
	}
	_, noTray := s.newTray()
	self, _ := executable()
	for _, line := range view.Installed(mac.ReadScreen(s.mac), noTray == nil || program != self, linkCommand(program, s.env("PATH"))) {
		s.Say("%s", line)
	}
	return 0, nil
}

// programOrSelf returns the program of the flag --program, or else this one.
func programOrSelf(named string) (string, error) {
	if named == "" {
		return executable()
	}
	if !filepath.IsAbs(named) {
		return "", cli.Usage("give the absolute path", "--program %q is not an absolute path", named)
	}
	return named, nil
}

// linkCommand returns the command that makes kextwatch available on the PATH. It is
// empty if there is a kextwatch.
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
func (s *setup) installedForAll(home string) (done bool, err error) {
	switch job := jobOfAll(s.mac); job.State {
	case probe.LoginAbsent:
		return false, nil
	case probe.LoginReady:
	case probe.LoginOtherProgram, probe.LoginProgramMissing:
		return false, cli.Unavailable(fmt.Errorf("an administrator installed kextwatch for every user, and it cannot start: %s", job.Why),
			"ask an administrator to install it again or to remove "+probe.JobOfAll)
	default: // launchd does not use the list
		s.Warn("ask an administrator to remove it", "kextwatch ignores %s: %s", probe.JobOfAll, job.Why)
		return false, nil
	}
	if s.JSON {
		s.Document(map[string]any{"schema": 1, "dry_run": s.dryRun, "steps": []any{}, "for_all": probe.JobOfAll})
		return true, nil
	}
	s.Say("An administrator installed kextwatch for every user, so nothing is to be done: %s", probe.JobOfAll)
	if _, err := os.Lstat(launchd.AgentPlist(home)); err == nil {
		s.Say("Your own LaunchAgent is not needed: kextwatch uninstall removes it.")
	}
	if store.AgentRuns(store.PlacesIn(home)) == probe.No {
		s.Say("It does not run now. Log out and in again to start it.")
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

// launchctlOf returns the launchctl of a Mac.
func launchctlOf(m root.FS) (launchd.Launchctl, error) {
	path, err := m.Resolve(probe.LaunchctlTool)
	if err != nil {
		return launchd.Launchctl{}, cli.Unavailable(err, "")
	}
	return launchd.Launchctl{Runner: tool.Runner{Root: m.Root, UID: m.UID}, Tool: path}, nil
}

// launchPlace returns the place of this user's LaunchAgent.
func (s *setup) launchPlace() (home string, place launchd.Place, err error) {
	if s.mac.NoTools {
		return "", place, cli.Usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	if s.noHome != nil {
		return "", place, s.noHome
	}
	home = s.mac.Home
	if err := mayWriteTo(s.mac, home); err != nil {
		return "", place, cli.Unavailable(err, "run it without sudo, as the user who sees the menu bar")
	}
	launchctl, err := launchctlOf(s.mac)
	if err != nil {
		return "", place, err
	}
	return home, launchd.Place{Plist: launchd.AgentPlist(home), UID: s.mac.UID, Launchctl: launchctl}, nil
}

// carryOut carries out a plan and prints each step when it is done.
func (s *setup) carryOut(ctx context.Context, plan launchd.Plan) (exit int, err error) {
	type stepDoc struct {
		Step    string `json:"step"`
		Outcome string `json:"outcome"`
		Error   string `json:"error,omitempty"`
	}
	steps := []stepDoc{}
	report := func(step launchd.Step, outcome string, err error) {
		doc := stepDoc{Step: step.Does, Outcome: outcome}
		if err != nil {
			doc.Outcome, doc.Error = "failed", err.Error()
		}
		steps = append(steps, doc)
		if s.JSON {
			return
		}
		if err != nil {
			s.Say("%s: failed: %v", step.Does, err)
			return
		}
		s.Say("%s: %s", step.Does, outcome)
	}
	if s.dryRun {
		for _, step := range plan.Steps {
			outcome := "would be done"
			if step.Already {
				outcome = "already so"
			}
			report(step, outcome, step.Err)
		}
	} else if err = plan.Run(ctx, report); err != nil && !s.JSON {
		failed := errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
		return 0, cli.Unavailable(failed, s.launchHint(err))
	}
	if s.JSON {
		s.Document(map[string]any{"schema": 1, "dry_run": s.dryRun, "steps": steps})
		if err != nil {
			return cli.ExitUnavailable, nil
		}
	}
	return 0, nil
}

// launchHint returns the next step for an error of launchd.
func (s *setup) launchHint(err error) string {
	switch {
	case errors.Is(err, launchd.ErrDisabled):
		return view.OnScreen(mac.ReadScreen(s.mac), "switch it on in {System Settings} > {General} > {Login Items & Extensions} (up to macOS 12: launchctl enable)")
	case errors.Is(err, launchd.ErrNoSession) && s.env("SSH_CONNECTION") != "":
		return "an ssh session has no screen for the icon: the agent starts when this user next logs in at the Mac itself"
	case errors.Is(err, launchd.ErrNoSession):
		return "the agent starts when this user next logs in at the Mac's screen"
	}
	return "repeat it: what is done already stays, and --dry-run shows what is left"
}
