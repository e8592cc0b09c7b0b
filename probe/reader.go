package probe

// ReaderInstallation describes the files on the disk that launchd needs to run
// the root reader.
type ReaderInstallation struct {
	State  ReaderState
	Path   string // the file that State is about; empty if the installation is sound
	Reason string // why the file cannot be trusted or read
	Next   string // what to do about it
}

// ReaderState is the state of an installation of the root reader.
type ReaderState string

// The states of an installation; the zero value is not known.
const (
	ReaderSound     ReaderState = "sound"      // it is complete, and only root can change it
	ReaderOlder     ReaderState = "older"      // sound, but of an earlier version that does not record its runs
	ReaderAbsent    ReaderState = "absent"     // both the program and the property list are missing
	ReaderNoProgram ReaderState = "no-program" // the program is missing
	ReaderNoPlist   ReaderState = "no-plist"   // the property list is missing
	ReaderUnguarded ReaderState = "unguarded"  // a user other than root can change one of the two
)
