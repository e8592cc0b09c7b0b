package mac

import (
	"fmt"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const timeMachineLimit = 1 << 20 // bytes; it names every backup of every disk

// timeMachinePlist is the part of Time Machine's settings that says when the
// last backup was. Reading them takes Full Disk Access since macOS 10.14.
type timeMachinePlist struct {
	On           any `plist:"AutoBackup"`
	Destinations []struct {
		Snapshots []time.Time `plist:"SnapshotDates"`
	} `plist:"Destinations"`
}

// readBackup reads when Time Machine made its last backup. It is on where it works
// by itself and has a disk to work with.
func readBackup(m root.FS, now time.Time) (probe.Backup, error) {
	data, err := m.ReadFile(probe.TimeMachineSettings, timeMachineLimit)
	if err != nil {
		return probe.Backup{}, err
	}
	var settings timeMachinePlist
	if err := root.DecodePlist(data, &settings); err != nil {
		return probe.Backup{}, fmt.Errorf("%s: %w", probe.TimeMachineSettings, err)
	}
	backup := probe.Backup{On: firstAnswer(settings.On)}
	if backup.On == probe.Yes {
		backup.On = probe.AnswerOf(len(settings.Destinations) > 0)
	}
	for _, disk := range settings.Destinations {
		for _, at := range disk.Snapshots {
			if at.After(backup.Last) && !at.After(now) {
				backup.Last = at.UTC()
			}
		}
	}
	return backup, nil
}
