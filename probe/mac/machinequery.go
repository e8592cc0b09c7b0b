package mac

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// machinesKey is what a query for the virtual machines depends on.
type machinesKey struct {
	files    string // see machineFiles
	attempts string // see parallelsAttempts
}

// readMachines queries the virtual machines only if the answer can change a
// verdict and may have changed itself. A virtual machine that was made or changed
// outside of the usual folders is noticed after a load attempt, or in a fresh
// snapshot.
func (p *Prober) readMachines(s *shot) {
	app := parallelsApp(s.snap)
	if s.snap.Mac.Arch == probe.AppleSilicon || !machinesMatter(app, s.snap.Mac.OS) {
		p.machines.clear()
		return
	}
	now := s.now
	p.machines.stale = p.machines.stale || p.runsWithout() && p.loaded.value.ReadAt.Sub(p.machines.value.ReadAt) > sameMoment
	key := machinesKey{files: machineFiles(s.mac, *app), attempts: parallelsAttempts(s.snap)}
	machines, gaps := answer(s, &p.machines, key, []probe.Fact{probe.FactVMs}, func(ctx context.Context) (probe.Machines, []probe.Gap) {
		machines, gaps := queryMachines(ctx, p.mac)
		machines.ReadAt = now
		return machines, gaps
	})
	if !p.machines.has(key) && p.machines.pause(s.now) > 0 {
		// prlctl hangs and is not queried now. The configurations are files.
		if !p.configs.has(key.files) {
			found, missing := readConfigured(s.ctx, s.mac)
			p.configs.set(key.files, found, missing)
		}
		machines, gaps = p.configs.value, append(gaps, p.configs.gaps...)
	}
	s.snap.Machines = machines
	s.missing(gaps...)
}

// sameMoment is how far apart two lists may be read that are compared.
const sameMoment = 10 * time.Second

// runsWithout reports whether a virtual machine on Parallels' own hypervisor is listed
// as running, and no kext of Parallels as loaded. If the two lists are of different
// times, the older one is read again: the virtual machine may have been used this
// morning.
func (p *Prober) runsWithout() bool {
	machines, loaded := &p.machines, &p.loaded
	return machines.valid && loaded.valid && loaded.value.Known &&
		slices.ContainsFunc(machines.value.List, func(vm probe.VM) bool {
			return vm.State == probe.VMRunning && vm.Hypervisor == probe.ParallelsHypervisor
		}) &&
		!loadsDesktop(loaded.value)
}

func parallelsApp(snap probe.Snapshot) *probe.App {
	i := slices.IndexFunc(snap.Apps, func(app probe.App) bool { return app.TeamID == probe.ParallelsTeamID })
	if i < 0 {
		return nil
	}
	return &snap.Apps[i]
}

// machineFiles returns a text that changes when the virtual machines may have
// changed: it has the version of Parallels and the stamps of prlctl, of the
// network settings and of the configurations in the usual folders.
func machineFiles(m root.FS, app probe.App) string {
	lines := []string{fmt.Sprintf("version %q", app.Version)}
	add := func(path string, info fs.FileInfo, err error) {
		if err == nil {
			lines = append(lines, fmt.Sprintf("%q %v", path, root.StampOf(info)))
		}
	}
	for _, name := range []string{probe.PrlctlTool, probe.ParallelsNetworkSettings} {
		info, err := m.Stat(name)
		add(name, info, err)
	}
	files, errs := readConfigs(m)
	for _, file := range files {
		info, err := lstatAt(m, file)
		add(file, info, err)
	}
	for _, err := range errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// parallelsAttempts returns a text that changes with every load attempt for a
// kext of Parallels.
func parallelsAttempts(snap probe.Snapshot) string {
	var lines []string
	if snap.Policy != nil {
		for _, record := range snap.Policy.History {
			if fromParallels(record.TeamID, record.BundleID) {
				lines = append(lines, fmt.Sprintf("attempt %q %v", record.BundleID, record.LastSeen.UTC()))
			}
		}
	}
	for _, attempt := range snap.Attempts {
		if attempt.TeamID == probe.ParallelsTeamID || strings.HasPrefix(attempt.BundleID, "com.parallels.") {
			lines = append(lines, fmt.Sprintf("attempt %q %v", attempt.BundleID, attempt.At.UTC()))
		}
	}
	slices.Sort(lines) // rows have no order
	return strings.Join(lines, "\n")
}
