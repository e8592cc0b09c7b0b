package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"kextwatch/agent/approval"
	"kextwatch/agent/retry"
	"kextwatch/agent/setup"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// menuActions are the entries of the menu that the loop leaves to this package.
type menuActions struct {
	target  *target
	newTray func() (notify.Tray, error)
	log     *slog.Logger
	store   *store.Store
}

// OpensAtLogin reports how launchd starts kextwatch at the next login.
func (m menuActions) OpensAtLogin() probe.LoginJob {
	return setup.LoginJob(m.target.mac.Home, m.target.mac)
}

// Do performs a menu entry.
func (m menuActions) Do(ctx context.Context, action notify.Action, status approval.Status) error {
	state, here := m.store.Places.State, m.target.mac
	switch action {
	case notify.OpenSettings:
		_, err := openPane(ctx, here)
		return err
	case notify.ShowGuide:
		return m.showPage(ctx, filepath.Join(state, "guide.html"), guidePage(view.GuideTo(status)))
	case notify.CopyGuide:
		return mac.CopyText(ctx, here, view.GuideTo(status).Text(guideColumns))
	case notify.CopyMessage:
		return mac.CopyText(ctx, here, view.GuideTo(status).Message)
	case notify.ShowHistory:
		events, err := m.store.Journal.Read(time.Time{})
		if err != nil {
			return err
		}
		return m.showText(ctx, filepath.Join(state, "history.txt"), historyText(events).String())
	case notify.ShowDoctor:
		return m.showText(ctx, filepath.Join(state, "doctor.txt"), view.CheckText(view.Checks(status, m.target.own(m.newTray)), true).String())
	case notify.ShowReport:
		page, err := reporter{m.target, m.newTray, m.log}.page(ctx, status, false)
		if err != nil {
			return err
		}
		return m.showPage(ctx, filepath.Join(state, "report.html"), page)
	case notify.Contact:
		return mac.OpenContact(ctx, here, status.Contact.URL)
	case notify.OpenAtLogin:
		return setup.ToggleAtLogin(here.Home, here)
	case notify.ShowAbout:
		about := "kextwatch " + version + "\n\n" + view.Explain(status, false).String()
		return m.showText(ctx, filepath.Join(state, "about.txt"), about)
	}
	return fmt.Errorf("unknown menu entry %q", action)
}

// Retry does not ask for confirmation, because the user chose the menu entry. The
// loop takes the snapshots, so Retry returns when Parallels has answered.
func (m menuActions) Retry(ctx context.Context, st approval.Status) (*probe.Attempt, error) {
	res, err := retry.Run(ctx, retry.Options{Mac: m.target.mac, Clock: m.target.clock, Status: st})
	return res.Attempt, err
}

// showText opens a text in the user's editor.
func (m menuActions) showText(ctx context.Context, file, text string) error {
	if err := renameio.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	return mac.OpenText(ctx, m.target.mac, file)
}

// showPage writes a page beside the agent's files and opens it.
func (m menuActions) showPage(ctx context.Context, file string, page []byte) error {
	if err := renameio.WriteFile(file, page, 0o600); err != nil {
		return err
	}
	return mac.OpenFile(ctx, m.target.mac, file)
}
