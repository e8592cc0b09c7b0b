package tray

import (
	"strconv"
	"strings"
	"unicode"

	"kextwatch/notify"
)

// bar is where the icon is.
type bar interface {
	SetIcon(notify.Icon)
	SetTitle(string)
	SetTooltip(string)
	// AddLine adds a line at the end of the menu, visible, enabled and
	// without a label. A click on it is the action; "" stands for none.
	AddLine(notify.Action) entry
	AddSeparator()
}

// entry is a line of the real menu.
type entry interface {
	SetTitle(string)
	Enable()
	Disable()
	Show()
	Hide()
}

// display knows what is shown and changes what differs.
type display struct {
	bar            bar
	icon           notify.Icon
	title, tooltip string

	state, primary line
	details        [notify.MaxDetails]line
	history, check line
	about, quit    line
}

// newDisplay builds the skeleton, with every line hidden and the icon that
// claims nothing.
func newDisplay(b bar) *display {
	d := &display{bar: b, icon: notify.IconUnsure}
	b.SetIcon(d.icon)
	d.state = addLine(b, "")
	d.primary = addLine(b, notify.OpenSettings)
	for i := range d.details {
		d.details[i] = addLine(b, "")
	}
	b.AddSeparator()
	d.history = addLine(b, notify.ShowHistory)
	d.check = addLine(b, notify.CheckNow)
	b.AddSeparator()
	d.about = addLine(b, notify.ShowAbout)
	b.AddSeparator()
	d.quit = addLine(b, notify.Quit)
	return d
}

func (d *display) show(menu notify.Menu) {
	if menu.Icon != d.icon {
		d.icon = menu.Icon
		d.bar.SetIcon(d.icon)
	}
	if title := plain(menu.Title); title != d.title {
		d.title = title
		d.bar.SetTitle(title)
	}
	if tooltip := plain(menu.Tooltip); tooltip != d.tooltip {
		d.tooltip = tooltip
		d.bar.SetTooltip(tooltip)
	}
	d.state.show(notify.Item{Label: menu.State})
	d.primary.show(menu.Primary)
	for i := range d.details {
		var detail notify.Item
		if i < len(menu.Details) {
			detail.Label = menu.Details[i]
		}
		d.details[i].show(detail)
	}
	d.history.show(menu.History)
	d.check.show(menu.Check)
	d.about.show(menu.About)
	d.quit.show(menu.Quit)
}

// line is an entry and how it is at present.
type line struct {
	entry            entry
	label            string
	enabled, visible bool
}

// addLine adds a line and hides it.
func addLine(b bar, action notify.Action) line {
	l := line{entry: b.AddLine(action), enabled: true, visible: true}
	l.show(notify.Item{})
	return l
}

func (l *line) show(want notify.Item) {
	label := plain(want.Label)
	if label == "" {
		if l.visible {
			l.visible = false
			l.entry.Hide()
		}
		return
	}
	if label != l.label {
		l.label = label
		l.entry.SetTitle(label)
	}
	if want.Enabled != l.enabled {
		l.enabled = want.Enabled
		if want.Enabled {
			l.entry.Enable()
		} else {
			l.entry.Disable()
		}
	}
	if !l.visible {
		l.visible = true
		l.entry.Show()
	}
}

// plain makes text one line of printable characters in valid UTF-8: AppKit
// refuses anything else by an exception, GTK by a warning.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !strconv.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
}
