package approval

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"kextwatch/probe"
)

// Need tells whether a product needs its kernel extensions on this Mac.
type Need struct {
	Answer  probe.Answer // empty: unknown, treated as Yes
	Because Rule

	// The reasons from macOS 11. Several can hold at once.
	Networking bool       // networking uses kernel extensions: UseKextless is 0
	VMs        []probe.VM // those that use Parallels' own hypervisor and cannot start without it
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
	n := Need{Networking: machines.Kextless == probe.No}
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
	case n.Networking:
		n.Answer, n.Because = probe.Yes, RuleKextNetworking
		if len(n.VMs) > 0 {
			a.fire(RuleParallelsHypervisor, w.name)
		}
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

// ByOpening reports whether Parallels tries to load its extensions when it is opened.
// Otherwise only a virtual machine on its own hypervisor makes it try.
func (n Need) ByOpening() bool {
	return n.Because == RuleOldMacOS || n.Because == RuleOldParallels || n.Networking
}

// Startable returns the virtual machines whose start or resume makes Parallels try, and
// that this user can start, the best first: a stopped one has nothing open. Without a
// UUID, only the name could go into a command line, and that is foreign text.
func (n Need) Startable() []probe.VM {
	fit := n.only(func(vm probe.VM) bool {
		return !vm.OtherUsers && vm.UUID != "" && (vm.State == probe.VMStopped || vm.State == probe.VMSuspended)
	})
	suspended := func(vm probe.VM) int {
		if vm.State == probe.VMSuspended {
			return 1
		}
		return 0
	}
	slices.SortFunc(fit, func(a, b probe.VM) int {
		return cmp.Or(suspended(a)-suspended(b), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID))
	})
	return fit
}

// CanMove returns the virtual machines that this user could switch to Apple's hypervisor.
func (n Need) CanMove() []probe.VM {
	return n.only(func(vm probe.VM) bool { return vm.Nested != probe.Yes && !isUp(vm) && !vm.OtherUsers })
}

// CanMoveLater returns those that this user could switch after they were shut down.
func (n Need) CanMoveLater() []probe.VM {
	return n.only(func(vm probe.VM) bool { return vm.Nested != probe.Yes && isUp(vm) && !vm.OtherUsers })
}

// Nested returns the virtual machines that only Parallels' hypervisor can run,
// because they use nested virtualization.
func (n Need) Nested() []probe.VM {
	return n.only(func(vm probe.VM) bool { return vm.Nested == probe.Yes })
}

// OfOthers returns the virtual machines that only another user can start.
func (n Need) OfOthers() []probe.VM {
	return n.only(func(vm probe.VM) bool { return vm.OtherUsers })
}

// only returns the virtual machines that fit.
func (n Need) only(fits func(probe.VM) bool) []probe.VM {
	var all []probe.VM
	for _, vm := range n.VMs {
		if fits(vm) {
			all = append(all, vm)
		}
	}
	return all
}

// isUp reports whether a virtual machine runs or is suspended. Its hypervisor can only
// be changed while it is shut down.
func isUp(vm probe.VM) bool { return vm.State == probe.VMRunning || vm.State == probe.VMSuspended }

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
