// Package notify defines what kextwatch can show: an alert, a dialog, and the menu
// of its icon. It has only data and three small interfaces. notify/desktop posts
// alerts and shows dialogs, notify/tray shows the menu, and agent/view has the
// words.
package notify

import "context"

// Alert is one notification.
type Alert struct {
	Title  string
	Body   string
	Urgent bool // with a sound; for a window that closes soon
}

// Poster delivers alerts. No error means that the system accepted the alert. The
// system does not report whether anyone saw it.
type Poster interface {
	Post(ctx context.Context, alert Alert) error

	// Prepare makes the next urgent alert faster. It may return only after that alert.
	Prepare(ctx context.Context)
}

// Dialog is a question in its own window.
type Dialog struct {
	Title   string
	Text    string
	Buttons []string // one to three labels, from left to right, all different
	Default int      // index of the button that Return presses
	Cancel  int      // index of the button that Escape presses
}

// Answer is the label of the pressed button, as in the Dialog. It is empty if nobody
// answered in time.
type Answer string

// Asker shows a dialog and waits for the answer. The caller shows one dialog at a
// time.
type Asker interface {
	Ask(ctx context.Context, dialog Dialog) (Answer, error)
}

// Menu is the icon in the menu bar and its menu. The order of the entries never
// changes: an entry without a use is hidden or disabled.
type Menu struct {
	Icon    Icon
	Title   string // beside the icon: the minutes left, such as "24m"; usually empty
	Tooltip string
	State   string   // first line, one sentence
	Primary Primary  // the entry that helps most now
	Next    []string // how; at most MaxNext lines are shown
	Details []string // in a menu of their own, at most MaxDetails lines are shown
	Items   map[Action]Item
}

// The largest number of lines in the menu.
const (
	MaxNext    = 2
	MaxDetails = 6
)

// Primary is the first entry of the menu. An empty label hides it.
type Primary struct {
	Action Action // one of Primaries
	Label  string
}

// Primaries has the actions that the first entry can have.
var Primaries = []Action{OpenSettings, Retry, ShowGuide, CopyMessage}

// Item is one entry of the menu. An empty label hides it. Only OpenAtLogin has a
// check mark.
type Item struct {
	Label   string
	Enabled bool
	Checked bool
}

// Icon is the shape in the menu bar. The shapes differ without color.
type Icon int

// The icons. The zero value means "unknown", not "all is well".
const (
	IconUnsure  Icon = iota
	IconWell         // nothing to do
	IconWaiting      // an approval waits, and there may be a button to click
	IconBlocked      // blocked, and there is no button now
	IconTodo         // something else to do, such as a restart
)

// Action identifies an entry of the menu that the user chose.
type Action string

// The actions of the menu.
const (
	OpenSettings Action = "open-settings"
	Retry        Action = "retry"
	ShowGuide    Action = "show-guide"
	CopyGuide    Action = "copy-guide"
	CopyMessage  Action = "copy-message" // to the administrator; only of Menu.Primary
	ShowHistory  Action = "show-history"
	ShowDoctor   Action = "show-doctor"
	ShowReport   Action = "show-report"
	CheckNow     Action = "check-now"
	SnoozeMenu   Action = "" // only opens the entries in Snoozes
	Snooze       Action = "snooze"
	SnoozeWindow Action = "snooze-window" // until the window closes
	EndSnooze    Action = "end-snooze"
	Ignore       Action = "ignore"  // starts or stops ignoring the developer of the leading product
	Contact      Action = "contact" // opens the address of the organization
	OpenAtLogin  Action = "open-at-login"
	ShowAbout    Action = "show-about"
	Quit         Action = "quit"
)

// Sections has the entries below the details, in the order of the menu.
var Sections = [][]Action{
	{OpenSettings, Retry, ShowGuide, CopyGuide, ShowHistory, ShowDoctor, ShowReport, CheckNow, SnoozeMenu, Ignore},
	{Contact, OpenAtLogin, ShowAbout},
	{Quit},
}

// Snoozes has the entries of the menu that SnoozeMenu opens, in order.
var Snoozes = []Action{Snooze, SnoozeWindow, EndSnooze}

// Tray is an icon with a menu.
type Tray interface {
	// Run shows the icon and blocks until Quit. It must be called on the main
	// goroutine. On macOS it never returns, so save everything before Quit.
	// ready is called once, when the icon is visible.
	Run(ready func())
	// Show replaces the menu. It never blocks, and only the newest menu is shown.
	Show(Menu)
	// Clicks delivers the entries that the user chose.
	Clicks() <-chan Action
	// Quit removes the icon.
	Quit()
}
