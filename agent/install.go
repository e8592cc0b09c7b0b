package main

import (
	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/setup"
	"kextwatch/notify"
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
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s := in.setup(dryRun)
			switch {
			case reader && allUsers:
				return cli.Usage("run it once with each of them", "--reader and --all-users cannot be used together")
			case reader:
				in.exit, err = s.InstallReader(cmd.Context(), program, reload)
			case allUsers:
				in.exit, err = s.InstallAllUsers(cmd.Context(), program, reload)
			default:
				in.exit, err = s.Install(cmd.Context(), program, reload)
			}
			return err
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
	var parts setup.SharedParts
	var what setup.Remains
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
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s := in.setup(dryRun)
			if parts == (setup.SharedParts{}) && in.uid == 0 && in.target.mac.Root == "/" {
				parts = setup.SharedParts{Reader: true, AllUsers: true}
			}
			if parts != (setup.SharedParts{}) {
				in.exit, err = s.UninstallShared(cmd.Context(), parts)
			} else {
				in.exit, err = s.Uninstall(cmd.Context(), what)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&parts.Reader, "reader", false, "remove only what install --reader installed")
	cmd.Flags().BoolVar(&parts.AllUsers, "all-users", false, "remove only what install --all-users installed")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the steps without doing them")
	cmd.Flags().BoolVar(&what.KeepData, "keep-data", false, "keep the history, the memory and the log")
	cmd.Flags().BoolVar(&what.DropSettings, "settings", false, "also remove your settings")
	return cmd
}

// setup returns what installs and removes kextwatch on the chosen Mac.
func (in *invocation) setup(dryRun bool) *setup.Setup {
	return &setup.Setup{
		Out: in.out, Mac: in.target.mac, NoHome: in.target.noHome,
		Env: in.env, HasIcon: hasIcon(in.newTray), DryRun: dryRun,
	}
}

// hasIcon returns a function that reports whether this program can show an icon here.
func hasIcon(newTray func() (notify.Tray, error)) func() bool {
	return func() bool {
		_, err := newTray()
		return err == nil
	}
}
