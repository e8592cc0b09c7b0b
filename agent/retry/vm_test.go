package retry

import (
	"context"
	"errors"
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/probe"
)

const (
	uuidA = "b0f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	uuidB = "c1f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	uuidC = "d2f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
)

func stoppedVM(name, uuid string) probe.VM {
	return probe.VM{UUID: uuid, Name: name, State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor}
}

// lastVM chooses the last virtual machine.
type lastVM struct{ refuses bool }

func (lastVM) Choose(_ context.Context, machines []probe.VM) (probe.VM, error) {
	return machines[len(machines)-1], nil
}

func (u lastVM) Confirm(context.Context, Plan) (bool, error) { return !u.refuses, nil }

// withMachines are options for a Mac with these virtual machines.
func withMachines(machines probe.Machines) Options {
	p := approval.Product{Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID}
	for _, vm := range machines.List {
		if vm.Hypervisor == probe.ParallelsHypervisor {
			p.Need.VMs = append(p.Need.VMs, vm)
		}
	}
	return Options{Status: approval.Status{Facts: probe.Snapshot{Machines: machines}, Products: []approval.Product{p}}}
}

func TestChooseVM(t *testing.T) {
	running, apple, unknown, nameless := stoppedVM("Running", uuidB), stoppedVM("Apple's", uuidB), stoppedVM("Unknown", uuidB), stoppedVM("No UUID", "")
	running.State, apple.Hypervisor, unknown.Hypervisor = probe.VMRunning, probe.AppleHypervisor, ""
	suspended, paused, sues := stoppedVM("Suspended", uuidB), stoppedVM("Paused", uuidB), stoppedVM("Sue's", uuidB)
	suspended.State, paused.State, sues.OtherUsers = probe.VMSuspended, "", true
	hostile := stoppedVM("x\x1b[31m\u202e\n--help", uuidC)
	sameHostile := stoppedVM(hostile.Name, uuidA)
	a, b, twin := stoppedVM("Windows 11", uuidA), stoppedVM("Debian", uuidB), stoppedVM("Windows 11", uuidC)
	for name, c := range map[string]struct {
		list []probe.VM
		vm   string
		user User
		want string // UUID
		exit int
		err  string
	}{
		"the only one":          {[]probe.VM{running, a, apple, unknown, nameless}, "", lastVM{}, uuidA, 0, ""},
		"the first by name":     {[]probe.VM{a, b}, "", nil, uuidB, 0, ""},
		"the user chooses":      {[]probe.VM{a, b}, "", lastVM{}, uuidA, 0, ""},
		"by name":               {[]probe.VM{a, b}, "Windows 11", lastVM{}, uuidA, 0, ""},
		"by UUID":               {[]probe.VM{a, twin}, "{" + strings.ToUpper(uuidC) + "}", lastVM{}, uuidC, 0, ""},
		"by a name two have":    {[]probe.VM{a, twin}, "Windows 11", nil, "", cli.ExitUsage, "several virtual machines have this name"},
		"by part of a name":     {[]probe.VM{a, b}, "Windows", nil, "", cli.ExitUsage, "unknown virtual machine \"Windows\"; kextwatch can start these:\n  1  “Debian”"},
		"no name fits":          {[]probe.VM{apple}, "Windows", nil, "", cli.ExitUsage, "kextwatch can start no other"},
		"one that runs":         {[]probe.VM{running, a}, "Running", nil, "", cli.ExitUnavailable, "already runs"},
		"one on Apple's":        {[]probe.VM{apple}, "Apple's", nil, "", cli.ExitUnavailable, "does not use Parallels' hypervisor"},
		"another user's":        {[]probe.VM{sues}, "Sue's", nil, "", cli.ExitUnavailable, "another user"},
		"one that is paused":    {[]probe.VM{paused}, "Paused", nil, "", cli.ExitUnavailable, "cannot tell whether"},
		"a suspended one":       {[]probe.VM{suspended, running}, "", nil, uuidB, 0, ""},
		"suspended, by name":    {[]probe.VM{suspended, a}, "Suspended", nil, uuidB, 0, ""},
		"stopped before that":   {[]probe.VM{suspended, a}, "", nil, uuidA, 0, ""},
		"none that would help":  {[]probe.VM{running, apple, unknown, nameless, sues}, "", nil, "", cli.ExitUnavailable, "found no virtual machine"},
		"none at all":           {nil, "", nil, "", cli.ExitUnavailable, "found no virtual machine"},
		"a hostile name":        {[]probe.VM{hostile}, "", nil, uuidC, 0, ""},
		"a hostile name, twice": {[]probe.VM{hostile, sameHostile}, hostile.Name, nil, "", cli.ExitUsage, "“x[31m --help”  " + uuidC},
	} {
		t.Run(name, func(t *testing.T) {
			o := withMachines(probe.Machines{Known: true, List: c.list})
			o.VM, o.User = c.vm, c.user
			got, err := o.chooseVM(t.Context())
			if got.UUID != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
			if c.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := (*cli.Failure)(nil); !errors.As(err, &e) || e.Exit != c.exit || e.Hint() == "" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, want exit %d and %q", err, c.exit, c.err)
			}
			if strings.ContainsAny(err.Error(), "\x1b\u202e") {
				t.Errorf("%q is shown as it is", err)
			}
		})
	}
	if _, err := withMachines(probe.Machines{}).chooseVM(t.Context()); err == nil || !strings.Contains(err.Error(), "virtual machines is unknown") {
		t.Errorf("no list: %v", err)
	}
}
