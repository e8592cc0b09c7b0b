package store

import (
	"encoding/json"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// Event is one line of the history and of `run --events`.
type Event struct {
	Schema      int                `json:"schema"`
	Seq         int64              `json:"seq"`
	At          time.Time          `json:"at"`
	Event       approval.EventName `json:"event"`
	Product     string             `json:"product,omitempty"`
	TeamID      string             `json:"team_id,omitempty"`
	Verdict     approval.Verdict   `json:"verdict,omitempty"`
	BundleIDs   []string           `json:"bundle_ids,omitempty"`
	OpenedAt    *time.Time         `json:"opened_at,omitempty"`
	ClosesAt    *time.Time         `json:"closes_at,omitempty"`
	Basis       approval.Basis     `json:"basis,omitempty"`
	MinutesLeft *int               `json:"minutes_left,omitempty"`
	From        string             `json:"from,omitempty"`
	To          string             `json:"to,omitempty"`
	Error       string             `json:"error,omitempty"`
	Text        string             `json:"text"`

	returned bool // by Record, for the readers of `run --events`
}

// NewEvent is the record of a notice. Its text quotes the labels of the Mac.
func NewEvent(n approval.Notice, mac probe.Mac, seq int64, now time.Time) Event {
	e := Event{
		Schema: 1, Seq: seq, At: now.UTC().Truncate(time.Millisecond),
		Event: n.Event, Product: n.Product.Name, TeamID: n.Product.TeamID, Verdict: n.Product.Verdict,
		BundleIDs: bundleIDs(n.Product), Text: view.EventText(n, mac),
	}
	switch n.Event {
	case approval.VerdictChanged, approval.MacOSUpdated, approval.ParallelsInstalled, approval.ParallelsUpdated,
		approval.ParallelsRemoved, approval.MacOSOffered, approval.SourceChanged, approval.SourceLost, approval.SourcesDiffer, approval.SnoozedEvent:
		e.From, e.To = n.From, n.To
	case approval.NotificationFailed:
		e.Error = n.To
	case approval.WindowReminder:
		e.MinutesLeft = &n.Minutes
	}
	if w := n.Window; w != nil {
		e.OpenedAt, e.ClosesAt, e.Basis = &w.OpenedAt, &w.ClosesAt, w.Basis
	}
	return e
}

// bundleIDs returns the blocked extensions of a product. If none is blocked, it
// returns all of them.
func bundleIDs(p approval.Product) []string {
	var blocked, all []string
	for _, k := range p.Kexts() {
		if k.Blocked {
			blocked = append(blocked, k.BundleID)
		}
		all = append(all, k.BundleID)
	}
	if len(blocked) > 0 {
		return blocked
	}
	return all
}

// Line returns the event as one line of JSON that cannot control a terminal, without the
// newline.
func (e Event) Line() string {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // plain data of our own: it can always be encoded
	}
	return probe.EscapeJSON(string(data))
}

// ParseEvent reads a line of the history. It returns false for a line that is not
// an event.
func ParseEvent(line string) (Event, bool) {
	var e Event
	err := json.Unmarshal([]byte(line), &e)
	return e, err == nil && e.Seq > 0
}
