// Package setup installs kextwatch on a Mac and removes it: the LaunchAgent of a user or of
// every user, and the reader that runs as root. It also says what launchd starts at login.
package setup

import (
	"context"
	"errors"
	"strings"

	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// Setup installs kextwatch on one Mac and removes it. Its methods return the exit status:
// with --json, a step that failed is not an error but a part of the answer.
type Setup struct {
	Out     cli.Output
	Mac     root.FS // Home is empty if the user's home is unknown
	NoHome  error   // why the home is unknown
	Env     func(string) string
	HasIcon func() bool // this program can show an icon here
	DryRun  bool        // print the steps without doing them
}

// carryOut carries out a plan and prints each step when it is done.
func (s *Setup) carryOut(ctx context.Context, plan launchd.Plan) (exit int, err error) {
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
		if s.Out.JSON {
			return
		}
		if err != nil {
			s.Out.Say("%s: failed: %v", step.Does, err)
			return
		}
		s.Out.Say("%s: %s", step.Does, outcome)
	}
	if s.DryRun {
		for _, step := range plan.Steps {
			outcome := "would be done"
			if step.Already {
				outcome = "already so"
			}
			report(step, outcome, step.Err)
		}
	} else if err = plan.Run(ctx, report); err != nil && !s.Out.JSON {
		failed := errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
		return 0, cli.Unavailable(failed, s.launchHint(err))
	}
	if s.Out.JSON {
		s.Out.Document(map[string]any{"schema": 1, "dry_run": s.DryRun, "steps": steps})
		if err != nil {
			return cli.ExitUnavailable, nil
		}
	}
	return 0, nil
}

// launchHint returns the next step for an error of launchd.
func (s *Setup) launchHint(err error) string {
	switch {
	case errors.Is(err, launchd.ErrDisabled):
		return view.OnScreen(mac.ReadScreen(s.Mac), "turn it on in {System Settings} > {General} > {Login Items & Extensions} (macOS 13 and 14: Login Items; up to macOS 12: launchctl enable)")
	case errors.Is(err, launchd.ErrNoSession) && s.Env("SSH_CONNECTION") != "":
		return "an ssh session has no screen for the icon: the agent starts when this user next logs in at the Mac itself"
	case errors.Is(err, launchd.ErrNoSession):
		return "the agent starts when this user next logs in at the Mac's screen"
	}
	return "repeat it: what is done already stays, and --dry-run shows what is left"
}

// launchctl returns the launchctl of the Mac.
func (s *Setup) launchctl() (launchd.Launchctl, error) {
	path, err := s.Mac.Resolve(probe.LaunchctlTool)
	if err != nil {
		return launchd.Launchctl{}, cli.Unavailable(err, "")
	}
	return launchd.Launchctl{Runner: tool.Runner{Root: s.Mac.Root, UID: s.Mac.UID}, Tool: path}, nil
}
