package view

import (
	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Menu is what the icon in the menu bar shows.
func Menu(st approval.Status, version string) notify.Menu {
	pane := PaneFor(st.Mac.OS)
	m := notify.Menu{
		Icon:    icon(st.Verdict),
		State:   say("kextwatch is looking…"),
		Primary: notify.Item{Label: say("Open %s…", pane.Name), Enabled: true},
		History: notify.Item{Label: say("History…"), Enabled: true},
		Check:   notify.Item{Label: say("Check Now"), Enabled: true},
		About:   notify.Item{Label: say("About kextwatch %s", version), Enabled: true},
		Quit:    notify.Item{Label: say("Quit kextwatch"), Enabled: true},
	}
	if len(st.Products) == 0 {
		m.Tooltip = m.State
		return m
	}
	worst := st.Products[0]
	for _, p := range st.Products {
		if p.Verdict == st.Verdict {
			worst = p
			break
		}
	}
	m.State = say("%s: %s", worst.Name, State(worst))
	m.Tooltip = say("kextwatch: %s", m.State)
	if worst.Window.Open() {
		m.Title = say("%dm", worst.Window.MinutesLeft())
	}
	m.Details = details(worst, st)
	return m
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

// details are short lines: a menu is no place for paragraphs.
func details(p approval.Product, st approval.Status) []string {
	var lines []string
	add := func(line string) { lines = append(lines, line) }
	if p.Verdict.Blocked() {
		for _, item := range p.Items {
			for _, k := range item.Kexts {
				if k.Blocked && k.Developer != "" {
					add(say("Shown in the pane as “%s”", Clean(k.Developer)))
					break
				}
			}
		}
	}
	if p.Window.Open() {
		add(say("Allow button until %s", clock(p.Window.ClosesAt)))
	}
	if len(st.OtherPending) > 0 && p.Verdict.Blocked() {
		add(say("Other developers wait too: click Details…"))
	}
	switch p.Verdict {
	case approval.BlockedOpen, approval.BlockedUnknown:
		add(say("Button does nothing? Press Tab, then Space"))
		if st.Mac.OS.AtLeast(11, 0) {
			add(say("After Allow, restart the Mac"))
		}
	case approval.BlockedClosed:
		add(say("No Allow button? Let Parallels try again:"))
		if st.Mac.OS.AtLeast(11, 0) {
			add(say("start a VM that uses the Parallels hypervisor"))
		} else {
			add(say("quit %s and open it again", p.Name))
		}
	case approval.Unknown:
		for _, s := range st.Sources {
			if s.State != probe.OK {
				add(say("%s: %s", s.Name, Clean(s.Reason)))
			}
		}
	}
	if p.App != nil && p.App.Version != "" {
		add(say("%s %s, macOS %s", p.Name, Clean(p.App.Version), st.Mac.OS))
	}
	return lines[:min(len(lines), notify.MaxDetails)]
}
