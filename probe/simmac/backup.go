package simmac

import (
	"time"

	"howett.net/plist"
)

const timeMachine = "/Library/Preferences/com.apple.TimeMachine.plist"

type timeMachineSettings struct {
	AutoBackup         bool
	Destinations       []backupDisk
	PreferencesVersion int
}

type backupDisk struct {
	DestinationID string
	SnapshotDates []time.Time
}

// Backup is Time Machine making a backup; the first one switches it on.
func (m *Mac) Backup(now time.Time) error {
	settings := timeMachineSettings{AutoBackup: true, PreferencesVersion: 6, Destinations: []backupDisk{{DestinationID: newUUID()}}}
	var before timeMachineSettings
	if err := m.readPlist(timeMachine, &before); err == nil && len(before.Destinations) > 0 {
		settings = before
	}
	disk := &settings.Destinations[0]
	disk.SnapshotDates = append(disk.SnapshotDates, now.UTC().Truncate(time.Second))
	return m.writePlist(timeMachine, settings, plist.XMLFormat)
}

// SetAutoUpdate switches the automatic installation of macOS updates.
func (m *Mac) SetAutoUpdate(on bool) error {
	var settings softwareUpdate
	if err := m.readPlist(updateSettings, &settings); err != nil {
		return err
	}
	settings.AutomaticDownload, settings.AutomaticallyInstallMacOSUpdates = &on, &on
	return m.writePlist(updateSettings, settings, plist.BinaryFormat)
}
