package view

// The names by which probe/mac calls what it could not read (probe.Gap).
const (
	gapVersion    = "macOS version"
	gapMachines   = "virtual machines"
	gapLoaded     = "loaded kernel extensions"
	gapUpdates    = "automatic updates"
	gapBackup     = "time machine"
	gapSIP        = "System Integrity Protection"
	gapConsent    = "consent to kernel extensions"
	gapProfiles   = "configuration profiles"
	gapLock       = "screen lock"
	gapConsole    = "console user"
	gapProcesses  = "running programs"
	gapNetwork    = "network connections"
	gapExtensions = "system extensions"
	gapAdmin      = "administrator"
)
