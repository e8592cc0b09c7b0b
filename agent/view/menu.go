package view

import (
	"fmt"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Around is what the menu shows besides the status.
type Around struct {
	Version       string // of kextwatch
	HideTime      bool   // no minutes beside the icon
	SnoozeMinutes int
	SnoozedUntil  time.Time    // zero: alerts come
	AtLogin       probe.Answer // kextwatch is started at login
}

// Menu is what the icon in the menu bar shows.
func Menu(st approval.Status, around Around) notify.Menu {
	pane := PaneFor(st.Mac.OS)
	m := notify.Menu{
		Icon:    icon(st.Verdict),
		State:   "kextwatch is looking…",
		Primary: notify.Item{Label: fmt.Sprintf("Open %s…", pane.Name), Enabled: true},
	}
	if len(st.Products) == 0 {
		m.Tooltip = m.State
		m.Items = items(approval.Product{}, around)
		return m
	}
	worst := st.Products[0]
	for _, p := range st.Products {
		if p.Verdict == st.Verdict {
			worst = p
			break
		}
	}
	m.State = fmt.Sprintf("%s: %s", worst.Name, State(worst))
	m.Tooltip = fmt.Sprintf("kextwatch: %s", m.State)
	if worst.Window.Open() && worst.Verdict == approval.Unknown {
		m.Icon = notify.IconWaiting // there is a button to click, whatever else is not known
	}
	if worst.Window.Open() && !around.HideTime {
		m.Title = fmt.Sprintf("%dm", worst.Window.MinutesLeft())
	}
	m.Details = details(worst, st)
	m.Items = items(worst, around)
	return m
}

// items are the entries below the details. What cannot be used is greyed out.
func items(worst approval.Product, around Around) map[notify.Action]notify.Item {
	open, snoozed := worst.Window.Open(), !around.SnoozedUntil.IsZero()
	snooze := "Snooze"
	if snoozed {
		snooze = fmt.Sprintf("Snoozed until %s", clock(around.SnoozedUntil))
	}
	return map[notify.Action]notify.Item{
		notify.Retry:        {Label: "Try Again…", Enabled: worst.Verdict.Blocked() && worst.Verdict != approval.Managed && worst.App != nil && !open},
		notify.ShowHistory:  {Label: "History…", Enabled: true},
		notify.ShowDoctor:   {Label: "Doctor…", Enabled: true},
		notify.ShowReport:   {Label: "Report…", Enabled: true},
		notify.CheckNow:     {Label: "Check Now", Enabled: true},
		notify.SnoozeMenu:   {Label: snooze, Enabled: open || snoozed},
		notify.Snooze:       {Label: count(around.SnoozeMinutes, "For 1 Minute", "For %d Minutes"), Enabled: open},
		notify.SnoozeWindow: {Label: "Until the Button Goes", Enabled: open},
		notify.EndSnooze:    {Label: "No Longer", Enabled: snoozed},
		notify.OpenAtLogin:  {Label: "Open at Login", Enabled: around.AtLogin != "", Checked: around.AtLogin == probe.Yes},
		notify.ShowAbout:    {Label: fmt.Sprintf("About kextwatch %s", around.Version), Enabled: true},
		notify.Quit:         {Label: "Quit kextwatch", Enabled: true},
	}
}

func icon(v approval.Verdict) notify.Icon {
	switch v {
	case approval.BlockedOpen, approval.BlockedUnknown, approval.BlockedClosed:
		return notify.IconWaiting
	case approval.Managed, approval.UpgradePending, approval.LoadFailing, approval.RestartPending, approval.Incompatible:
		return notify.IconTodo
	case approval.NotAsked, approval.Approved, approval.NotNeeded, approval.NotInstalled:
		return notify.IconWell
	}
	return notify.IconUnsure
}

// short cuts a line at what a menu shows without leaving a small screen.
func short(line string) string {
	const most = 60
	letters := []rune(line)
	if len(letters) <= most {
		return line
	}
	return string(letters[:most-1]) + "…"
}

// details are short lines: a menu is no place for paragraphs.
func details(p approval.Product, st approval.Status) []string {
	var lines []string
	add := func(line string) { lines = append(lines, line) }
	if p.Verdict.Blocked() {
		for _, item := range p.Items {
			for _, k := range item.Kexts {
				if k.Blocked && k.Developer != "" {
					add(fmt.Sprintf("Shown in the pane as “%s”", Clean(k.Developer)))
					break
				}
			}
		}
	}
	if p.Window.Open() {
		add(fmt.Sprintf("Allow button until %s", clock(p.Window.ClosesAt)))
	}
	if len(st.OtherPending) > 0 && p.Verdict.Blocked() {
		add("Other developers wait too: click Details…")
	}
	if names := vmNames(p.Need.VMs); names != "" && p.Verdict.NeedsAction() {
		add(fmt.Sprintf("Cannot start: %s", names))
	}
	if o := obstacle(p, st); o != nil {
		add(o.Title)
	}
	switch p.Verdict {
	case approval.BlockedOpen, approval.BlockedUnknown:
		add("Button does nothing? Press Tab, then Space")
		if st.Mac.OS.AtLeast(11, 0) {
			add("After Allow, restart the Mac")
		}
	case approval.BlockedClosed:
		add("No Allow button? Let Parallels try again:")
		if st.Mac.OS.AtLeast(11, 0) {
			add("start a VM that uses the Parallels hypervisor")
		} else {
			add(fmt.Sprintf("quit %s and open it again", p.Name))
		}
	case approval.Unknown:
		for _, s := range st.Sources {
			if s.State != probe.OK {
				add(short(fmt.Sprintf("%s: %s", s.Name, Clean(s.Reason))))
			}
		}
	}
	if p.App != nil && p.App.Version != "" {
		add(fmt.Sprintf("%s %s, macOS %s", p.Name, Clean(p.App.Version), st.Mac.OS))
	}
	return lines[:min(len(lines), notify.MaxDetails)]
}
