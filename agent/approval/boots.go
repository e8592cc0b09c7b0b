package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

// Boot is one start of the Mac.
type Boot struct {
	Session string    `plist:"Session"` // the boot session
	At      time.Time `plist:"At"`
}

const (
	bootLife  = 14 * 24 * time.Hour // the history of the report covers two weeks
	mostBoots = 200
)

// BootsUntil returns the known starts of the Mac in the last two weeks, oldest
// first: those of the memory and that of the status.
func (m Memory) BootsUntil(st Status) []Boot { return withBoot(m.Boots, st.Mac, st.At) }

// withBoot adds the current boot session, unless it is known, and forgets old ones.
// The first time of a session counts: kern.boottime moves when the clock is set.
func withBoot(boots []Boot, mac probe.Mac, now time.Time) []Boot {
	current := Boot{mac.BootSession, mac.BootedAt.UTC().Truncate(time.Second)}
	var all []Boot
	for _, b := range bootsAfter([]Boot{current}, boots) {
		if b.Session != "" && !b.At.IsZero() && !b.At.After(now) && now.Sub(b.At) <= bootLife {
			all = append(all, b)
		}
	}
	return all[max(0, len(all)-mostBoots):]
}

// bootsAfter merges the starts that an earlier agent saw.
func bootsAfter(boots, earlier []Boot) []Boot {
	all := slices.Clone(earlier)
	for _, boot := range boots {
		if !slices.ContainsFunc(all, func(b Boot) bool { return b.Session == boot.Session }) {
			all = append(all, boot)
		}
	}
	return all
}
