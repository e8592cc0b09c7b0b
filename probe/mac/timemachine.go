package mac

import (
	"fmt"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const timeMachineLimit = 1 << 20 // bytes; the file lists every backup of every disk

// timeMachinePlist is the part of Time Machine's settings with the times of the
// backups. From macOS 10.14 a program needs Full Disk Access to read it.
type timeMachinePlist struct {
	On           any `plist:"AutoBackup"`
	Destinations []struct {
		Snapshots []time.Time `plist:"SnapshotDates"`
	} `plist:"Destinations"`
}

// readBackup reads when Time Machine made its last backup. Time Machine counts as on
// if automatic backups are on and it has a disk. If a value has another type, it
// returns the rest together with the error.
func readBackup(m root.FS, now time.Time) (probe.Backup, error) {
	data, err := m.ReadFile(probe.TimeMachineSettings, timeMachineLimit)
	if err != nil {
		return probe.Backup{}, err
	}
	var settings timeMachinePlist
	if err = root.DecodePlist(data, &settings); err != nil {
		err = fmt.Errorf("%s: %w", probe.TimeMachineSettings, err)
	}
	backup := probe.Backup{On: firstAnswer(settings.On)}
	switch {
	case backup.On == probe.Yes && err != nil && len(settings.Destinations) == 0:
		backup.On = "" // the disks are not known
	case backup.On == probe.Yes:
		backup.On = probe.AnswerOf(len(settings.Destinations) > 0)
	}
	for _, disk := range settings.Destinations {
		for _, at := range disk.Snapshots {
			if at.After(backup.Last) && !at.After(now) {
				backup.Last = at.UTC()
			}
		}
	}
	return backup, err
}
