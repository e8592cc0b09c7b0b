package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// State is where a product stands, in a few words.
func State(p approval.Product) string {
	switch p.Verdict {
	case approval.Managed:
		return "blocked, and managed by your organisation"
	case approval.BlockedOpen:
		return fmt.Sprintf("waiting for your approval, %s left", minutes(p.Window.MinutesLeft()))
	case approval.BlockedUnknown:
		return "blocked until you approve it"
	case approval.BlockedClosed:
		return "blocked, and the time to approve it is over"
	case approval.UpgradePending:
		return "updated, and waiting for another approval"
	case approval.LoadFailing:
		return "approved, but macOS still refuses to load it"
	case approval.RestartPending:
		return "approved; restart the Mac to finish"
	case approval.Incompatible:
		return "made for an older macOS"
	case approval.Unknown:
		return "cannot tell"
	case approval.NotAsked:
		return "not asked for approval yet"
	case approval.Approved:
		if p.Loaded {
			return "approved and loaded"
		}
		return "approved"
	case approval.NotNeeded:
		return "needs no approval on this Mac"
	case approval.NotInstalled:
		return "not installed"
	}
	return "not looked at yet"
}

// Why says what the verdict rests on.
func Why(p approval.Product, st approval.Status) string {
	blocked := 0
	for _, item := range p.Items {
		for _, k := range item.Kexts {
			if k.Blocked {
				blocked++
			}
		}
	}
	refused := sentences(fmt.Sprintf("macOS blocked %s of %s", count(blocked, "1 kernel extension", "%d kernel extensions"), p.Name), stuck(p))
	switch p.Verdict {
	case approval.Managed:
		return sentences(refused, "a configuration profile keeps users from approving it")
	case approval.BlockedOpen:
		return sentences(refused, fmt.Sprintf("the Allow button is there until %s", closing(p, st)))
	case approval.BlockedUnknown:
		return sentences(refused, "when that was cannot be told, so the Allow button may or may not be there")
	case approval.BlockedClosed:
		return sentences(refused, fmt.Sprintf("the Allow button was there until %s", closing(p, st)))
	case approval.UpgradePending:
		return "The kernel extensions on disk are not the ones that were last loaded; macOS wants a new approval for them."
	case approval.LoadFailing:
		return "The kernel extensions are approved, and macOS still refused to load them after a restart."
	case approval.RestartPending:
		return "The kernel extensions are approved; from macOS 11 on they are loaded at the next start."
	case approval.Incompatible:
		if p.Made == nil {
			return fmt.Sprintf("This version of %s was made for an older macOS.", p.Name)
		}
		return fmt.Sprintf("%s was made for macOS up to %s.", title(p), p.Made.MaxMacOS)
	case approval.Unknown:
		return sentences("no source of the kernel extension policy could be read", lastWindow(p))
	case approval.NotAsked:
		return fmt.Sprintf("macOS has not been asked to load the kernel extensions of %s yet.", p.Name)
	case approval.Approved:
		return approvedBecause(p)
	case approval.NotNeeded:
		switch p.Need.Because {
		case approval.RuleAppleSilicon:
			return fmt.Sprintf("%s uses no kernel extensions on Apple silicon.", p.Name)
		case approval.RuleAppStore:
			return fmt.Sprintf("The App Store edition of %s brings no kernel extensions.", p.Name)
		}
		return "Every virtual machine uses Apple's hypervisor, which needs no kernel extension."
	case approval.NotInstalled:
		return fmt.Sprintf("%s is not installed.", p.Name)
	}
	return ""
}

// closing is when the button goes: from macOS 11 on nobody at Apple has
// repeated the half hour.
func closing(p approval.Product, st approval.Status) string {
	if st.Mac.OS.AtLeast(11, 0) {
		return fmt.Sprintf("about %s", clock(p.Window.ClosesAt))
	}
	return clock(p.Window.ClosesAt)
}

// stuck names the virtual machines that cannot start meanwhile.
func stuck(p approval.Product) string {
	names := vmNames(p.Need.VMs)
	if names == "" {
		return ""
	}
	return fmt.Sprintf("until it is allowed, these virtual machines cannot start: %s", names)
}

func vmNames(vms []probe.VM) string {
	var names []string
	for _, vm := range vms {
		names = append(names, vm.Name)
	}
	return list(names)
}

func lastWindow(p approval.Product) string {
	if !p.Window.Open() {
		return ""
	}
	return fmt.Sprintf("macOS refused at %s, so the Allow button should be there until %s", clock(p.Window.OpenedAt), clock(p.Window.ClosesAt))
}

func approvedBecause(p approval.Product) string {
	if p.Loaded {
		return "All kernel extensions are loaded in the version that is installed."
	}
	for _, item := range p.Items {
		for _, k := range item.Kexts {
			switch k.AllowedBy {
			case approval.ByMDM:
				return "A configuration profile allows the kernel extensions."
			case approval.ByRecovery:
				return "The developer was allowed from macOS Recovery."
			case approval.NotEnforced:
				return "macOS asks nobody for an approval on this Mac."
			}
		}
	}
	return "The kernel extensions are allowed."
}

// Next says what there is to do now; empty: nothing.
func Next(p approval.Product, st approval.Status) string {
	os, pane := st.Mac.OS, PaneFor(st.Mac.OS)
	switch p.Verdict {
	case approval.Managed:
		return fmt.Sprintf("Ask your administrator to allow the kernel extensions of %s (team %s)%s.", p.Name, p.TeamID, payload(p))
	case approval.BlockedOpen:
		return sentences(fmt.Sprintf("open %s and %s", pane.Path, clickAllow(p, st)), otherHypervisor(p, os))
	case approval.BlockedUnknown:
		return sentences(fmt.Sprintf("open %s and %s", pane.Path, clickAllow(p, st)), fmt.Sprintf("if there is no button, %s, then look again", tryAgain(p, os)), otherHypervisor(p, os))
	case approval.BlockedClosed:
		return sentences(fmt.Sprintf("look in %s whether the Allow button is still there", pane.Path), fmt.Sprintf("if not, %s, then click Allow", tryAgain(p, os)), otherHypervisor(p, os))
	case approval.UpgradePending:
		return fmt.Sprintf("Open %s, approve the update and restart the Mac.", pane.Path)
	case approval.LoadFailing:
		return fmt.Sprintf("Restart the Mac once more; if that does not help, see Parallels' page about it (%s).", errorPage(p))
	case approval.RestartPending:
		return "Restart the Mac."
	case approval.Incompatible:
		return fmt.Sprintf("Update %s (%s).", p.Name, releaseNotes(p))
	case approval.Unknown:
		if p.Window.Open() {
			return sentences(fmt.Sprintf("open %s and %s", pane.Path, clickAllow(p, st)), unknownNext(st))
		}
		return unknownNext(st)
	case approval.NotAsked:
		return sentences("nothing to do yet", firstTry(p, os))
	case approval.Approved:
		if !p.Loaded && !os.AtLeast(11, 0) {
			return fmt.Sprintf("Nothing. If %s is open and does not work, quit it and open it again.", p.Name)
		}
	}
	return ""
}

// firstTry says what will happen when somebody wants to work.
func firstTry(p approval.Product, os probe.OSVersion) string {
	if os.AtLeast(11, 0) && p.App != nil {
		return "When a virtual machine on the Parallels hypervisor starts, macOS will block the kernel extensions, and you will have about 30 minutes to allow them"
	}
	return fmt.Sprintf("When you open %s, macOS will block its kernel extensions, and you will have 30 minutes to allow them", p.Name)
}

// payload names the profile that forbids users to approve, where it is told.
func payload(p approval.Product) string {
	for _, r := range p.Reasons {
		if name := list(r.About); r.Code == approval.ReasonManaged && name != "" {
			return fmt.Sprintf("; the profile is “%s”", name)
		}
	}
	return ""
}

func clickAllow(p approval.Product, st approval.Status) string {
	click := "click Allow"
	if len(st.OtherPending) > 0 && p.Developer != "" {
		click = fmt.Sprintf("click Details…, tick “%s” and click OK (other developers wait there too)", Clean(p.Developer))
	}
	if st.Mac.OS.AtLeast(11, 0) {
		return fmt.Sprintf("%s, then restart the Mac", click)
	}
	return click
}

// tryAgain makes Parallels load its extensions once more: its service does so
// up to macOS 10.15; from 11 on only a virtual machine that needs them does.
func tryAgain(p approval.Product, os probe.OSVersion) string {
	if p.App == nil || !os.AtLeast(11, 0) {
		return tryAgainInShort(p, os)
	}
	if vm, ok := stoppedVM(p); ok {
		return fmt.Sprintf("start the virtual machine “%s”, or run kextwatch retry (installing %s again does it too)", Clean(vm.Name), p.Name)
	}
	return fmt.Sprintf("start a stopped virtual machine that uses the Parallels hypervisor (installing %s again does it too)", p.Name)
}

// tryAgainInShort is the nearest way alone.
func tryAgainInShort(p approval.Product, os probe.OSVersion) string {
	switch {
	case p.App == nil:
		return fmt.Sprintf("open %s again", p.Name)
	case !os.AtLeast(11, 0):
		return fmt.Sprintf("quit %s and open it again", p.Name)
	}
	if vm, ok := stoppedVM(p); ok {
		return fmt.Sprintf("start the virtual machine “%s”", Clean(vm.Name))
	}
	return "start a virtual machine that uses the Parallels hypervisor"
}

// stoppedVM is a virtual machine whose start makes Parallels try again.
func stoppedVM(p approval.Product) (probe.VM, bool) {
	for _, vm := range p.Need.VMs {
		if vm.State == probe.VMStopped {
			return vm, true
		}
	}
	return probe.VM{}, false
}

// otherHypervisor is the way that needs no approval: from macOS 11 on there is
// one, but not for nested virtualization.
func otherHypervisor(p approval.Product, os probe.OSVersion) string {
	if !os.AtLeast(11, 0) || p.App == nil {
		return ""
	}
	movable, nested := vmNames(p.Need.CanMove()), vmNames(p.Need.Nested())
	switch {
	case movable != "" && nested != "":
		return fmt.Sprintf("or switch %s to Apple's hypervisor, which needs no approval and no restart; %s cannot, because of nested virtualization", movable, nested)
	case movable != "":
		return fmt.Sprintf("or switch %s to Apple's hypervisor: that needs no approval and no restart", movable)
	case nested != "":
		return fmt.Sprintf("%s needs the Parallels hypervisor, because of nested virtualization", nested)
	}
	return "or switch the virtual machine to Apple's hypervisor: that needs no approval and no restart, but has no nested virtualization"
}

func unknownNext(st approval.Status) string {
	var ways []string
	for _, s := range st.Sources {
		if s.State != probe.OK && s.Next != "" {
			ways = append(ways, sentence(Clean(s.Next)))
		}
	}
	if len(ways) == 0 {
		return "Run kextwatch status again in a moment."
	}
	return strings.Join(ways, " ")
}
