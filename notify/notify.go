// Package notify names what kextwatch can show: an alert, a dialog, and the
// menu behind its icon. It is plain data with three small interfaces;
// notify/desktop posts alerts and shows dialogs, notify/tray shows the menu,
// and the words come from agent/view.
package notify

import "context"

// Alert is one notification.
type Alert struct {
	Title  string
	Body   string
	Urgent bool // with a sound; for a window that is running out
}

// Poster delivers alerts. Success means that the alert was handed over; no
// system tells whether a person saw it.
type Poster interface {
	Post(ctx context.Context, alert Alert) error
}

// Dialog is a question in a window of its own.
type Dialog struct {
	Title   string
	Text    string
	Buttons []string // one to three labels, from left to right, all different
	Default int      // which button Return presses
	Cancel  int      // which button Escape presses
}

// Answer is the label of the button that was pressed, as the Dialog has it.
// Empty: nobody answered in time.
type Answer string

// Asker shows dialogs, one at a time, and waits for the answer.
type Asker interface {
	Ask(ctx context.Context, dialog Dialog) (Answer, error)
}

// Menu is everything behind the icon in the menu bar. Its shape never
// changes: an entry that has nothing to say is hidden or greyed out.
type Menu struct {
	Icon    Icon
	Title   string // beside the icon: the minutes left, "24m"; mostly empty
	Tooltip string
	State   string   // the first line, in one sentence
	Primary Item     // the one thing to click
	Details []string // at most MaxDetails lines are shown
	Items   map[Action]Item
}

// MaxDetails is how many detail lines the menu has room for.
const MaxDetails = 6

// Item is one entry of the menu. An empty label hides it. Only OpenAtLogin has
// a mark.
type Item struct {
	Label   string
	Enabled bool
	Checked bool
}

// Icon is the shape in the menu bar: four shapes, told apart without colour.
type Icon int

// The zero value is "cannot tell", never "all well".
const (
	IconUnsure Icon = iota
	IconWell
	IconWaiting
	IconTodo
)

// Action is what the user chose in the menu.
type Action string

// The actions of the menu.
const (
	OpenSettings Action = "open-settings" // the primary one
	Retry        Action = "retry"
	ShowHistory  Action = "show-history"
	ShowDoctor   Action = "show-doctor"
	ShowReport   Action = "show-report"
	CheckNow     Action = "check-now"
	SnoozeMenu   Action = "" // only opens the three below it
	Snooze       Action = "snooze"
	SnoozeWindow Action = "snooze-window" // until the window has closed
	EndSnooze    Action = "end-snooze"
	OpenAtLogin  Action = "open-at-login"
	ShowAbout    Action = "show-about"
	Quit         Action = "quit"
)

// Sections are the entries of the menu below the details, in their order.
var Sections = [][]Action{
	{Retry, ShowHistory, ShowDoctor, ShowReport, CheckNow, SnoozeMenu},
	{OpenAtLogin, ShowAbout},
	{Quit},
}

// Snoozes are the entries that open from SnoozeMenu, in their order.
var Snoozes = []Action{Snooze, SnoozeWindow, EndSnooze}

// Tray is an icon with a menu.
type Tray interface {
	// Run shows the icon and blocks until Quit. It must be called on the main
	// goroutine; on macOS it never returns, so everything worth keeping is
	// saved before Quit. ready is called once, when the icon is there.
	Run(ready func())
	// Show replaces what is shown. It never blocks; only the newest menu counts.
	Show(Menu)
	// Clicks delivers what the user chose.
	Clicks() <-chan Action
	// Quit removes the icon.
	Quit()
}
