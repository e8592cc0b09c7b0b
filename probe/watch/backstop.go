package watch

import (
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	liveEvery  = 10 * time.Minute // events arrive; this only catches lost ones
	blindEvery = time.Minute      // events are missing; this is all there is
)

// Stamped are the paths whose stat tells that facts may have changed. Of the
// extension folders that is all there is to tell: a folder's own time changes
// with its entries. The settings of Software Update say which macOS is offered;
// their folders are not watched, because on a Mac that takes a descriptor for
// every file in them.
var Stamped = []string{
	probe.PolicyFolder + "/KextPolicy",
	probe.PolicyFolder + "/KextPolicy-wal",
	probe.PolicyFolder + "/KextPolicy-journal",
	probe.PublishedPolicy,
	probe.ParallelsApp + "/Contents/Info.plist",
	probe.Extensions,
	probe.StagedExtensions,
	probe.SystemExtensions,
	probe.SoftwareUpdateSettings,
	probe.ManagedSoftwareUpdateSettings,
}

// StampAll needs no right to read any of the files. also are paths of this
// machine.
func StampAll(m root.FS, also []string) []root.Stamp {
	all := m.Stamps(Stamped)
	for _, p := range also {
		all = append(all, root.LocalStamp(p))
	}
	return all
}

// clocks is one reading of the two clocks. The running one stands still while
// a Mac sleeps.
type clocks struct {
	wall    time.Time
	running time.Duration
}

func systemClocks() func() clocks {
	start := time.Now()
	return func() clocks {
		now := time.Now()
		return clocks{wall: now.Round(0), running: now.Sub(start)} // Round strips the monotonic reading
	}
}

// jumped reports that the clocks ran apart from c to later, in either direction.
func (c clocks) jumped(later clocks) bool {
	apart := later.wall.Sub(c.wall) - (later.running - c.running)
	return apart.Abs() > probe.ClockJump
}
