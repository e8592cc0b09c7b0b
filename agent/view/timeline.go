package view

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"kextwatch/agent/approval"
)

// Happening is one event of the history in the report. One without an event is the state
// of a product at that moment.
type Happening struct {
	At       time.Time
	Event    approval.EventName
	Text     string
	Product  string // the name of the product that it is about; empty: none
	TeamID   string
	Verdict  approval.Verdict // of the product, from then on
	OpenedAt time.Time        // of its approval window; zero: it has none
	ClosesAt time.Time
}

// about identifies the product.
func (h Happening) about() string { return h.TeamID + " " + h.Product }

func (h Happening) tip() string { return stamp(h.At) + " " + Clean(h.Text) }

// macStarted is the event of MacStarted. No agent records it.
const macStarted approval.EventName = "mac-started"

// MacStarted returns a start of the Mac for the report.
func MacStarted(at time.Time) Happening {
	return Happening{At: at, Event: macStarted, Text: "The Mac started."}
}

// statesNow returns the present state of each product.
func statesNow(st approval.Status) []Happening {
	var all []Happening
	for _, p := range st.Products {
		h := Happening{At: st.At, Product: p.Name, TeamID: p.TeamID, Verdict: p.Verdict, Text: fmt.Sprintf("%s: %s", p.Name, stateOnPage(p, st))}
		if p.Window.Open() {
			h.OpenedAt, h.ClosesAt = p.Window.OpenedAt, p.Window.ClosesAt
		}
		all = append(all, h)
	}
	return all
}

// Timeline is a picture of the last days. Time runs from left to right, and each
// kind of event has a lane. Every X and Width is in thousandths of the width of the
// picture, so that it fits on a telephone and on paper.
type Timeline struct {
	Label string // for screen readers
	Lanes []Lane
	Days  []Day
}

// Lane is one horizontal line of a timeline.
type Lane struct {
	Name  string
	Marks []Mark
	Bars  []Span
}

// Mark is one moment, or several that would overlap. The browser shows Tip while
// the pointer is over the mark.
type Mark struct {
	X, Count int
	Tip      string
}

// Span is a bar from X to X + Width in a lane.
type Span struct {
	X, Width int
	Tip      string
}

// Day is the beginning of a day.
type Day struct {
	X    int
	Name string
}

// lanes has one row for each lane, from top to bottom: with marks for events, or with
// bars for what lasts.
var lanes = [...]struct {
	name   string
	events []approval.EventName
	bars   func(events []Happening, now time.Time) []*stretch
}{
	{name: "Updates", events: []approval.EventName{approval.MacOSUpdated, approval.ParallelsUpdated, approval.ParallelsInstalled, approval.ParallelsRemoved}},
	{name: "Blocked", bars: blockedStretches},
	{name: "Allow button", bars: buttonStretches},
	{name: "Approved", events: []approval.EventName{approval.ApprovedEvent, approval.RestartNeeded, approval.KextsLoaded}},
	{name: "Restarts", events: []approval.EventName{macStarted}},
}

const (
	timelineWidth = 1000 // thousandths
	markWidth     = 28   // thousandths: what is closer would overlap
	mostDays      = 5    // with a name: more would overlap on a telephone
	longest       = 14 * 24 * time.Hour
	shortest      = 24 * time.Hour
)

// NewTimeline draws the events up to now. It begins with the oldest event, but
// covers at least one day and at most two weeks.
func NewTimeline(events []Happening, now time.Time) Timeline {
	length := shortest
	for _, e := range events {
		if ago := now.Sub(e.At); ago > length && ago <= longest {
			length = ago
		}
	}
	from := now.Add(-length - length/30) // a little more than markWidth: one midnight has a name at any time
	t, shown := Timeline{}, 0
	for _, lane := range lanes {
		l := Lane{Name: lane.name}
		for _, e := range events {
			if !slices.Contains(lane.events, e.Event) || e.At.Before(from) || e.At.After(now) {
				continue
			}
			shown++
			l.mark(at(e.At, from, now), e.tip())
		}
		if lane.bars != nil {
			for _, s := range lane.bars(events, now) {
				if s.to.Before(from) || s.from.After(now) {
					continue
				}
				shown++
				x := at(s.from, from, now)
				l.Bars = append(l.Bars, Span{x, max(1, at(s.to, from, now)-x), s.tip})
			}
		}
		t.Lanes = append(t.Lanes, l)
	}
	t.Days = days(from, now)
	t.Label = fmt.Sprintf("Timeline of %s days: %s events. History lists the same events as text.", strconv.Itoa(int(length.Hours()/24+0.5)), strconv.Itoa(shown))
	return t
}

// mark adds a moment. Moments must be added in order of time. A moment that would
// overlap the previous mark is counted in that mark.
func (l *Lane) mark(x int, tip string) {
	if last := len(l.Marks) - 1; last >= 0 && x-l.Marks[last].X < markWidth {
		l.Marks[last].Count++
		l.Marks[last].Tip += "\n" + tip
		return
	}
	l.Marks = append(l.Marks, Mark{x, 1, tip})
}

// at returns the X of a moment. A moment outside of the picture is at its edge.
func at(moment, from, to time.Time) int {
	part := float64(moment.Sub(from)) / float64(to.Sub(from))
	return int(min(max(part, 0), 1) * timelineWidth)
}

// days returns the midnights, or only some of them if there are many. One that would
// overlap the line of now is left out.
func days(from, to time.Time) []Day {
	y, m, d := from.Local().Date()
	every := 1 + int(to.Sub(from)/(24*time.Hour))/mostDays
	var all []Day
	for i := 1; ; i += every {
		midnight := time.Date(y, m, d+i, 0, 0, 0, 0, time.Local)
		x := at(midnight, from, to)
		if x > timelineWidth-markWidth {
			return all
		}
		all = append(all, Day{x, midnight.Format("2 Jan")})
	}
}
