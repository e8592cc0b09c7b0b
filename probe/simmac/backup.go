package simmac

import (
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

type timeMachineSettings struct {
	AutoBackup         bool
	Destinations       []backupDisk
	PreferencesVersion int
}

type backupDisk struct {
	DestinationID string
	SnapshotDates []time.Time
}

// Backup simulates a backup of Time Machine. The first backup switches Time Machine
// on.
func (m *Mac) Backup(now time.Time) error {
	settings := timeMachineSettings{AutoBackup: true, PreferencesVersion: 6, Destinations: []backupDisk{{DestinationID: newUUID()}}}
	var before timeMachineSettings
	if err := m.readPlist(probe.TimeMachineSettings, &before); err == nil && len(before.Destinations) > 0 {
		settings = before
	}
	disk := &settings.Destinations[0]
	disk.SnapshotDates = append(disk.SnapshotDates, now.UTC().Truncate(time.Second))
	return m.writePlist(probe.TimeMachineSettings, settings, plist.XMLFormat)
}

// SetAutoUpdate switches the automatic installation of macOS updates on or off.
func (m *Mac) SetAutoUpdate(on bool) error {
	var settings softwareUpdate
	if err := m.readPlist(probe.SoftwareUpdateSettings, &settings); err != nil {
		return err
	}
	settings.AutomaticDownload, settings.AutomaticallyInstallMacOSUpdates = &on, &on
	return m.writePlist(probe.SoftwareUpdateSettings, settings, plist.BinaryFormat)
}
