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
	"kextwatch/probe/tool"
)

// machinesMemory is what Parallels and its files told when they were asked last.
type machinesMemory struct {
	read     bool
	files    string // as they were when it was given
	attempts string // the ones it was wanted for
	machines probe.Machines
	gaps     []probe.Gap
}

// lookAtMachines asks for the virtual machines only when their answer could
// change a verdict, and only when something may have changed it: prlctl takes
// long, and a window has to be told at once. Machines that were made or changed in another folder than the usual
// ones are seen at an attempt, or in a fresh look.
func (p *Prober) lookAtMachines(ctx context.Context, snap probe.Snapshot, how How) (probe.Machines, []probe.Gap) {
	app := parallelsApp(snap)
	if snap.Mac.Arch == probe.AppleSilicon || !machinesMatter(app, snap.Mac.OS) {
		p.machines = machinesMemory{}
		return probe.Machines{}, nil
	}
	now := machinesMemory{files: machineFiles(p.mac, *app), attempts: parallelsAttempts(snap)}
	m := p.machines
	if m.read && !how.Fresh && m.files == now.files && (how.Hurry || m.attempts == now.attempts) {
		return m.machines, m.gaps
	}
	limited := ctx
	if how.Hurry && m.read {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeoutCause(ctx, hurryLimit, tool.ErrTimeout)
		defer cancel()
	}
	now.machines, now.gaps = readMachines(limited, p.mac, app, snap.Mac.OS)
	if m.read && limited.Err() != nil {
		return m.machines, m.gaps // the next look has the time
	}
	now.read = ctx.Err() == nil
	p.machines = now
	return now.machines, now.gaps
}

// hurryLimit is how long a window may wait to be announced for the names of
// the virtual machines that it keeps from starting.
var hurryLimit = 2 * time.Second

func parallelsApp(snap probe.Snapshot) *probe.App {
	i := slices.IndexFunc(snap.Apps, func(app probe.App) bool { return app.TeamID == probe.ParallelsTeamID })
	if i < 0 {
		return nil
	}
	return &snap.Apps[i]
}

// machineFiles sums up what tells that the virtual machines may be others than
// they were: their usual folders and files, the network settings, another
// version of Parallels. So does every attempt to load one of its extensions.
func machineFiles(m root.FS, app probe.App) string {
	lines := []string{fmt.Sprintf("version %q", app.Version)}
	note := func(path string, info fs.FileInfo, err error) {
		if err == nil {
			lines = append(lines, fmt.Sprintf("%q %v", path, root.StampOf(info)))
		}
	}
	for _, name := range []string{probe.PrlctlTool, probe.ParallelsNetworkSettings} {
		info, err := m.Stat(name)
		note(name, info, err)
	}
	files, errs := readConfigs(m)
	for _, file := range files {
		info, err := lstatAt(m, file)
		note(file, info, err)
	}
	for _, err := range errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// parallelsAttempts names the attempts to load an extension of Parallels.
func parallelsAttempts(snap probe.Snapshot) string {
	var lines []string
	if snap.Policy != nil {
		for _, record := range snap.Policy.History {
			if fromParallels(record.TeamID, record.BundleID) {
				lines = append(lines, fmt.Sprintf("tried %q %v", record.BundleID, record.LastSeen.UTC()))
			}
		}
	}
	for _, attempt := range snap.Attempts {
		if attempt.TeamID == probe.ParallelsTeamID || strings.HasPrefix(attempt.BundleID, "com.parallels.") {
			lines = append(lines, fmt.Sprintf("tried %q %v", attempt.BundleID, attempt.At.UTC()))
		}
	}
	slices.Sort(lines) // rows have no order
	return strings.Join(lines, "\n")
}

// enforcementMemory is what the tools told when they were asked last.
type enforcementMemory struct {
	read        bool
	concern     string // the boot session, and the profile's file
	enforcement probe.Enforcement
	gaps        []probe.Gap
}

// lookAtEnforcement asks once in a boot session, since System Integrity
// Protection and the consent are changed from Recovery only, and again when
// the profile's file is another one.
func (p *Prober) lookAtEnforcement(ctx context.Context, snap probe.Snapshot, fresh bool) (probe.Enforcement, []probe.Gap) {
	if !p.needsLoaded(snap) {
		p.enforcement = enforcementMemory{}
		return probe.Enforcement{}, nil
	}
	concern := snap.Mac.BootSession
	if info, err := p.mac.Stat(probe.ManagedKextPolicy); err == nil {
		concern += fmt.Sprint(root.StampOf(info))
	}
	if m := p.enforcement; m.read && !fresh && m.concern == concern {
		return m.enforcement, m.gaps
	}
	enforcement, gaps := readEnforcement(ctx, p.mac, snap.Mac.OS)
	p.enforcement = enforcementMemory{read: ctx.Err() == nil, concern: concern, enforcement: enforcement, gaps: gaps}
	return enforcement, gaps
}
