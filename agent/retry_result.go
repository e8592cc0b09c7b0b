package main

import (
	"slices"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// result is how a retry ended.
type result struct {
	way     way
	tried   bool
	status  approval.Status
	window  *view.WindowDoc // nil: no button came
	outcome probe.Outcome
	help    string // Parallels' page about it
	reasons []view.Reason
}

// retryDoc is the machine form of a result.
type retryDoc struct {
	Schema  int              `json:"schema"`
	Tried   string           `json:"tried"` // "open-app", "start-vm", or "nothing"
	VM      *vmDoc           `json:"vm,omitempty"`
	Verdict approval.Verdict `json:"verdict"`
	Window  *view.WindowDoc  `json:"window,omitempty"`
	Outcome probe.Outcome    `json:"outcome"` // what Parallels said; empty: nothing
	Help    string           `json:"help"`
	Reasons []view.Reason    `json:"reasons"`
}

type vmDoc struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// tell answers, and decides the exit code.
func (r retry) tell(res result) {
	if res.window == nil {
		r.exit = exitNothingCame
	}
	if r.speaker.json {
		doc := retryDoc{
			Schema: 1, Tried: "nothing", Verdict: desktopIn(res.status).Verdict,
			Window: res.window, Outcome: res.outcome, Help: res.help, Reasons: []view.Reason{},
		}
		if res.tried {
			doc.Tried = res.way.tried()
		}
		if res.way.vm != nil {
			doc.VM = &vmDoc{res.way.vm.UUID, view.Clean(res.way.vm.Name)}
		}
		doc.Reasons = append(doc.Reasons, res.reasons...)
		r.document(doc)
		return
	}
	if w := res.window; w != nil {
		r.say("The Allow button is there until %s, for %d minutes. `kextwatch open` opens the pane.", w.ClosesAt.Local().Format("15:04"), w.MinutesLeft)
		return
	}
	if res.tried {
		r.say("No Allow button came.")
	} else {
		r.say("There is nothing to try. %s", view.Why(desktopIn(res.status), res.status))
	}
	for _, reason := range res.reasons {
		r.say("- %s. %s\n  %s", reason.Title, reason.Text, reason.Next)
	}
	if res.help != "" {
		r.say("Parallels says more at %s", res.help)
	}
}

// reasons are why no button came, as far as that is known, likeliest first.
func (r retry) reasons(st approval.Status, w way) []view.Reason {
	p := desktopIn(st)
	all := view.Reasons(p, st)
	switch p.Verdict {
	case approval.NotAsked, approval.BlockedOpen, approval.BlockedClosed, approval.BlockedUnknown:
		all = slices.Insert(all, 0, view.NotTried(w.vm != nil))
	}
	return all
}
