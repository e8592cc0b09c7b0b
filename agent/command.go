package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/probe/root"
)

// invocation is one call of the program: its host, its global flags, and what they choose.
// Each command takes from it the values that it needs.
type invocation struct {
	host
	out cli.Output

	root, volume, homeFlag, nowFlag, logLevel string

	target  target
	logging logging
	exit    int
}

func newInvocation(h host) *invocation {
	return &invocation{host: h, out: cli.Output{Stdout: h.stdout, Stderr: h.stderr, Lost: new(error)}}
}

// run runs the command that the arguments name, and returns its exit status.
func run(ctx context.Context, args []string, h host) int {
	in := newInvocation(h)
	root := in.commands()
	root.SetArgs(args)
	in.out.JSON = slices.Contains(args, "--json") // applies to errors in earlier arguments as well
	root.SetIn(h.stdin)
	root.SetOut(h.stdout)
	root.SetErr(h.stderr)
	err := root.ExecuteContext(ctx)
	if f := (*cli.Failure)(nil); err != nil && !errors.As(err, &f) && in.target.mac.Root == "" {
		// an error of cobra, before any command ran
		err = cli.Usage("kextwatch --help lists the commands and flags", "%w", err)
	}
	return in.finish(ctx, err)
}

// finish reports the error of a command, or that its answer was not written, and returns the
// exit status.
func (in *invocation) finish(ctx context.Context, err error) int {
	if err != nil {
		if ctx.Err() != nil {
			err = cli.Interrupted()
		}
		return in.out.Fail(err)
	}
	if lost := *in.out.Lost; lost != nil && ctx.Err() == nil {
		in.out.JSON = false // standard output takes no document
		return in.out.Fail(lost)
	}
	return in.exit
}

// commands returns all commands. The global flags are known when a command runs, so the
// constructors of those that depend on them are methods.
func (in *invocation) commands() *cobra.Command {
	showVersion := false
	root := &cobra.Command{
		Use:   "kextwatch",
		Short: "Reports when macOS waits for you to allow a kernel extension",
		Long: `kextwatch reports when macOS waits for you to allow a kernel extension, of
Parallels Desktop or of another developer, and how long the Allow button stays.
It opens the pane and says what to do next.`,
		Example: `  kextwatch status            show the current status
  kextwatch install           start at login, as a LaunchAgent
  kextwatch open              open the pane with the Allow button
  kextwatch demo              show everything on a simulated Mac`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return in.prepare(cmd) },
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				writeVersion(in.out)
				return nil
			}
			if in.out.JSON {
				return refuseJSON(cmd)
			}
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version of kextwatch")
	flags := root.PersistentFlags()
	flags.StringVar(&in.root, "root", "/", "a simulated Mac: `DIR` is its /; all files and tools are below it")
	flags.StringVar(&in.volume, "volume", "", "another Mac's disk at `DIR`: read files only, execute nothing")
	flags.StringVar(&in.homeFlag, "home", "", "the user's home folder `DIR` (default $HOME, or the only home below --root; as root: the user at the screen, or the last one there)")
	flags.StringVar(&in.nowFlag, "now", "", "use this `TIME` (RFC 3339) as the current time: status, explain, doctor, sim")
	flags.BoolVar(&in.out.JSON, "json", false, "one JSON document on standard output")
	flags.StringVar(&in.logLevel, "log-level", "info", "`LEVEL` of the log: error, warn, info, debug; with this flag, run also logs to standard error")
	root.AddCommand(
		in.runCommand(), in.statusCommand(), in.explainCommand(), in.doctorCommand(), in.historyCommand(), in.openCommand(),
		in.installCommand(), in.uninstallCommand(), demoCommand(in.host, &in.out), in.simCommand(), postCommand(in.stdin), versionCommand(&in.out),
		in.retryCommand(), in.upgradeCheckCommand(),
		in.readPolicyCommand(),
		completionCommand(in.stdout), manCommand(in.stdout, in.env, in.clock),
		in.settingsCommand(), in.logsCommand(),
		in.notifyTestCommand(), in.watchCommand(), in.reportCommand(), in.guideCommand(),
		in.fleetCommand(),
		profileCommand(&in.out),
	)
	addHelp(root)
	return root
}

// prepare selects the Mac to examine from the global flags.
func (in *invocation) prepare(cmd *cobra.Command) error {
	if err := in.logging.level.UnmarshalText([]byte(in.logLevel)); err != nil {
		return cli.Usage("use error, warn, info or debug", "unknown log level %q", in.logLevel)
	}
	in.logging.shown = cmd.Flags().Changed("log-level")
	command := cmd.Name()
	if in.out.JSON && cmd.HasParent() && textOnly(command) {
		return refuseJSON(cmd)
	}
	if in.nowFlag != "" && !slices.Contains([]string{"status", "explain", "doctor", "sim"}, command) {
		return cli.Usage("use --now with status, explain, doctor or sim", "%s does not accept --now", command)
	}
	if in.nowFlag != "" {
		now, err := time.Parse(time.RFC3339, in.nowFlag)
		if err != nil {
			return cli.Usage("write it like 2026-05-06T05:50:00Z", "invalid time for --now: %q", in.nowFlag)
		}
		in.clock.Now = func() time.Time { return now }
	}
	dir, flag := in.root, "--root"
	if in.volume != "" {
		if in.root != "/" {
			return cli.Usage("--root runs the tools below it, --volume runs nothing: choose one", "--root and --volume cannot be used together")
		}
		dir, flag = in.volume, "--volume"
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(abs)
	if err != nil || !info.IsDir() {
		return cli.Usage("name a directory that is laid out as a Mac's /", "%s %s is not a directory", flag, dir)
	}
	// "/Volumes/Macintosh HD" is a link to "/". It must not be treated as a simulated Mac.
	if slash, err := os.Stat("/"); err == nil && os.SameFile(info, slash) {
		abs = "/"
	}
	in.target = target{
		mac:   root.FS{Root: abs, NoTools: in.volume != "", UID: in.uid},
		clock: in.clock, whatIf: in.nowFlag != "", env: in.env,
	}
	in.chooseHome()
	return nil
}

// refuseJSON returns the error for --json at a command whose answer is text: a script
// must not have to read it.
func refuseJSON(cmd *cobra.Command) error {
	return cli.Usage("leave out --json", "%s has no JSON form", cmd.Name())
}

// chooseHome chooses the user, and the user's home folder as a path of this machine.
func (in *invocation) chooseHome() {
	t := &in.target
	switch {
	case in.homeFlag != "":
		t.mac.Home, t.noHome = filepath.Abs(in.homeFlag)
	case in.uid == 0:
		t.person, t.mac.Home, t.noHome = personOn(t.mac)
	case t.mac.Root == "/":
		if t.mac.Home = in.env("HOME"); !filepath.IsAbs(t.mac.Home) {
			t.mac.Home, t.noHome = "", cli.Usage("name it with --home DIR", "HOME is not the absolute path of a home folder")
		}
	default:
		t.mac.Home, t.noHome = onlyHome(t.mac)
	}
}

// onlyHome returns the only home folder of a simulated Mac or of another Mac's disk.
func onlyHome(m root.FS) (string, error) {
	users := filepath.Join(m.Root, "Users")
	entries, err := os.ReadDir(users)
	if err != nil {
		return "", cli.Usage("name the home with --home DIR", "cannot read the folder Users in %s", m.Root)
	}
	var homes []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "Shared" && !strings.HasPrefix(e.Name(), ".") {
			homes = append(homes, filepath.Join(users, e.Name()))
		}
	}
	if len(homes) != 1 {
		return "", cli.Usage("name the home with --home DIR", "%s has %d home folders, want one", users, len(homes))
	}
	return homes[0], nil
}
