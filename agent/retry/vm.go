package retry

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"kextwatch/agent/view"
	"kextwatch/probe"
)

// chooseVM returns the virtual machine to start. Only a stopped one on
// Parallels' own hypervisor makes macOS check the kernel extensions. Without a
// UUID, only its name could go into the command line, and that is foreign text.
func (o Options) chooseVM(ctx context.Context) (probe.VM, error) {
	machines := o.Status.Facts.Machines
	var fit []probe.VM
	for _, vm := range machines.List {
		if vm.State == probe.VMStopped && vm.Hypervisor == probe.ParallelsHypervisor && vm.UUID != "" {
			fit = append(fit, vm)
		}
	}
	slices.SortFunc(fit, func(a, b probe.VM) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID)) })
	switch {
	case o.VM != "":
		return namedVM(fit, machines.List, o.VM)
	case len(fit) == 0 && !machines.Known:
		return probe.VM{}, unavailable(errors.New("the list of virtual machines is unknown"), "start one that uses Parallels' hypervisor in Parallels Desktop yourself")
	case len(fit) == 0:
		return probe.VM{}, unavailable(errors.New("no stopped virtual machine uses Parallels' hypervisor"), "shut one down first, or reinstall Parallels Desktop; a virtual machine on Apple's hypervisor needs no approval")
	case len(fit) == 1 || o.User == nil:
		return fit[0], nil
	}
	return o.User.Choose(ctx, fit)
}

// namedVM returns the virtual machine with this UUID or this whole name.
func namedVM(fit, all []probe.VM, name string) (probe.VM, error) {
	is := func(vm probe.VM) bool {
		return vm.Name == name || vm.UUID != "" && strings.EqualFold(vm.UUID, strings.Trim(name, "{}"))
	}
	found := slices.DeleteFunc(slices.Clone(fit), func(vm probe.VM) bool { return !is(vm) })
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return probe.VM{}, usage("name one by its UUID", "several virtual machines have this name:%s", view.MachineList(found))
	case slices.ContainsFunc(all, is):
		return probe.VM{}, unavailable(errors.New("this virtual machine is not stopped, or does not use Parallels' hypervisor: starting it loads nothing"), "shut it down first, or name another one with --vm")
	}
	return probe.VM{}, usage("kextwatch retry lists those that can be started", "unknown virtual machine %q", name)
}
