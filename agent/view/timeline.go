package view

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"kextwatch/agent/approval"
)

// Happening is one event of the history in the report.
type Happening struct {
	At       time.Time
	Event    approval.EventName
	Text     string
	OpenedAt time.Time // of its approval window; zero: it has none
	ClosesAt time.Time
}

// macStarted is the event of MacStarted. No agent records it.
const macStarted approval.EventName = "mac-started"

// MacStarted returns a start of the Mac for the report.
func MacStarted(at time.Time) Happening {
	return Happening{At: at, Event: macStarted, Text: "The Mac started."}
}

// Timeline is a picture of the last days. Time runs from left to right, and each
// kind of event has a lane. All lengths are in units of the SVG picture.
type Timeline struct {
	Label         string // for screen readers
	Width, Height int
	Lanes         []Lane
	Days          []Day
	Now           int
}

// Lane is one horizontal line of a timeline.
type Lane struct {
	Name  string
	Y     int
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

// lanes has one row for each lane, from top to bottom.
var lanes = []struct {
	name   func() string
	events []approval.EventName
}{
	{func() string { return "Updates" }, []approval.EventName{approval.MacOSUpdated, approval.ParallelsUpdated, approval.ParallelsInstalled, approval.ParallelsRemoved}},
	{func() string { return "Blocked" }, []approval.EventName{approval.BlockedNoWindow, approval.ManagedEvent, approval.UpgradeEvent, approval.LoadFailingEvent}},
	{func() string { return "Allow button" }, []approval.EventName{approval.WindowOpened, approval.WindowReopened}},
	{func() string { return "Approved" }, []approval.EventName{approval.ApprovedEvent, approval.RestartNeeded, approval.KextsLoaded}},
	{func() string { return "Restarts" }, []approval.EventName{macStarted}},
}

const (
	timelineWidth = 720
	laneLeft      = 110 // space for the names
	laneHeight    = 34
	laneTop       = 30 // space for the days
	markWidth     = 17 // of a mark that contains a number
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
	from := now.Add(-length - length/50)
	t := Timeline{Width: timelineWidth, Height: laneTop + laneHeight*len(lanes) + 10, Now: at(now, from, now)}
	shown := 0
	for i, lane := range lanes {
		l := Lane{Name: lane.name(), Y: laneTop + laneHeight*i + laneHeight/2}
		for _, e := range events {
			if !slices.Contains(lane.events, e.Event) || e.At.Before(from) || e.At.After(now) {
				continue
			}
			shown++
			tip := e.At.Local().Format("2006-01-02 15:04") + " " + Clean(e.Text)
			if e.OpenedAt.IsZero() || !e.ClosesAt.After(e.OpenedAt) {
				l.mark(at(e.At, from, now), tip)
				continue
			}
			x := at(e.OpenedAt, from, now)
			l.Bars = append(l.Bars, Span{x, max(4, at(e.ClosesAt, from, now)-x), tip})
		}
		t.Lanes = append(t.Lanes, l)
	}
	t.Days = days(from, now)
	t.Label = fmt.Sprintf("Timeline of %s days: %s events. History has the same as text.", strconv.Itoa(int(length.Hours()/24+0.5)), strconv.Itoa(shown))
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
	return laneLeft + int(min(max(part, 0), 1)*(timelineWidth-laneLeft-10))
}

// days returns the midnights, or every third one if there are more than eight.
func days(from, to time.Time) []Day {
	y, m, d := from.Local().Date()
	every := 1
	if to.Sub(from) > 8*24*time.Hour {
		every = 3
	}
	var all []Day
	for i := 1; ; i += every {
		midnight := time.Date(y, m, d+i, 0, 0, 0, 0, time.Local)
		if midnight.After(to) {
			return all
		}
		all = append(all, Day{at(midnight, from, to), midnight.Format("Jan 2")})
	}
}
