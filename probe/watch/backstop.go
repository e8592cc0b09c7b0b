package watch

import (
	"slices"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	liveEvery  = 10 * time.Minute // the interval while events arrive: it only catches lost ones
	blindEvery = time.Minute      // the interval while events are missing
)

// stamped are the paths whose stamps show that facts may have changed. The stamp
// of an extension folder changes with its entries, but not with their content.
// The settings of Software Update contain the offered versions of macOS. Their
// folders are not watched, because that takes a file descriptor for every file
// in them on a Mac.
var stamped = append(probe.KextPolicyFiles[:],
	probe.PublishedPolicy,
	probe.ParallelsApp+"/Contents/Info.plist",
	probe.Extensions,
	probe.Filesystems,
	probe.StagedExtensions,
	probe.SystemExtensions,
	probe.SoftwareUpdateSettings,
	probe.ManagedSoftwareUpdateSettings,
)

// journalStamp is the place of the journal in stamped.
var journalStamp = slices.Index(stamped, probe.KextPolicyJournal)

// stampMac returns the stamps of stamped, then that of the app. It needs no right to
// read the files.
func (w *Watcher) stampMac() []root.Stamp {
	names := stamped
	if w.app != "" {
		names = append(slices.Clip(names), w.app+"/Contents/Info.plist")
	}
	stamps, _ := w.mac.Stamps(names...)
	return stamps
}

// changed reports whether the Mac changed since the last burst of hints. While a hint is
// due, the Mac is not compared: that hint leads to reading everything again. The backstop
// also compares the files of also, with what they were at the last backstop.
func (w *Watcher) changed(backstop bool) bool {
	var changed bool
	if backstop {
		also := root.LocalStamps(w.also...)
		changed = !slices.Equal(w.alsoStamps, also)
		w.alsoStamps = also
	}
	if !w.facts.Idle() {
		return changed
	}
	before := time.Now()
	switch same := slices.Equal(w.stamps, w.stampMac()); {
	case !same:
		return true
	case backstop && w.stamps[0] != (root.Stamp{}): // zero: stat is refused
		w.quiet = before
	}
	return changed
}

// clocks is one reading of the wall clock and the monotonic clock. The latter
// stands still while a Mac sleeps.
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

// jumped reports whether the clocks diverged from c to later, in either
// direction.
func (c clocks) jumped(later clocks) bool {
	apart := later.wall.Sub(c.wall) - (later.running - c.running)
	return apart.Abs() > probe.ClockJump
}
