package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// stuck says what does not work before an approval: each reason of the need, and which
// virtual machines another user has to start.
func stuck(n approval.Need) string {
	start, resume := cannotStart(n)
	return sentences(
		named("without approval, these virtual machines cannot start: %s", start),
		named("without approval, these suspended virtual machines cannot resume: %s", resume),
		when(n.Networking, "the networking of Parallels is set to use kernel extensions"),
		named("only the user whose folder they are in can start these: %s", vmNames(n.OfOthers())))
}

// stuckInShort is stuck for an alert.
func stuckInShort(n approval.Need) string {
	start, resume := cannotStart(n)
	return sentences(named("without approval, %s cannot start", start), named("without approval, %s cannot resume", resume))
}

// neededBy is stuck for a line of the menu.
func neededBy(n approval.Need) string {
	start, _ := cannotStart(n)
	switch all := vmNames(n.VMs); {
	case n.Networking && all != "":
		return fmt.Sprintf("Needed by: networking, %s", all)
	case n.Networking:
		return "Needed by: networking"
	case start == "":
		return named("Cannot resume: %s", all)
	default:
		return named("Cannot start: %s", all)
	}
}

// cannotStart returns the names of the virtual machines that cannot start, and of the
// suspended ones, which cannot resume.
func cannotStart(n approval.Need) (start, resume string) {
	var stopped, suspended []probe.VM
	for _, vm := range n.VMs {
		if vm.State == probe.VMSuspended {
			suspended = append(suspended, vm)
		} else {
			stopped = append(stopped, vm)
		}
	}
	return vmNames(stopped), vmNames(suspended)
}

// named puts names into a text. Without names it returns "".
func named(text, names string) string {
	if names == "" {
		return ""
	}
	return fmt.Sprintf(text, names)
}

// present returns the texts that are not empty.
func present(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// when returns the text if the condition holds, otherwise "".
func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// orElse returns the fallback for an empty text.
func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func vmNames(vms []probe.VM) string {
	var names []string
	for _, vm := range vms {
		names = append(names, vm.Name)
	}
	return list(names)
}

// canRetry reports whether Try Again… of the menu can make Parallels load its
// extensions again.
func canRetry(p approval.Product, st approval.Status) bool {
	os := st.Mac.OS
	return !st.NoRetry && p.Verdict.Blocked() && p.Verdict != approval.Managed && p.App != nil && !p.Window.Open() &&
		os.Known() && (!os.AtLeast(11, 0) || p.Need.ByOpening() || len(p.Need.Startable()) > 0)
}

const tryAgainEntry = "choose Try Again… in the kextwatch menu"

// bringBack says what brings the Allow button back.
func bringBack(p approval.Product, st approval.Status) string {
	switch way := TryAgain(p, st.Mac.OS); {
	case canRetry(p, st):
		return fmt.Sprintf("%s, or %s", tryAgainEntry, way)
	case p.App != nil && len(p.Need.VMs) == 0:
		return fmt.Sprintf("%s, or install %s again", way, p.Name)
	default:
		return way
	}
}

// TryAgain says how the user makes the product load its extensions again. Up to macOS
// 10.15 the service of Parallels loads them. From macOS 11 only what needs them does.
func TryAgain(p approval.Product, os probe.OSVersion) string {
	n := p.Need
	switch {
	case otherVendor(p):
		return vendorWords(p.Name).again
	case p.App == nil:
		return fmt.Sprintf("open %s again", p.Name)
	case n.ByOpening() && len(n.VMs) > 0:
		return fmt.Sprintf("quit %s, open it again and %s", p.Name, byMachine(n))
	case n.ByOpening() || !os.AtLeast(11, 0):
		return fmt.Sprintf("quit %s and open it again", p.Name)
	case n.Answer == probe.No:
		return "repeat what needed the kernel extension"
	case len(n.VMs) == 0:
		return "start a virtual machine that uses the Parallels hypervisor"
	}
	return byMachine(n)
}

// byMachine says how a virtual machine of the need makes Parallels try.
func byMachine(n approval.Need) string {
	if fit := n.Startable(); len(fit) > 0 {
		return start(fit[0])
	}
	var running, others probe.VM
	for _, vm := range n.VMs {
		switch {
		case vm.OtherUsers:
			others = vm
		case vm.State == probe.VMRunning:
			running = vm
		default:
			return start(vm)
		}
	}
	if running.Name != "" {
		return fmt.Sprintf("shut down the virtual machine %s and start it again", MachineName(running))
	}
	return fmt.Sprintf("let its owner start the virtual machine %s", MachineName(others))
}

func start(vm probe.VM) string {
	if vm.State == probe.VMSuspended {
		return fmt.Sprintf("resume the virtual machine %s", MachineName(vm))
	}
	return fmt.Sprintf("start the virtual machine %s", MachineName(vm))
}

// firstTry says what will happen at the first load attempt.
func firstTry(p approval.Product, os probe.OSVersion) string {
	n := p.Need
	if otherVendor(p) {
		return fmt.Sprintf("When something needs the kernel extension of %s, macOS will block it, and kextwatch will say what to do", p.Name)
	}
	if !os.AtLeast(11, 0) || p.App == nil {
		return sentences(fmt.Sprintf("macOS will block the kernel extensions when you open %s", p.Name), "you then have 30 minutes to allow them")
	}
	var attempts []string
	if n.ByOpening() {
		attempts = append(attempts, fmt.Sprintf("you open %s", p.Name))
	}
	switch start, resume := cannotStart(n); {
	case len(n.VMs) == 1 && start == "":
		attempts = append(attempts, fmt.Sprintf("the virtual machine %s resumes", MachineName(n.VMs[0])))
	case len(n.VMs) == 1:
		attempts = append(attempts, fmt.Sprintf("the virtual machine %s starts", MachineName(n.VMs[0])))
	case len(n.VMs) > 1:
		attempts = append(attempts, present(named("one of these starts (%s)", start), named("one of these resumes (%s)", resume))...)
	}
	when := strings.Join(attempts, " or ")
	if when == "" {
		when = "a virtual machine that uses the Parallels hypervisor starts"
	}
	return sentences("macOS will block the kernel extensions when "+when, "you then have about 30 minutes to allow them")
}

// withoutKexts describes the way without an approval, by the reasons of the need. From
// macOS 11 a virtual machine can use Apple's hypervisor while it is shut down, unless it
// uses nested virtualization.
func withoutKexts(p approval.Product, mac probe.Mac) string {
	n := p.Need
	if otherVendor(p) {
		return instead(p, mac)
	}
	if !mac.OS.AtLeast(11, 0) || p.App == nil || n.Because == approval.RuleOldParallels || n.Answer == probe.No {
		return ""
	}
	if n.Answer == "" && len(n.VMs) == 0 {
		return "or switch the virtual machine to Apple's hypervisor, which needs no approval and no restart, but has no nested virtualization"
	}
	return sentences(
		named("or switch %s to Apple's hypervisor, which needs no approval and no restart", vmNames(n.CanMove())),
		named("%s can switch to Apple's hypervisor after a shutdown", vmNames(n.CanMoveLater())),
		named("%s cannot use Apple's hypervisor, because of nested virtualization", vmNames(n.Nested())),
		withoutKextNetworking(n))
}

// withoutKextNetworking says how networking works without kernel extensions. The value
// -1 lets Parallels choose, which means without them from macOS 11.
func withoutKextNetworking(n approval.Need) string {
	how := fmt.Sprintf("an administrator sets UseKextless to -1 in %s, and Parallels Desktop is opened again", probe.ParallelsNetworkSettings)
	switch {
	case !n.Networking:
		return ""
	case len(n.VMs) == 0:
		return fmt.Sprintf("or switch networking to work without kernel extensions: %s", how)
	}
	return fmt.Sprintf("networking works without kernel extensions if %s", how)
}
