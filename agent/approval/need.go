package approval

import (
	"slices"
	"strconv"
	"strings"

	"kextwatch/probe"
)

// Need tells whether a product needs its kernel extensions on this Mac.
type Need struct {
	Answer  probe.Answer // empty: unknown, treated as Yes
	Because Rule
	VMs     []probe.VM // those that use Parallels' own hypervisor and cannot start without it
	Known   bool       // VMs is complete
}

// need returns whether Parallels Desktop needs its extensions. Up to macOS 10.15
// and before Parallels 16 it always does. Later it needs them only for a virtual
// machine on its own hypervisor, or for networking with kernel extensions.
func (a *assessment) need(w watched, app *probe.App) Need {
	machines := a.snap.Machines
	switch {
	case !w.parallels() || !w.app || app == nil && !AppUnknown(a.snap):
		return Need{}
	case a.snap.Mac.Arch == probe.AppleSilicon:
		return Need{Answer: probe.No, Because: RuleAppleSilicon}
	case app == nil:
		return Need{}
	case app.Edition == probe.AppStore:
		return Need{Answer: probe.No, Because: RuleAppStore}
	case !a.snap.Mac.OS.Known():
		return Need{}
	case !a.snap.Mac.OS.AtLeast(11, 0):
		return Need{Answer: probe.Yes, Because: RuleOldMacOS}
	case app.Version != "" && major(app.Version) < 16:
		return Need{Answer: probe.Yes, Because: RuleOldParallels}
	}
	n := Need{Known: machines.Known}
	apple := 0
	for _, vm := range machines.List {
		switch vm.Hypervisor {
		case probe.ParallelsHypervisor:
			n.VMs = append(n.VMs, vm)
		case probe.AppleHypervisor:
			apple++
		}
	}
	switch {
	case machines.Kextless == probe.No:
		n.Answer, n.Because = probe.Yes, RuleKextNetworking
	case len(n.VMs) > 0:
		n.Answer, n.Because = probe.Yes, RuleParallelsHypervisor
	case machines.Known && apple > 0 && apple == len(machines.List) && machines.Kextless == probe.Yes:
		n.Answer, n.Because = probe.No, RuleAppleHypervisor
	}
	return n
}

// unclear reports whether a needed fact is missing. Without virtual machines no fact
// is missing.
func (n Need) unclear(machines probe.Machines) bool {
	return n.Answer == "" && !(machines.Known && len(machines.List) == 0)
}

// CanMove returns the virtual machines that could use Apple's hypervisor instead.
func (n Need) CanMove() []probe.VM {
	return slices.DeleteFunc(slices.Clone(n.VMs), func(vm probe.VM) bool { return vm.Nested == probe.Yes })
}

// Nested returns the virtual machines that only Parallels' hypervisor can run,
// because they use nested virtualization.
func (n Need) Nested() []probe.VM {
	return slices.DeleteFunc(slices.Clone(n.VMs), func(vm probe.VM) bool { return vm.Nested != probe.Yes })
}

func major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// needUnknown returns the gap for unknown hypervisors. From macOS 11, Parallels
// 16 and later needs its kernel extensions only for virtual machines on its own
// hypervisor.
var needUnknown = probe.Gap{
	Source: probe.FactVMs,
	Err:    "which hypervisor the virtual machines use is not known",
	Next:   "if every virtual machine uses Apple's hypervisor (Configure > Hardware > CPU & Memory > Advanced), no approval is needed",
}
