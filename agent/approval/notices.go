package approval

// EventName is the name of an event. Scripts rely on these values.
type EventName string

// The events.
const (
	AgentStarted       EventName = "agent-started"
	AgentStopped       EventName = "agent-stopped"
	WindowOpened       EventName = "window-opened"
	WindowReopened     EventName = "window-reopened"
	WindowReminder     EventName = "window-reminder"
	WindowObstacle     EventName = "window-obstacle"
	WindowClosed       EventName = "window-closed"
	BlockedNoWindow    EventName = "blocked"
	ApprovedEvent      EventName = "approved"
	RestartNeeded      EventName = "restart-needed"
	KextsLoaded        EventName = "kexts-loaded"
	UpgradeEvent       EventName = "upgrade-pending"
	LoadFailingEvent   EventName = "load-failing"
	ManagedEvent       EventName = "managed"
	VerdictChanged     EventName = "verdict-changed"
	MacOSUpdated       EventName = "macos-updated"
	ParallelsInstalled EventName = "parallels-installed"
	ParallelsUpdated   EventName = "parallels-updated"
	ParallelsRemoved   EventName = "parallels-removed"
	MacOSOffered       EventName = "macos-offered"
	SourcesDiffer      EventName = "sources-differ"
	SnoozedEvent       EventName = "snoozed"
	SourceChanged      EventName = "source-changed"
	SourceLost         EventName = "source-lost"
	NotificationFailed EventName = "notification-failed"
)

// Urgency says whether, and how, an event is shown.
type Urgency int

// Silent events are only recorded. Plain and Urgent ones are shown as an alert;
// an urgent alert has a sound.
const (
	Silent Urgency = iota
	Plain
	Urgent
)

// verdictChange has the events of a change of verdict, and the urgency of its one
// alert, which belongs to the last event.
type verdictChange struct {
	events  []EventName
	urgency Urgency
}

func announce(urgency Urgency, events ...EventName) verdictChange {
	return verdictChange{events, urgency}
}

// verdictChangeFor is the table of notices: the events when the verdict of a
// product changes. from is empty at the first snapshot.
//
// A change to blocked-open has no event here: Tell announces each window once,
// by its number.
func verdictChangeFor(from, to Verdict) verdictChange {
	switch to {
	case Managed:
		return announce(Plain, ManagedEvent)
	case BlockedOpen:
		return verdictChange{}
	case BlockedUnknown:
		return announce(Plain, BlockedNoWindow)
	case BlockedClosed:
		if from == BlockedOpen {
			return announce(Plain, WindowClosed)
		}
		return announce(Plain, BlockedNoWindow)
	case UpgradePending:
		return announce(Urgent, UpgradeEvent)
	case LoadFailing:
		return announce(Plain, LoadFailingEvent)
	case RestartPending:
		if from.Blocked() {
			return announce(Plain, ApprovedEvent, RestartNeeded)
		}
		return announce(Plain, RestartNeeded)
	case Incompatible:
		return announce(Plain, VerdictChanged)
	case Unknown:
		return announce(Plain, VerdictChanged)
	case Approved:
		if from.Blocked() || from == UpgradePending || from == LoadFailing {
			return announce(Plain, ApprovedEvent)
		}
	}
	return verdictChange{}
}

// endsWithoutNotice reports whether verdictChangeFor has no event for the end of a
// window at this verdict.
func endsWithoutNotice(to Verdict) bool {
	switch to {
	case Unknown, Incompatible, NotAsked, NotNeeded, NotInstalled:
		return true
	}
	return false
}

// windowEnd is the event for each end of a window.
var windowEnd = map[Verdict]EventName{Approved: ApprovedEvent, BlockedClosed: WindowClosed}
