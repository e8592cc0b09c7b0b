package simmac

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"kextwatch/probe"
)

// configPVS is the simulated part of a config.pvs.
type configPVS struct {
	XMLName        xml.Name `xml:"ParallelsVirtualMachine"`
	SchemaVersion  string   `xml:"schemaVersion,attr"`
	Lists          string   `xml:"dyn_lists,attr"`
	Identification struct {
		Lists  string `xml:"dyn_lists,attr"`
		VMUUID string `xml:"VmUuid"`
		VMName string `xml:"VmName"`
	}
	Settings struct {
		Lists   string `xml:"dyn_lists,attr"`
		Runtime struct {
			Lists                    string `xml:"dyn_lists,attr"`
			EnableAdaptiveHypervisor int
			HypervisorType           int // 0: Parallels', 1: Apple's
		}
	}
}

// writeConfig writes the config.pvs of a virtual machine.
func (m *Mac) writeConfig(st *state, vm machine) error {
	c := configPVS{SchemaVersion: "1.0", Lists: "VirtualAppliance 0"}
	c.Identification.VMUUID = "{" + vm.UUID + "}"
	c.Identification.VMName = vm.Name
	if vm.Hypervisor == probe.AppleHypervisor {
		c.Settings.Runtime.HypervisorType = 1
	}
	data, err := xml.MarshalIndent(c, "", "   ")
	if err != nil {
		return fmt.Errorf("encoding the configuration of %q: %w", vm.Name, err)
	}
	return m.write(st.bundle(vm)+"/config.pvs", []byte(xml.Header+string(data)+"\n"), 0o644)
}

// listedVM is a virtual machine in prlctl's list. It has the simulated keys in the
// order and spelling of Parallels Desktop 20.
type listedVM struct {
	ID           string
	Name         string
	Description  string
	Type         string
	State        probe.VMState
	OS           string
	HomePath     string `json:"Home path"`
	Home         string
	Optimization struct {
		Faster     string           `json:"Faster virtual machine"`
		Hypervisor probe.Hypervisor `json:"Hypervisor type"`
		Adaptive   string           `json:"Adaptive hypervisor"`
		Nested     string           `json:"Nested virtualization"`
	}
	Hardware struct {
		CPU struct {
			CPUs int    `json:"cpus"`
			VTx  bool   `json:"VT-x"`
			Mode string `json:"mode"`
		} `json:"cpu"`
	}
}

// machineList returns the output of `prlctl list -a -i --json`.
func machineList(st *state) (string, error) {
	list := make([]listedVM, len(st.VMs))
	for i, vm := range st.VMs {
		l := &list[i]
		l.ID, l.Name, l.Type, l.State, l.OS = vm.UUID, vm.Name, "VM", vm.State, "win-11"
		l.Home = st.bundle(vm) + "/"
		l.HomePath = l.Home + "config.pvs"
		l.Optimization.Faster, l.Optimization.Adaptive, l.Optimization.Nested = "on", "off", "off"
		l.Optimization.Hypervisor = vm.Hypervisor
		l.Hardware.CPU.CPUs, l.Hardware.CPU.VTx, l.Hardware.CPU.Mode = 2, true, "64"
	}
	data, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return "", fmt.Errorf("listing the virtual machines: %w", err)
	}
	return string(data) + "\n", nil
}

// machineStarts returns a line for each virtual machine: its UUID, "starts" or
// "blocked", and its name.
func machineStarts(st *state) string {
	var b strings.Builder
	for _, vm := range st.VMs {
		answer := "blocked"
		if st.starts(vm) {
			answer = "starts"
		}
		fmt.Fprintf(&b, "%s %s %s\n", vm.UUID, answer, vm.Name)
	}
	return b.String()
}
