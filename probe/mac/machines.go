package mac

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// machineLimit is the largest number of virtual machines that is read.
const machineLimit = 256

// machinesMatter reports whether the hypervisors of the virtual machines decide if
// Parallels Desktop needs its kexts. Up to macOS 10.15 it always needs them. From
// macOS 11, version 16 and later can work without them. The App Store edition has
// no kexts.
func machinesMatter(app *probe.App, os probe.OSVersion) bool {
	return os.AtLeast(11, 0) && app != nil && app.Edition == probe.Standard &&
		probe.OSVersion{Version: app.Version}.AtLeast(16, 0)
}

// queryMachines reads the virtual machines, their hypervisors, and whether
// networking works without kexts.
//
// prlctl knows all virtual machines of the user. If it does not answer, the
// virtual machines in the usual folders are read. Others may exist, so an
// empty result there is not complete.
func queryMachines(ctx context.Context, m root.FS) (probe.Machines, []probe.Gap) {
	found, err := queryPrlctlWithin(ctx, m)
	if err != nil {
		configured, gaps := readConfigured(ctx, m)
		return configured, append([]probe.Gap{tool.Gap(probe.FactVMs, err, "prlctl list -a")}, gaps...)
	}
	return completed(m, found)
}

// readConfigured is queryMachines without prlctl.
func readConfigured(ctx context.Context, m root.FS) (probe.Machines, []probe.Gap) {
	found, gaps := searchConfigs(ctx, m)
	found, more := completed(m, found)
	return found, append(gaps, more...)
}

// completed adds the networking, and the gaps of what is not known.
func completed(m root.FS, found probe.Machines) (_ probe.Machines, gaps []probe.Gap) {
	for i, vm := range found.List {
		found.List[i].OtherUsers = ofAnotherUser(m, vm.Path)
	}
	if unknown := countUnknown(found.List); unknown > 0 {
		gaps = append(gaps, probe.NewGap(probe.FactVMs, fmt.Errorf("the hypervisor of %d of %d virtual machines is unknown", unknown, len(found.List)),
			"Look at the hypervisor in the configuration of each virtual machine in Parallels Desktop."))
	}
	var err error
	found.Kextless, err = readKextless(m)
	if err != nil {
		gaps = append(gaps, probe.NewGap(probe.FactVMNetworking, err, "Open Parallels Desktop once, so that it writes its network settings again."))
	}
	return found, gaps
}

// ofAnotherUser reports whether a path of the Mac is in the home folder of another
// user. Only the path is compared: reading the folder could make macOS ask the user
// for permission.
func ofAnotherUser(m root.FS, bundle string) bool {
	const users = "/Users/"
	inUsers, found := strings.CutPrefix(bundle, users)
	if !found || m.Home == "" {
		return false
	}
	owner, _, _ := strings.Cut(inUsers, "/")
	own := path.Base(pathOnMac(m, m.Home))
	return !strings.EqualFold(owner, "Shared") && !strings.EqualFold(owner, own) // the disk ignores case
}

// queryPrlctlWithin queries prlctl, but leaves half of the time to what replaces its
// answer.
func queryPrlctlWithin(ctx context.Context, m root.FS) (probe.Machines, error) {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Until(end)/2, tool.ErrTimeout)
		defer cancel()
	}
	return queryPrlctl(ctx, m)
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

// machineID returns a UUID without the braces that some files put around it, or ""
// if the text is not a UUID.
func machineID(text string) string {
	id := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if !uuidForm.MatchString(id) {
		return ""
	}
	return id
}
