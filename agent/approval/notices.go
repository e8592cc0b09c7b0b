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
	CannotLoadEvent    EventName = "cannot-load"
	NeedsRecoveryEvent EventName = "needs-recovery"
	ApprovalLostEvent  EventName = "approval-lost"
	ManagedEvent       EventName = "managed"
	VerdictChanged     EventName = "verdict-changed"
	MacOSUpdated       EventName = "macos-updated"
	ParallelsInstalled EventName = "parallels-installed"
	ParallelsUpdated   EventName = "parallels-updated"
	ParallelsRemoved   EventName = "parallels-removed"
	MacOSOffered       EventName = "macos-offered"
	SourcesDiffer      EventName = "sources-differ"
	SnoozedEvent       EventName = "snoozed"
	IgnoredEvent       EventName = "ignored"
	SourceChanged      EventName = "source-changed"
	SourceLost         EventName = "source-lost"
	NotificationFailed EventName = "notification-failed"
)

// Events lists every event.
var Events = []EventName{
	AgentStarted, AgentStopped, WindowOpened, WindowReopened, WindowReminder,
	WindowObstacle, WindowClosed, BlockedNoWindow, ApprovedEvent, RestartNeeded, KextsLoaded,
	UpgradeEvent, LoadFailingEvent, CannotLoadEvent, NeedsRecoveryEvent, ApprovalLostEvent, ManagedEvent, VerdictChanged, MacOSUpdated,
	ParallelsInstalled, ParallelsUpdated, ParallelsRemoved, MacOSOffered, SourcesDiffer,
	SnoozedEvent, IgnoredEvent, SourceChanged, SourceLost, NotificationFailed,
}

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

// verdictChanges is the table of notices: a row for every verdict that a product
// can change to.
//
// A change to blocked-open has no event here: Tell announces each window once,
// by its number.
var verdictChanges = map[Verdict]struct {
	change verdictChange
	// after chooses the earlier verdicts for which other replaces change.
	after func(from Verdict) bool
	other verdictChange
	// endsUnnoticed: change has no event for the end of a window at this verdict.
	endsUnnoticed bool
}{
	BlockedOpen:    {},
	Managed:        {change: announce(Plain, ManagedEvent)},
	NeedsRecovery:  {change: announce(Plain, NeedsRecoveryEvent), endsUnnoticed: true},
	BlockedUnknown: {change: announce(Plain, BlockedNoWindow)},
	BlockedClosed: {change: announce(Plain, BlockedNoWindow),
		after: func(from Verdict) bool { return from == BlockedOpen }, other: announce(Plain, WindowClosed)},
	UpgradePending: {change: announce(Urgent, UpgradeEvent)},
	CannotLoad:     {change: announce(Plain, CannotLoadEvent), endsUnnoticed: true},
	LoadFailing:    {change: announce(Plain, LoadFailingEvent), endsUnnoticed: true},
	RestartPending: {change: announce(Plain, RestartNeeded),
		after: Verdict.Blocked, other: announce(Plain, ApprovedEvent, RestartNeeded)},
	Incompatible: {change: announce(Plain, VerdictChanged), endsUnnoticed: true},
	Unknown:      {change: announce(Plain, VerdictChanged), endsUnnoticed: true},
	NotAsked:     {endsUnnoticed: true},
	// What did not load was approved before. After a restart, nothing shows yet whether it
	// loads; KextsLoaded tells when it does.
	Approved: {after: func(from Verdict) bool { return from.Blocked() || from == UpgradePending },
		other: announce(Plain, ApprovedEvent)},
	NotNeeded:    {endsUnnoticed: true},
	NotInstalled: {endsUnnoticed: true},
}

// verdictChangeFor returns the events when the verdict of a product changes. from is
// empty at the first snapshot.
func verdictChangeFor(from, to Verdict) verdictChange {
	row := verdictChanges[to]
	if row.after != nil && row.after(from) {
		return row.other
	}
	return row.change
}

// windowEnd is the event for each end of a window.
var windowEnd = map[Verdict]EventName{Approved: ApprovedEvent, BlockedClosed: WindowClosed}
