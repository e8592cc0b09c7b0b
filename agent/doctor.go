package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/settings"
	"kextwatch/agent/setup"
	"kextwatch/agent/store"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe/policy"
)

func (in *invocation) doctorCommand() *cobra.Command {
	var facts, all bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Run every check and name the next step for each problem",
		Long: `doctor takes one snapshot and runs every check: the policy, Parallels, macOS,
the user session, kextwatch itself. What is not ok comes first, with the next
step.

The exit status is 1 if a check failed, and otherwise that of kextwatch status. If
only the checks of the policy failed and nothing is known, it is 2. A warning does
not change it.`,
		Example: `  kextwatch doctor
  kextwatch doctor --all       also the checks that passed
  kextwatch doctor --json
  kextwatch doctor --facts     facts for the project; reads only`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if facts {
				sheet, err := factCommand{&in.target, in.out}.sheet(cmd.Context())
				if err != nil {
					return err
				}
				return writeFacts(in.out, sheet)
			}
			st, err := in.target.examineWith(cmd.Context(), doctorLimit, in.out.Stderr)
			if err != nil {
				return err
			}
			checks := view.Checks(st, in.target.own(in.newTray))
			in.exit = doctorCode(st, checks)
			return writeChecks(in.out, checks, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also show the checks that passed")
	cmd.Flags().BoolVar(&facts, "facts", false, "answer the open questions about macOS, to paste into a report; reads only, leaves names out")
	return cmd
}

// writeFacts writes the answers to the open questions.
func writeFacts(out cli.Output, sheet string) error {
	if out.JSON {
		out.Document(map[string]any{"schema": 1, "facts": sheet})
		return nil
	}
	_, err := fmt.Fprint(out.Stdout, sheet)
	return err
}

func writeChecks(out cli.Output, checks []view.Check, all bool) error {
	if out.JSON {
		out.Document(doctorDocument(checks))
		return nil
	}
	return terminal.Write(out.Stdout, view.CheckText(checks, all))
}

func doctorDocument(checks []view.Check) any {
	return map[string]any{"schema": 1, "checks": checks}
}

// doctorCode returns the exit status. A failed check is something to do, like some
// verdicts. If the policy cannot be read, nothing is known, and the status is 2.
func doctorCode(st approval.Status, checks []view.Check) int {
	for _, c := range checks {
		if c.Level == view.Fail && (st.Verdict != approval.Unknown || !strings.HasPrefix(c.ID, "policy.")) {
			return 1
		}
	}
	return statusCode(st)
}

// own returns the facts about kextwatch itself.
func (t *target) own(newTray func() (notify.Tray, error)) view.Own {
	own := view.Own{Reader: policy.ReadInstallation(t.mac)}
	if _, err := newTray(); err != nil {
		own.Tray = err.Error()
	}
	home, err := t.home()
	if err != nil {
		return own
	}
	p := store.PlacesIn(home)
	own.Running = store.AgentRuns(p)
	own.AtLogin = setup.LoginJob(home, t.mac)
	s, problems := settings.Read(t.mac, home)
	own.SettingsRead = true
	for _, p := range problems {
		if p.Unknown {
			own.UnknownKeys = append(own.UnknownKeys, view.UnknownKey{Key: p.Key, File: p.File, Suggestion: p.Suggestion})
		} else {
			own.Settings = append(own.Settings, cmp.Or(p.Key, p.File)+": "+p.Why)
		}
	}
	for key, from := range s.Origins {
		if from.Managed {
			own.Managed = append(own.Managed, key)
		}
	}
	slices.Sort(own.Managed)
	if events, err := p.Journal().Read(time.Time{}); err == nil {
		own.Notifications, own.NotifyKnown = lastPosting(events)
	}
	return own
}

// lastPosting returns the error of the last alert if it failed. known is false if
// there was no alert.
func lastPosting(events []store.Event) (failure string, known bool) {
	for _, e := range events {
		switch e.Event {
		case approval.NotificationFailed:
			failure, known = e.Error, true
		case approval.WindowOpened, approval.WindowReopened, approval.WindowReminder, approval.WindowClosed, approval.BlockedNoWindow:
			failure, known = "", true
		}
	}
	return failure, known
}
