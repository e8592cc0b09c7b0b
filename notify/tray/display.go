package tray

import (
	"slices"

	"kextwatch/notify"
	"kextwatch/probe"
)

// bar is the icon with its menu in the menu bar or panel.
type bar interface {
	SetIcon(notify.Icon)
	SetTitle(string)
	SetTooltip(string)
	// AddLine adds a line at the end of the menu: visible, enabled, and without
	// a label. A click on it sends the action, or nothing if the action is "".
	AddLine(notify.Action) entry
	// AddMarked is AddLine for a line that can have a check mark.
	AddMarked(notify.Action) entry
	AddSeparator()
}

// entry is a line of the real menu.
type entry interface {
	SetTitle(string)
	Enable()
	Disable()
	Check()
	Uncheck()
	Show()
	Hide()
	// AddLine adds a line to the submenu of this line.
	AddLine(notify.Action) entry
}

// display stores what is shown and changes only the differences.
type display struct {
	bar            bar
	icon           notify.Icon
	title, tooltip string

	state       line
	primaries   map[notify.Action]*line
	next        [notify.MaxNext]line
	detailsMenu line
	details     [notify.MaxDetails]line
	items       map[notify.Action]*line
}

// newDisplay builds all lines of the menu, hidden, and shows the icon for "unknown".
func newDisplay(b bar) *display {
	d := &display{bar: b, icon: notify.IconUnsure, primaries: map[notify.Action]*line{}, items: map[notify.Action]*line{}}
	b.SetIcon(d.icon)
	d.state = addLine(b, "")
	for _, action := range notify.Primaries {
		l := addLine(b, action)
		d.primaries[action] = &l
	}
	for i := range d.next {
		d.next[i] = addLine(b, "")
	}
	d.detailsMenu = addLine(b, "")
	for i := range d.details {
		d.details[i] = hidden(d.detailsMenu.entry.AddLine(""))
	}
	for _, section := range notify.Sections {
		b.AddSeparator()
		for _, action := range section {
			add := b.AddLine
			if action == notify.OpenAtLogin {
				add = b.AddMarked
			}
			l := hidden(add(action))
			d.items[action] = &l
		}
	}
	for _, action := range notify.Snoozes {
		l := hidden(d.items[notify.SnoozeMenu].entry.AddLine(action))
		d.items[action] = &l
	}
	return d
}

func (d *display) show(menu notify.Menu) {
	if menu.Icon != d.icon {
		d.icon = menu.Icon
		d.bar.SetIcon(d.icon)
	}
	if title := probe.OneLine(menu.Title); title != d.title {
		d.title = title
		d.bar.SetTitle(title)
	}
	if tooltip := probe.OneLine(menu.Tooltip); tooltip != d.tooltip {
		d.tooltip = tooltip
		d.bar.SetTooltip(tooltip)
	}
	d.state.show(notify.Item{Label: menu.State})
	for _, action := range notify.Primaries {
		var primary notify.Item
		if action == menu.Primary.Action {
			primary = notify.Item{Label: menu.Primary.Label, Enabled: true}
		}
		d.primaries[action].show(primary)
	}
	showTexts(d.next[:], menu.Next)
	showTexts(d.details[:], menu.Details)
	var details notify.Item
	if d.details[0].visible {
		details = notify.Item{Label: "Details", Enabled: true}
	}
	d.detailsMenu.show(details)
	for _, section := range slices.Concat(notify.Sections, [][]notify.Action{notify.Snoozes}) {
		for _, action := range section {
			d.items[action].show(menu.Items[action])
		}
	}
}

// showTexts shows texts that cannot be chosen, and hides the other lines.
func showTexts(lines []line, texts []string) {
	for i := range lines {
		var text notify.Item
		if i < len(texts) {
			text.Label = texts[i]
		}
		lines[i].show(text)
	}
}

// line is an entry with its present state.
type line struct {
	entry            entry
	label            string
	enabled, visible bool
	checked          bool
}

// addLine adds a line and hides it.
func addLine(b bar, action notify.Action) line { return hidden(b.AddLine(action)) }

func hidden(e entry) line {
	l := line{entry: e, enabled: true, visible: true}
	l.show(notify.Item{})
	return l
}

// show updates what changed. AppKit throws an exception for a text that is not
// clean, and GTK prints a warning.
func (l *line) show(want notify.Item) {
	label := probe.OneLine(want.Label)
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
	if want.Checked != l.checked {
		l.checked = want.Checked
		if want.Checked {
			l.entry.Check()
		} else {
			l.entry.Uncheck()
		}
	}
	if !l.visible {
		l.visible = true
		l.entry.Show()
	}
}
