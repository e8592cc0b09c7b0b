package approval

// EventName is the name of an event; scripts rely on these words.
type EventName string

// The events.
const (
	AgentStarted       EventName = "agent-started"
	AgentStopped       EventName = "agent-stopped"
	WindowOpened       EventName = "window-opened"
	WindowReopened     EventName = "window-reopened"
	WindowReminder     EventName = "window-reminder"
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

// Urgency says how loudly an event is told.
type Urgency int

// Silent events are only recorded.
const (
	Silent Urgency = iota
	Plain
	Urgent
)

// telling is what a change of verdict says: the events to record, and how
// urgent the one alert is that goes with the last of them.
type telling struct {
	events  []EventName
	urgency Urgency
}

func say(urgency Urgency, events ...EventName) telling { return telling{events, urgency} }

// tellingFor is the table of notices: what is told when a product's verdict
// goes from one to another. from is empty at first sight. It is asked only
// when something changed.
//
// Windows are numbered, and Tell announces each number once; so a change to
// blocked-open says nothing here by itself.
func tellingFor(from, to Verdict) telling {
	switch to {
	case Managed:
		return say(Plain, ManagedEvent)
	case BlockedOpen:
		return say(Silent)
	case BlockedUnknown:
		return say(Plain, BlockedNoWindow)
	case BlockedClosed:
		if from == BlockedOpen {
			return say(Plain, WindowClosed)
		}
		return say(Plain, BlockedNoWindow)
	case UpgradePending:
		return say(Urgent, UpgradeEvent)
	case LoadFailing:
		return say(Plain, LoadFailingEvent)
	case RestartPending:
		if from.Blocked() {
			return say(Plain, ApprovedEvent, RestartNeeded)
		}
		return say(Plain, RestartNeeded)
	case Incompatible:
		return say(Plain, VerdictChanged)
	case Unknown:
		return say(Plain, VerdictChanged)
	case Approved:
		if from.Blocked() || from == UpgradePending || from == LoadFailing {
			return say(Plain, ApprovedEvent)
		}
	}
	return say(Silent)
}

// endsUnsaid reports whether tellingFor leaves out how a window ended: the
// verdict is about something else.
func endsUnsaid(to Verdict) bool {
	switch to {
	case Unknown, Incompatible, NotAsked, NotNeeded, NotInstalled:
		return true
	}
	return false
}

// windowEnd is the event for each end of a window.
var windowEnd = map[Verdict]EventName{Approved: ApprovedEvent, BlockedClosed: WindowClosed}
