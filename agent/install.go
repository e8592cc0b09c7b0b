package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

func (in *invocation) installCommand() *cobra.Command {
	var dryRun, reader, allUsers, reload bool
	var program string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Start kextwatch at login, as a LaunchAgent, and now",
		Long: `install writes the LaunchAgent of the user who runs it and has launchd start
it. It prints each step. You can repeat it: it skips steps that are done. It
refuses a program that could not start at the next login.

With --reader it installs, as root, a LaunchDaemon that reads the policy for every
user, and prepares a folder for each user in which the user's agent writes its state
for fleet tools. Repeat it after a user was added. It copies kextwatch-reader from
the folder of this program or from the app. Only root, the owner of this program and
administrators may have write access to it. make build also builds kextwatch-reader;
--program names another copy.

With --all-users it installs, as root, the LaunchAgent of every user and a link in
/usr/local/bin. It starts the agent for those who are logged in. It writes nothing
in a home folder.`,
		Example: `  kextwatch install --dry-run
  kextwatch install
  sudo kextwatch install --reader
  sudo kextwatch install --all-users`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case reader && allUsers:
				return usage("run it once with each of them", "--reader and --all-users cannot be used together")
			case reader:
				return in.installReader(cmd.Context(), program, dryRun, reload)
			case allUsers:
				return in.installAllUsers(cmd.Context(), program, dryRun, reload)
			}
			return in.install(cmd.Context(), program, dryRun, reload)
		},
	}
	cmd.Flags().BoolVar(&reader, "reader", false, "install only the LaunchDaemon that reads the policy as root")
	cmd.Flags().BoolVar(&allUsers, "all-users", false, "install the LaunchAgent of every user")
	cmd.Flags().BoolVar(&reload, "reload", false, "also start again what runs already, because its files were replaced")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the steps without doing them")
	cmd.Flags().StringVar(&program, "program", "", "absolute `PATH` of the program to start (default: this program; with --reader: kextwatch-reader in the same folder or in the app)")
	return cmd
}

func (in *invocation) uninstallCommand() *cobra.Command {
	var dryRun bool
	var parts sharedParts
	var what remains
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop kextwatch and remove what it wrote",
		Long: `uninstall stops the agent and removes its LaunchAgent and what it wrote: the
history, the memory, the log. Your settings stay, unless --settings is given.
With sudo it removes what was installed for every user. If a step fails, uninstall
continues with the next one. You can repeat it.`,
		Example: `  kextwatch uninstall --keep-data
  sudo kextwatch uninstall`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if parts == (sharedParts{}) && in.uid == 0 && in.mac.Root == "/" {
				parts = sharedParts{reader: true, allUsers: true}
			}
			if parts != (sharedParts{}) {
				return in.uninstallShared(cmd.Context(), parts, dryRun)
			}
			return in.uninstall(cmd.Context(), what, dryRun)
		},
	}
	cmd.Flags().BoolVar(&parts.reader, "reader", false, "remove only what install --reader installed")
	cmd.Flags().BoolVar(&parts.allUsers, "all-users", false, "remove only what install --all-users installed")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the steps without doing them")
	cmd.Flags().BoolVar(&what.keepData, "keep-data", false, "keep the history, the memory and the log")
	cmd.Flags().BoolVar(&what.dropSettings, "settings", false, "also remove your settings")
	return cmd
}

func (in *invocation) install(ctx context.Context, program string, dryRun, reload bool) error {
	home, place, err := in.launchPlace()
	if err != nil {
		return err
	}
	place.Reload = reload
	if program, err = programOrSelf(program); err != nil {
		return err
	}
	if done, err := in.installedForAll(home, dryRun); done || err != nil {
		return err
	}
	job := launchd.Agent(program, home)
	if _, err := job.Plist(); err != nil {
		return unavailable(err, "move kextwatch to a folder with another name")
	}
	if err := startsAtLogin(in.mac, program, home); err != nil {
		return err
	}
	plan, err := place.Install(ctx, job)
	if err != nil {
		return unavailable(err, in.launchHint(err))
	}
	if err := in.carryOut(ctx, plan, dryRun); err != nil || dryRun || in.speaker.json {
		return err
	}
	_, noTray := in.newTray()
	self, _ := executable()
	for _, line := range view.Installed(mac.ReadScreen(in.mac), noTray == nil || program != self, in.linkCommand(program)) {
		in.say("%s", line)
	}
	return nil
}

// programOrSelf returns the program of the flag --program, or else this one.
func programOrSelf(named string) (string, error) {
	if named == "" {
		return executable()
	}
	if !filepath.IsAbs(named) {
		return "", usage("give the absolute path", "--program %q is not an absolute path", named)
	}
	return named, nil
}

// linkCommand returns the command that makes kextwatch available on the PATH. It is
// empty if there is a kextwatch.
func (in *invocation) linkCommand(program string) string {
	folder, name := filepath.Split(probe.ProgramLink)
	folder = filepath.Clean(folder)
	for _, dir := range filepath.SplitList(in.env("PATH")) {
		if launchd.Executable(filepath.Join(dir, name)) == nil {
			return ""
		}
	}
	return fmt.Sprintf("sudo mkdir -p %s && sudo ln -s %s %s/%s", folder, probe.ShellWord(program), folder, name)
}

// installedForAll reports whether an administrator installed kextwatch for every user.
// launchd runs only one of two jobs with the same label, so there must be no second one.
func (in *invocation) installedForAll(home string, dryRun bool) (done bool, err error) {
	switch job := jobOfAll(in.mac); job.State {
	case probe.LoginAbsent:
		return false, nil
	case probe.LoginReady:
	case probe.LoginOtherProgram, probe.LoginProgramMissing:
		return false, unavailable(fmt.Errorf("an administrator installed kextwatch for every user, and it cannot start: %s", job.Why),
			"ask an administrator to install it again or to remove "+probe.JobOfAll)
	default: // launchd does not use the list
		in.warn("ask an administrator to remove it", "kextwatch ignores %s: %s", probe.JobOfAll, job.Why)
		return false, nil
	}
	if in.speaker.json {
		in.document(map[string]any{"schema": 1, "dry_run": dryRun, "steps": []any{}, "for_all": probe.JobOfAll})
		return true, nil
	}
	in.say("An administrator installed kextwatch for every user, so nothing is to be done: %s", probe.JobOfAll)
	if _, err := os.Lstat(launchd.AgentPlist(home)); err == nil {
		in.say("Your own LaunchAgent is not needed: kextwatch uninstall removes it.")
	}
	if store.AgentRuns(store.PlacesIn(home)) == probe.No {
		in.say("It does not run now. Log out and in again to start it.")
	}
	return true, nil
}

// startsAtLogin returns an error if launchd could not start the program at each login.
func startsAtLogin(m root.FS, program, home string) error {
	const move = "move kextwatch to Applications, start it from there and install it again"
	if err := launchd.Executable(program); err != nil {
		return unavailable(err, "name a copy of kextwatch that you can run with --program, or leave --program out")
	}
	name, volume := onMac(m, program), root.VolumeOf(onMac(m, home))
	switch {
	case root.Translocated(name):
		return unavailable(fmt.Errorf("macOS runs this kextwatch from a temporary folder: %s", name), move)
	case root.Discarded(name):
		return unavailable(fmt.Errorf("this kextwatch is in a Trash or a backup: %s", name), move)
	case root.Elsewhere(name) && root.VolumeOf(name) != volume:
		return unavailable(fmt.Errorf("this kextwatch is on a disk image or another disk, which may be missing at the next login: %s", name), move)
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

// runner runs the tools of this Mac.
func (in *invocation) runner() tool.Runner { return tool.Runner{Root: in.mac.Root, UID: in.uid} }

// launchPlace returns the place of this user's LaunchAgent.
func (in *invocation) launchPlace() (home string, place launchd.Place, err error) {
	if in.mac.NoTools {
		return "", place, usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	home, err = in.home()
	if err != nil {
		return "", place, err
	}
	if err := in.mayWriteTo(home); err != nil {
		return "", place, unavailable(err, "run it without sudo, as the user who sees the menu bar")
	}
	launchctl, err := in.mac.Resolve(probe.LaunchctlTool)
	if err != nil {
		return "", place, unavailable(err, "")
	}
	return home, launchd.Place{
		Plist: launchd.AgentPlist(home), UID: in.uid, Launchctl: launchd.Launchctl{Runner: in.runner(), Tool: launchctl},
	}, nil
}

// carryOut carries out a plan and prints each step when it is done.
func (in *invocation) carryOut(ctx context.Context, plan launchd.Plan, dryRun bool) error {
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
		if in.speaker.json {
			return
		}
		if err != nil {
			in.say("%s: failed: %v", step.Does, err)
			return
		}
		in.say("%s: %s", step.Does, outcome)
	}
	var err error
	if dryRun {
		for _, step := range plan.Steps {
			outcome := "would be done"
			if step.Already {
				outcome = "already so"
			}
			report(step, outcome, step.Err)
		}
	} else if err = plan.Run(ctx, report); err != nil && !in.speaker.json {
		failed := errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
		return unavailable(failed, in.launchHint(err))
	}
	if in.speaker.json {
		in.document(map[string]any{"schema": 1, "dry_run": dryRun, "steps": steps})
		if err != nil {
			in.exit = exitUnavailable
		}
	}
	return nil
}

// launchHint returns the next step for an error of launchd.
func (in *invocation) launchHint(err error) string {
	switch {
	case errors.Is(err, launchd.ErrDisabled):
		return view.OnScreen(mac.ReadScreen(in.mac), "switch it on in {System Settings} > {General} > {Login Items & Extensions} (up to macOS 12: launchctl enable)")
	case errors.Is(err, launchd.ErrNoSession) && in.env("SSH_CONNECTION") != "":
		return "an ssh session has no screen for the icon: the agent starts when this user next logs in at the Mac itself"
	case errors.Is(err, launchd.ErrNoSession):
		return "the agent starts when this user next logs in at the Mac's screen"
	}
	return "repeat it: what is done already stays, and --dry-run shows what is left"
}
