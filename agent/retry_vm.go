package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kextwatch/probe"
)

// chooseVM finds the virtual machine to start. Only a stopped one on
// Parallels' own hypervisor makes macOS look at the kernel extensions, and
// only one with a UUID can be named without its name.
func (r retry) chooseVM(ctx context.Context, machines probe.Machines) (probe.VM, error) {
	var fit []probe.VM
	for _, vm := range machines.List {
		if vm.State == probe.VMStopped && vm.Hypervisor == probe.ParallelsHypervisor && vm.UUID != "" {
			fit = append(fit, vm)
		}
	}
	slices.SortFunc(fit, func(a, b probe.VM) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID)) })
	if r.vm != "" {
		return namedVM(fit, machines.List, r.vm)
	}
	switch {
	case len(fit) == 0 && !machines.Known:
		return probe.VM{}, unavailable(errors.New("which virtual machines there are is not known"), "start one that uses Parallels' hypervisor in Parallels Desktop yourself")
	case len(fit) == 0:
		return probe.VM{}, unavailable(errors.New("no stopped virtual machine uses Parallels' hypervisor"), "shut one down first, or reinstall Parallels Desktop; a virtual machine on Apple's hypervisor needs no approval")
	case len(fit) == 1 || r.yes:
		return fit[0], nil
	case !r.interactive():
		return probe.VM{}, usage("name one with --vm NAME or UUID", "there are several virtual machines to start:%s", listed(fit))
	}
	answer, err := r.ask(ctx, fmt.Sprintf("Which virtual machine shall kextwatch start?%s\nNumber: ", listed(fit)))
	if err != nil {
		return probe.VM{}, err
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(fit) {
		return probe.VM{}, unavailable(errors.New("nothing was tried"), "answer with a number of the list, or name one with --vm NAME or UUID")
	}
	return fit[n-1], nil
}

// namedVM is the one the user named, by UUID or by its whole name.
func namedVM(fit, all []probe.VM, name string) (probe.VM, error) {
	is := func(vm probe.VM) bool {
		return vm.Name == name || vm.UUID != "" && strings.EqualFold(vm.UUID, strings.Trim(name, "{}"))
	}
	found := slices.DeleteFunc(slices.Clone(fit), func(vm probe.VM) bool { return !is(vm) })
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return probe.VM{}, usage("name one by its UUID", "several virtual machines have this name:%s", listed(found))
	case slices.ContainsFunc(all, is):
		return probe.VM{}, unavailable(errors.New("this virtual machine is not stopped, or does not use Parallels' hypervisor: starting it loads nothing"), "shut it down first, or name another one with --vm")
	}
	return probe.VM{}, usage("kextwatch retry lists those that can be started", "there is no such virtual machine to start")
}

func listed(machines []probe.VM) string {
	var b strings.Builder
	for i, vm := range machines {
		fmt.Fprintf(&b, "\n  %d  %s  %s", i+1, vmName(vm), vm.UUID)
	}
	return b.String()
}
