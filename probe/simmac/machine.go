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
	Hypervisor probe.Hypervisor // empty: Apple's; up to macOS 10.15 Parallels'
}

// machine is a VM with the other facts that Parallels keeps.
type machine struct {
	VM
	UUID  string
	State probe.VMState
}

const (
	hypervisorKext = "com.parallels.kext.hypervisor"
)

// AddVM creates a virtual machine in ~/Parallels. The error wraps fs.ErrExist if one
// has this name.
func (m *Mac) AddVM(vm VM) error {
	return m.changeState(func(st *state) error {
		if vm.Hypervisor == "" {
			vm.Hypervisor = st.usualHypervisor()
		}
		if err := vm.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(st.VMs, func(have machine) bool { return have.Name == vm.Name }) {
			return fmt.Errorf("the virtual machine %q exists already: %w", vm.Name, fs.ErrExist)
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

// check returns an error for a virtual machine that Parallels cannot create.
func (vm VM) check() error {
	control := func(r rune) bool { return unicode.IsControl(r) || r == '/' }
	switch {
	case vm.Name == "" || vm.Name[0] == '.' || len(vm.Name) > 200 || strings.ContainsFunc(vm.Name, control):
		return fmt.Errorf("invalid name %q for a virtual machine: use a valid file name", vm.Name)
	case vm.Hypervisor != probe.ParallelsHypervisor && vm.Hypervisor != probe.AppleHypervisor:
		return fmt.Errorf("unknown hypervisor %q: use %s or %s", vm.Hypervisor, probe.ParallelsHypervisor, probe.AppleHypervisor)
	}
	return nil
}

// SetVM sets the hypervisor of a virtual machine, which must be stopped.
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

// SetVMState sets the state of a virtual machine. It does not check for the kexts
// that the virtual machine needs.
func (m *Mac) SetVMState(name string, is probe.VMState) error {
	if is != probe.VMRunning && is != probe.VMStopped && is != probe.VMSuspended {
		return fmt.Errorf("unknown state %q: use %s, %s or %s", is, probe.VMRunning, probe.VMStopped, probe.VMSuspended)
	}
	return m.changeMachine(name, func(_ *state, have *machine) error {
		have.State = is
		return nil
	})
}

// StartVM starts a virtual machine. If the virtual machine needs the kexts,
// Parallels tries to load them. If macOS blocks them, the virtual machine does not
// start; this is no error. The simulated prlctl prints the outcome of a start but
// cannot record an attempt; only this method does.
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

// starts reports whether a virtual machine would start now: it needs no kext, or the
// kext is loaded. Up to macOS 10.15 every virtual machine needs the kext.
func (st *state) starts(vm machine) bool {
	without := st.Arch == probe.AppleSilicon || vm.Hypervisor == probe.AppleHypervisor && st.version().AtLeast(11, 0)
	return without || st.Loaded[hypervisorKext] != ""
}

// SetKextless switches Parallels' networking without kexts "on" or "off".
func (m *Mac) SetKextless(setting string) error {
	value, ok := map[string]string{"on": "-1", "off": "0"}[setting]
	if !ok {
		return fmt.Errorf("unknown setting %q of kextless networking: use on or off", setting)
	}
	return m.write(probe.ParallelsNetworkSettings, []byte(xml.Header+
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

// bundle returns the path of a virtual machine.
func (st *state) bundle(vm machine) string {
	return "/Users/" + st.User + "/Parallels/" + vm.Name + ".pvm"
}
