package probe

// ReaderInstallation is what launchd finds on the disk of the root reader.
type ReaderInstallation struct {
	State  ReaderState
	Path   string // of the file that State is about; empty where it is sound
	Reason string // why the file cannot be trusted or read
	Next   string // what to do about it
}

// ReaderState is an installation of the root reader in one word.
type ReaderState string

// The states of an installation; the zero value is not known.
const (
	ReaderSound     ReaderState = "sound"      // all of it is there, and only root can change it
	ReaderOlder     ReaderState = "older"      // sound, but of an earlier version, which does not record its runs
	ReaderAbsent    ReaderState = "absent"     // neither program nor property list
	ReaderNoProgram ReaderState = "no-program" // the property list alone
	ReaderNoPlist   ReaderState = "no-plist"   // the program alone
	ReaderUnguarded ReaderState = "unguarded"  // others than root could change one of them
)
