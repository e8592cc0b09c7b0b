package mac

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

var errNoList = errors.New("prlctl did not print a list of virtual machines")

// queryPrlctl queries the virtual machines of the user with Parallels' own tool.
// Root gets tool.ErrAsRoot on a real Mac.
func queryPrlctl(ctx context.Context, m root.FS) (probe.Machines, error) {
	out, err := tool.Query(ctx, m, probe.PrlctlTool, "list", "-a", "-i", "--json")
	if err != nil {
		return probe.Machines{}, err
	}
	list, err := parsePrlctl(out)
	if err != nil {
		return probe.Machines{}, err
	}
	return probe.Machines{Known: true, From: "prlctl", List: list}, nil
}

// prlctlVM is the part of a virtual machine in prlctl's list that is read.
// Optimization was seen at the top level. It is also accepted within Hardware.
type prlctlVM struct {
	ID           string
	Name         string
	State        string
	Home         string // its bundle, with a slash at the end
	Optimization prlctlOptimization
	Hardware     struct {
		Optimization prlctlOptimization
	}
}

type prlctlOptimization struct {
	Hypervisor string `json:"Hypervisor type"`
	Nested     string `json:"Nested virtualization"`
}

// parsePrlctl reads the output of `prlctl list -a -i --json`. It is "[]" if there is
// no virtual machine.
func parsePrlctl(out []byte) ([]probe.VM, error) {
	decoder := json.NewDecoder(bytes.NewReader(out))
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return nil, errNoList
	}
	var list []probe.VM
	for decoder.More() {
		if len(list) == machineLimit {
			return nil, fmt.Errorf("prlctl lists more than %d virtual machines", machineLimit)
		}
		var vm prlctlVM
		if err := decoder.Decode(&vm); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoList, err)
		}
		id := machineID(vm.ID)
		if id == "" {
			return nil, fmt.Errorf("prlctl lists a virtual machine with the invalid ID %q", probe.Printable(vm.ID))
		}
		list = append(list, probe.VM{
			UUID:       id,
			Name:       probe.Printable(vm.Name),
			Path:       bundlePath(vm.Home),
			State:      machineState(vm.State),
			Hypervisor: hypervisor(cmp.Or(vm.Optimization.Hypervisor, vm.Hardware.Optimization.Hypervisor)),
			Nested:     onOrOff(cmp.Or(vm.Optimization.Nested, vm.Hardware.Optimization.Nested)),
		})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoList, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: there is more text after the list", errNoList)
	}
	return list, nil
}

// bundlePath returns a clean absolute path, or "" if the path is not absolute or has
// unprintable characters.
func bundlePath(home string) string {
	if clean := path.Clean(home); path.IsAbs(clean) && clean == probe.Printable(clean) {
		return clean
	}
	return ""
}

func machineState(word string) probe.VMState {
	switch state := probe.VMState(strings.ToLower(word)); state {
	case probe.VMStopped, probe.VMRunning, probe.VMSuspended:
		return state
	}
	return ""
}

// hypervisor parses a value of prlctl set --hypervisor-type. It returns "" for an
// unknown value.
func hypervisor(word string) probe.Hypervisor {
	switch is := probe.Hypervisor(strings.ToLower(word)); is {
	case probe.ParallelsHypervisor, probe.AppleHypervisor:
		return is
	}
	return ""
}

func onOrOff(word string) probe.Answer {
	switch strings.ToLower(word) {
	case "on":
		return probe.Yes
	case "off":
		return probe.No
	}
	return ""
}
