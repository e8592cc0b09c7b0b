package retry

import (
	"context"
	"errors"
	"slices"
	"strings"

	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// chooseVM returns the virtual machine to start or resume.
func (o Options) chooseVM(ctx context.Context) (probe.VM, error) {
	machines, need := o.Status.Facts.Machines, parallels(o.Status).Need
	fit := need.Startable()
	switch {
	case o.VM != "":
		return namedVM(fit, machines.List, o.VM)
	case len(fit) == 0 && !machines.Known:
		return probe.VM{}, cli.Unavailable(errors.New("the list of virtual machines is unknown"), "open Parallels Desktop and start one that uses Parallels' hypervisor")
	case len(fit) == 0:
		return probe.VM{}, cli.Unavailable(errors.New("kextwatch found no virtual machine on Parallels' hypervisor that it can start"), view.OtherWay(need))
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
		return probe.VM{}, cli.Usage("name one by its UUID", "several virtual machines have this name:%s", view.MachineList(found))
	}
	if i := slices.IndexFunc(all, is); i >= 0 {
		return probe.VM{}, unfit(all[i])
	}
	if len(fit) == 0 {
		return probe.VM{}, cli.Usage("leave --vm out", "unknown virtual machine %q, and kextwatch can start no other", name)
	}
	return probe.VM{}, cli.Usage("name one of them", "unknown virtual machine %q; kextwatch can start these:%s", name, view.MachineList(fit))
}

// unfit says why this user cannot cause a load attempt with a virtual machine.
func unfit(vm probe.VM) error {
	switch {
	case vm.Hypervisor != probe.ParallelsHypervisor:
		return cli.Unavailable(errors.New("this virtual machine does not use Parallels' hypervisor: starting it loads nothing"), "name another one with --vm")
	case vm.OtherUsers:
		return cli.Unavailable(errors.New("this virtual machine is in the folder of another user"), "let that user start it")
	case vm.State == probe.VMRunning:
		return cli.Unavailable(errors.New("this virtual machine already runs"), "shut it down first, or name another one with --vm")
	}
	return cli.Unavailable(errors.New("kextwatch cannot tell whether this virtual machine can be started"), "start it in Parallels Desktop, or name another one with --vm")
}
