package view

// The names by which probe/mac calls what it could not read (probe.Gap).
const (
	gapVersion   = "macOS version"
	gapMachines  = "virtual machines"
	gapLoaded    = "loaded kernel extensions"
	gapUpdates   = "software update"
	gapBackup    = "time machine"
	gapSIP       = "System Integrity Protection"
	gapConsent   = "kext consent"
	gapProfiles  = "configuration profiles"
	gapLock      = "screen lock"
	gapConsole   = "console"
	gapProcesses = "processes"
	gapAdmin     = "administrator"
)
