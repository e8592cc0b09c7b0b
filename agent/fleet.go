package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/probe/root"
)

// How long a fleet tool waits for the state of the Mac. A tool of macOS that has not
// answered at fleetTools is a missing fact, and at fleetLimit there is no state.
const (
	fleetTools = 4 * time.Second
	fleetLimit = 5 * time.Second
)

// fleetKind is one tool of an administrator of many Macs.
type fleetKind struct {
	name, short, long, example string

	// script returns the script that starts kextwatch; nil: the kind has none.
	script func(fleet.Call) string
	// run does what the script wants.
	run func(*fleetAnswer) error
}

// fleetKinds has one row for each kind.
func fleetKinds() []fleetKind {
	return []fleetKind{
		{
			name: "jamf-ea", short: "Print the script of an extension attribute for Jamf Pro",
			long: `jamf-ea prints a script. Paste it into an extension attribute of Jamf Pro with the
data type String and the input type Script. For each inventory it reports one line:
"ok: approved", "blocked-open: Parallels Desktop" or "unknown: policy".

It works with and without a running agent. It takes at most five seconds, and its exit
status is 0 for every state: one that is not known is a result, too.`,
			example: `  kextwatch fleet jamf-ea
  sudo kextwatch fleet jamf-ea --run     the result for this Mac`,
			script: fleet.JamfScript, run: (*fleetAnswer).jamf,
		},
		{
			name: "munki-condition", short: "Print a condition script for Munki",
			long: `munki-condition prints a script. Install it in /usr/local/munki/conditions, owned by
root with the group wheel and the mode 755. At each run of Munki it adds keys to
ConditionalItems.plist and keeps those of other scripts. The script lists the keys.`,
			example: `  kextwatch fleet munki-condition >kextwatch
  sudo kextwatch fleet munki-condition --run     write the keys for this Mac`,
			script: fleet.MunkiScript, run: (*fleetAnswer).munki,
		},
		{
			name: "osquery", short: "Print queries for osquery and Fleet",
			long: `osquery prints a pack of queries over osquery's table plist. They read the state that
each user's agent writes after sudo kextwatch install --reader. A Mac without a row has
nothing to do, or does not run the queries: count the Macs that answered. --format
selects the form:

` + packFormats(),
			example: `  kextwatch fleet osquery >kextwatch.yml && fleetctl apply -f kextwatch.yml
  kextwatch fleet osquery --format osquery >kextwatch.conf`,
		},
	}
}

func packFormats() string {
	var b strings.Builder
	for _, f := range fleet.PackFormats {
		fmt.Fprintf(&b, "  %-10s %s\n", f.Name, f.Meaning)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (in *invocation) fleetCommand() *cobra.Command {
	var names []string
	for _, kind := range fleetKinds() {
		names = append(names, kind.name)
	}
	hint := "name one of " + strings.Join(names, ", ")
	cmd := &cobra.Command{
		Use:   "fleet KIND",
		Short: "Print a script or queries that show the state of Macs in Jamf, Munki, osquery and Fleet",
		Long: `fleet prints a script or queries for a tool that manages many Macs. The tool then
shows the state of each Mac. Without --run, it changes nothing on this Mac.`,
		Example: `  kextwatch fleet jamf-ea
  kextwatch fleet munki-condition
  kextwatch fleet osquery --help`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usage(hint, "fleet takes one argument, the kind of the tool")
			}
			return cli.Usage(hint, "unknown kind of tool %q", args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args refuses every call
	}
	for _, kind := range fleetKinds() {
		if kind.script == nil {
			cmd.AddCommand(fleetPackCommand(kind, &in.out))
		} else {
			cmd.AddCommand(in.fleetScriptCommand(kind))
		}
	}
	return cmd
}

func (in *invocation) fleetScriptCommand(kind fleetKind) *cobra.Command {
	var run bool
	var program string
	cmd := &cobra.Command{
		Use: kind.name, Short: kind.short, Long: kind.long, Example: kind.example,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if run && cmd.Flags().Changed("program") {
				return cli.Usage("leave one of them out", "--run runs this program, and --program names the one in the script")
			}
			if run {
				in.target.organization = true
				state, err := within(cmd.Context(), fleetLimit, func(ctx context.Context) (approval.Status, error) {
					return in.target.examineWith(ctx, fleetTools, in.out.Stderr)
				})
				return kind.run(&fleetAnswer{in.out, in.target.mac, state, err})
			}
			if !filepath.IsAbs(program) {
				return cli.Usage("give the absolute path", "--program %q is not an absolute path", program)
			}
			call := fleet.Call{Program: filepath.Clean(program)}
			if resolved, err := filepath.EvalSymlinks(program); err == nil { // a script refuses links
				call.Program = resolved
			}
			if in.target.mac.Root != "/" {
				call.Root = in.target.mac.Root
			}
			return writeFleet(in.out, kind.name, kind.script(call))
		},
	}
	cmd.Flags().BoolVar(&run, "run", false, "do now what the script does")
	cmd.Flags().StringVar(&program, "program", fleet.Program, "absolute `PATH` of kextwatch on the Macs")
	return cmd
}

func fleetPackCommand(kind fleetKind, out *cli.Output) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: kind.name, Short: kind.short, Long: kind.long, Example: kind.example,
		Args: noArgs(""),
		RunE: func(*cobra.Command, []string) error {
			f, ok := fleet.PackNamed(format)
			if !ok {
				return cli.Usage("kextwatch fleet osquery --help lists the formats", "unknown format %q", format)
			}
			return writeFleet(*out, kind.name, f.Pack())
		},
	}
	cmd.Flags().StringVar(&format, "format", fleet.PackFormats[0].Name, "the `FORM` of the queries")
	_ = cmd.RegisterFlagCompletionFunc("format", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, f := range fleet.PackFormats {
			names = append(names, f.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// writeFleet writes what a tool takes.
func writeFleet(out cli.Output, kind, content string) error {
	if out.JSON {
		out.Document(map[string]any{"schema": 1, "kind": kind, "content": content})
		return nil
	}
	_, err := io.WriteString(out.Stdout, content)
	return err
}

// errNoAnswer means that the Mac was not examined in time: a file does not answer.
var errNoAnswer = fmt.Errorf("no answer within %d seconds", int(fleetLimit.Seconds()))

// within returns the state of the Mac, or errNoAnswer after a time. examine may then go on
// until the end of the process.
func within(ctx context.Context, limit time.Duration, examine func(context.Context) (approval.Status, error)) (fleet.State, error) {
	type answer struct {
		st  approval.Status
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		st, err := examine(ctx)
		answers <- answer{st, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answers:
		if a.err != nil {
			return fleet.State{}, a.err
		}
		return fleet.New(a.st), nil
	case <-timer.C:
		return fleet.State{}, errNoAnswer
	case <-ctx.Done():
		return fleet.State{}, ctx.Err()
	}
}

// fleetAnswer answers the script of a fleet tool.
type fleetAnswer struct {
	out   cli.Output
	mac   root.FS
	state fleet.State
	none  error // why there is no state
}

// jamf prints the result of the extension attribute. Jamf Pro gets a result in every
// case, so there is no error.
func (a *fleetAnswer) jamf() error {
	if errors.Is(a.none, context.Canceled) {
		return a.none
	}
	line := a.state.Line()
	if a.none != nil {
		line = fleet.UnknownLine(a.none.Error())
	}
	if a.out.JSON {
		a.out.Document(map[string]any{"schema": 1, "kind": "jamf-ea", "result": line})
		return nil
	}
	a.out.Say("%s", fleet.JamfResult(line))
	return nil
}
