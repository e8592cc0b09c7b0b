package mac

import (
	"context"
	"fmt"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// machineLimit is how many virtual machines are looked at.
const machineLimit = 256

// machinesMatter reports whether what the virtual machines use decides if
// Parallels Desktop needs its kernel extensions. Up to macOS 10.15 it always
// does, and only version 16 and later can do without them. The App Store
// edition has none.
func machinesMatter(app *probe.App, os probe.OSVersion) bool {
	return os.AtLeast(11, 0) && app != nil && app.Edition == probe.Standard &&
		probe.OSVersion{Version: app.Version}.AtLeast(16, 0)
}

// readMachines reads which virtual machines there are, which hypervisor each of
// them uses, and whether networking does without kernel extensions: of an
// Intel Mac with macOS 11 or later and Parallels Desktop 16 or later. Of any
// other nothing is known, and no tool is run.
//
// prlctl knows all of the user's machines. Where it does not answer, the
// machines in their usual folders are read; there may be others elsewhere, so
// that finding none there says nothing.
func readMachines(ctx context.Context, m root.FS, app *probe.App, os probe.OSVersion) (probe.Machines, []probe.Gap) {
	if !machinesMatter(app, os) {
		return probe.Machines{}, nil
	}
	var gaps []probe.Gap
	found, err := queryPrlctl(ctx, m)
	if err != nil {
		gaps = append(gaps, tool.Gap(probe.FactVMs, err, "prlctl list -a"))
		var more []probe.Gap
		found, more = searchConfigs(ctx, m)
		gaps = append(gaps, more...)
	}
	if unknown := countUnknown(found.List); unknown > 0 {
		gaps = append(gaps, probe.NewGap(probe.FactVMs, fmt.Errorf("the hypervisor of %d of %d virtual machines is not known", unknown, len(found.List)),
			"Look at the hypervisor in the configuration of each virtual machine in Parallels Desktop."))
	}
	found.Kextless, err = readKextless(m)
	if err != nil {
		gaps = append(gaps, probe.NewGap(probe.FactVMNetworking, err, "Open Parallels Desktop once, so that it writes its network settings anew."))
	}
	return found, gaps
}

func countUnknown(list []probe.VM) int {
	n := 0
	for _, vm := range list {
		if vm.Hypervisor == "" {
			n++
		}
	}
	return n
}

// machineID is a UUID without the braces that some write around it; empty
// where it is none.
func machineID(text string) string {
	id := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if !uuidForm.MatchString(id) {
		return ""
	}
	return id
}
