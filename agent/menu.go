package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"kextwatch/agent/approval"
	"kextwatch/agent/retry"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/launchd"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// menuAction does what a menu entry says, but for what the loop itself does:
// see (*agent).clicked.
func (in *invocation) menuAction(st *store.Store, home string) func(context.Context, notify.Action, approval.Status) error {
	return func(ctx context.Context, action notify.Action, status approval.Status) error {
		switch action {
		case notify.OpenSettings:
			_, err := openPane(ctx, in.mac)
			return err
		case notify.ShowHistory:
			events, err := st.Journal.Read(time.Time{})
			if err != nil {
				return err
			}
			var text strings.Builder
			writeHistory(&text, events)
			return in.showText(ctx, filepath.Join(st.Places.State, "history.txt"), text.String())
		case notify.ShowDoctor:
			return in.showText(ctx, filepath.Join(st.Places.State, "doctor.txt"), view.CheckText(view.Checks(status, in.own())))
		case notify.ShowReport:
			return in.showReport(ctx, filepath.Join(st.Places.State, "report.html"), status)
		case notify.OpenAtLogin:
			return toggleAtLogin(home, in.mac)
		case notify.ShowAbout:
			about := "kextwatch " + version + "\n\n" + view.Explain(status)
			return in.showText(ctx, filepath.Join(st.Places.State, "about.txt"), about)
		}
		return fmt.Errorf("no such menu entry: %s", action)
	}
}

// showText opens a text in the user's editor.
func (in *invocation) showText(ctx context.Context, file, text string) error {
	if err := renameio.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	return mac.OpenText(ctx, in.mac, file)
}

// toggleAtLogin writes the LaunchAgent, or removes it. The agent that runs now
// goes on, also when launchd started it.
func toggleAtLogin(home string, m root.FS) error {
	program, err := executable()
	if err != nil {
		return err
	}
	return launchd.SetAtLogin(launchd.Agent(program, home), launchd.AgentPlist(home), loginJob(home, m).Starts() != probe.Yes)
}

// menuRetry asks nothing: the click was the question. The loop takes the
// snapshots, so this ends when Parallels has answered.
func (in *invocation) menuRetry(ctx context.Context, st approval.Status) (*probe.Attempt, error) {
	res, err := retry.Run(ctx, retry.Options{Mac: in.mac, Clock: in.clock, Status: st})
	return res.Attempt, err
}
