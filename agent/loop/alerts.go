package loop

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/notify"
	"kextwatch/probe"
)

// alerts are the alerts that wait to be posted. One is posted at a time.
type alerts struct {
	queue    []posting
	posting  bool       // an alert is being posted
	outcomes chan error // of each posted alert
}

// posting is an alert, and the dialog to show instead; nil: none.
type posting struct {
	alert  notify.Alert
	dialog *view.Question
}

// announce saves the notices as shown, records them, and shows those that are
// alerts.
func (l *Loop) announce(ctx context.Context, notices []approval.Notice) {
	now := l.edges.Clock.Now()
	for _, n := range notices {
		l.mem.Seq++
		e := store.NewEvent(n, l.status.Mac, l.mem.Seq, now)
		l.store.Pending = append(l.store.Pending, e)
		store.LogEvent(l.edges.Logger, e)
	}
	news, err := l.store.Save(l.mem)
	l.logStoreError(err)
	lines, err := l.store.Record()
	l.logStoreError(err)
	program := l.settings.Current().RunOnChange // before anybody sees the events
	for _, line := range lines {
		if l.edges.Events != nil {
			fmt.Fprintln(l.edges.Events, line)
		}
		l.edges.Hook.offer(program, line)
	}
	for _, n := range notices {
		if n.Urgency != approval.Silent {
			l.alerts.queue = append(l.alerts.queue, l.newPosting(n))
		}
	}
	l.post(ctx)
	if doc, due := l.published.publish(news, l.status); due {
		l.logStoreError(l.store.Publish(doc))
	}
	l.logStoreError(l.store.PublishForFleets(l.status, now))
}

// publication is what this agent has written to status.plist.
type publication struct {
	done    bool
	pending bool // tools had not answered yet
	last    view.Document
}

// publish returns the status to write, and whether it is due: if there is news, if none was
// written yet, and when the tools have answered and the last one did not wait for them or
// says something else. The memory does not have all that a status says, such as an obstacle
// or who else waits.
func (p *publication) publish(news bool, st approval.Status) (doc view.Document, due bool) {
	due = news || !p.done || p.pending && !st.Facts.Pending
	if len(st.Products) == 0 || !due && st.Facts.Pending {
		return view.Document{}, false
	}
	doc = view.NewDocument(st)
	now := doc.WithoutNow()
	if !due && reflect.DeepEqual(now, p.last) {
		return view.Document{}, false
	}
	*p = publication{done: true, pending: st.Facts.Pending, last: now}
	return doc, true
}

// lateReminder is the reminder, in minutes left, that is a dialog by default.
// There is still time to use its button. At the last minute a notification is
// quicker.
const lateReminder = 5

// newPosting returns how a notice is shown, by the setting AlertStyle.
func (l *Loop) newPosting(n approval.Notice) posting {
	p := posting{alert: view.Alert(n, l.status, l.edges.Tray != nil)}
	window := n.Event == approval.WindowOpened || n.Event == approval.WindowReopened || n.Event == approval.WindowReminder
	late := n.Event == approval.WindowReminder && n.Minutes > 1 && n.Minutes <= lateReminder
	style := l.settings.Current().AlertStyle
	if l.edges.Asker != nil && (style == settings.AlertDialog && window || style == settings.AlertAuto && late) {
		dialog := view.Dialog(n, l.status)
		p.dialog = &dialog
	}
	return p
}

// introduceIcon says where to allow the icon, once on a macOS that can hide it: the
// memory has the version of macOS, and was saved. before is the version that it had.
func (l *Loop) introduceIcon(ctx context.Context, before probe.OSVersion) {
	saved := len(l.store.Gaps()) == 0
	if l.edges.Tray == nil || !saved || view.IconMayBeHidden(before) || !view.IconMayBeHidden(l.mem.OS) {
		return
	}
	l.alerts.queue = append(l.alerts.queue, posting{alert: view.IconIntroduction(l.status.Mac)})
	l.post(ctx)
}

// post posts the next alert. A dialog may stay open for minutes, so it does not
// delay the other alerts.
func (l *Loop) post(ctx context.Context) {
	for !l.alerts.posting && len(l.alerts.queue) > 0 {
		next := l.alerts.queue[0]
		l.alerts.queue = l.alerts.queue[1:]
		if next.dialog != nil && l.dialog.cancel == nil {
			l.edges.Logger.Info("showing a dialog", "title", next.alert.Title)
			l.showDialog(ctx, next)
			continue
		}
		l.edges.Logger.Info("showing a notification", "title", next.alert.Title)
		l.alerts.posting = true
		l.helpers.Go(func() { l.alerts.outcomes <- l.edges.Poster.Post(ctx, next.alert) })
	}
}

// posted handles the outcome of an alert. A failure is an event. The alert is not
// posted again, because the icon shows the same.
func (l *Loop) posted(ctx context.Context, err error) {
	l.alerts.posting = false
	if err != nil {
		l.edges.Logger.Warn("a notification could not be shown", "error", err)
		l.announce(ctx, []approval.Notice{{Event: approval.NotificationFailed, To: view.Clean(err.Error())}})
	}
	l.post(ctx)
	l.savePosted()
}

// savePosted saves that all alerts were posted.
func (l *Loop) savePosted() {
	if l.alerts.posting || l.dialog.cancel != nil {
		return
	}
	l.mem = l.mem.Posted()
	_, err := l.store.Save(l.mem)
	l.logStoreError(err)
}

// logStoreError logs why a file of the agent could not be written. The store
// reports it as a gap, too.
func (l *Loop) logStoreError(err error) {
	if err != nil && !errors.Is(err, store.ErrReported) {
		l.edges.Logger.Error("the agent's files cannot be written", "error", err)
	}
}
