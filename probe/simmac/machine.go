package simmac

import (
	"encoding/xml"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode"

	"kextwatch/probe"
)

// VM is a virtual machine of Parallels Desktop.
type VM struct {
	Name       string
	Hypervisor probe.Hypervisor // empty: Apple's, or Parallels' own up to macOS 10.15
}

// machine is a VM with what Parallels keeps of it besides.
type machine struct {
	VM
	UUID  string
	State probe.VMState
}

const (
	hypervisorKext  = "com.parallels.kext.hypervisor"
	networkSettings = "/Library/Preferences/Parallels/network.desktop.xml"
)

// AddVM makes a virtual machine in ~/Parallels.
func (m *Mac) AddVM(vm VM) error {
	return m.changeState(func(st *state) error {
		if vm.Hypervisor == "" {
			vm.Hypervisor = st.usualHypervisor()
		}
		if err := vm.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(st.VMs, func(have machine) bool { return have.Name == vm.Name }) {
			return fmt.Errorf("there is a virtual machine %q already: %w", vm.Name, fs.ErrExist)
		}
		added := machine{VM: vm, UUID: strings.ToLower(newUUID()), State: probe.VMStopped}
		st.VMs = append(st.VMs, added)
		return m.writeConfig(st, added)
	})
}

func (st *state) usualHypervisor() probe.Hypervisor {
	if st.version().Major() == 10 {
		return probe.ParallelsHypervisor
	}
	return probe.AppleHypervisor
}

// check refuses what Parallels could not make.
func (vm VM) check() error {
	control := func(r rune) bool { return unicode.IsControl(r) || r == '/' }
	switch {
	case vm.Name == "" || vm.Name[0] == '.' || len(vm.Name) > 200 || strings.ContainsFunc(vm.Name, control):
		return fmt.Errorf("virtual machine %q: take a name that a file can have", vm.Name)
	case vm.Hypervisor != probe.ParallelsHypervisor && vm.Hypervisor != probe.AppleHypervisor:
		return fmt.Errorf("hypervisor %q: take %s or %s", vm.Hypervisor, probe.ParallelsHypervisor, probe.AppleHypervisor)
	}
	return nil
}

// SetVM makes a virtual machine that does not run use this hypervisor.
func (m *Mac) SetVM(vm VM) error {
	return m.changeMachine(vm.Name, func(st *state, have *machine) error {
		if err := vm.check(); err != nil {
			return err
		}
		if have.State != probe.VMStopped {
			return fmt.Errorf("virtual machine %q is %s: stop it first", vm.Name, have.State)
		}
		have.Hypervisor = vm.Hypervisor
		return m.writeConfig(st, *have)
	})
}

// SetVMState makes a virtual machine run, or not, whatever that would need.
func (m *Mac) SetVMState(name string, is probe.VMState) error {
	if is != probe.VMRunning && is != probe.VMStopped && is != probe.VMSuspended {
		return fmt.Errorf("state %q: take %s, %s or %s", is, probe.VMRunning, probe.VMStopped, probe.VMSuspended)
	}
	return m.changeMachine(name, func(_ *state, have *machine) error {
		have.State = is
		return nil
	})
}

// StartVM starts a virtual machine. One that needs the kernel extensions makes
// Parallels try to load them; where macOS blocks them it stays as it was, and
// StartVM succeeds. The Mac's prlctl prints how such a start ends, but being a
// script it can record no attempt: that is for this method.
func (m *Mac) StartVM(name string, now time.Time) error {
	st, err := m.loadState()
	if err != nil {
		return err
	}
	vm, err := st.machine(name)
	if err != nil {
		return err
	}
	if !st.starts(*vm) {
		if err := m.Attempt(now); err != nil {
			return err
		}
	}
	return m.changeMachine(name, func(st *state, vm *machine) error {
		if st.starts(*vm) {
			vm.State = probe.VMRunning
		}
		return nil
	})
}

// starts reports whether a virtual machine would start now: it needs no kernel
// extension, or it is loaded. Up to macOS 10.15 every one needs it.
func (st *state) starts(vm machine) bool {
	without := st.Arch == probe.AppleSilicon || vm.Hypervisor == probe.AppleHypervisor && st.version().AtLeast(11, 0)
	return without || st.Loaded[hypervisorKext] != ""
}

// SetKextless makes Parallels' networking do without kernel extensions, "on",
// or not, "off".
func (m *Mac) SetKextless(setting string) error {
	value, ok := map[string]string{"on": "-1", "off": "0"}[setting]
	if !ok {
		return fmt.Errorf("kextless networking %q: take on or off", setting)
	}
	return m.write(networkSettings, []byte(xml.Header+
		"<ParallelsNetworkConfig schemaVersion=\"1.0\" dyn_lists=\"VirtualNetworks 0\">\n"+
		"   <UseKextless>"+value+"</UseKextless>\n</ParallelsNetworkConfig>\n"), 0o644)
}

func (st *state) machine(name string) (*machine, error) {
	i := slices.IndexFunc(st.VMs, func(vm machine) bool { return vm.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no virtual machine %q on this Mac: %w", name, fs.ErrNotExist)
	}
	return &st.VMs[i], nil
}

func (m *Mac) changeState(change func(*state) error) error {
	st, err := m.loadState()
	if err != nil {
		return err
	}
	if err := change(st); err != nil {
		return err
	}
	return m.saveState(st)
}

func (m *Mac) changeMachine(name string, change func(*state, *machine) error) error {
	return m.changeState(func(st *state) error {
		vm, err := st.machine(name)
		if err != nil {
			return err
		}
		return change(st, vm)
	})
}

// bundle is where a virtual machine lies.
func (st *state) bundle(vm machine) string {
	return "/Users/" + st.User + "/Parallels/" + vm.Name + ".pvm"
}
