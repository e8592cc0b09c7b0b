package probe

// LoginJob is the property list by which launchd starts kextwatch at login.
type LoginJob struct {
	State   LoginState
	Program string // what it starts; empty: not known
	Why     string // for the states that need a reason
}

// LoginState says what launchd can do with a LoginJob at the next login.
type LoginState string

// The states; the zero value is not known.
const (
	LoginReady          LoginState = "ready"
	LoginAbsent         LoginState = "absent"          // there is no property list
	LoginDamaged        LoginState = "damaged"         // launchd cannot read it, or it describes no job of ours
	LoginRefused        LoginState = "refused"         // launchd takes no list with this owner or these permissions
	LoginProgramMissing LoginState = "program-missing" // the program is not there, or cannot be executed
	LoginOtherProgram   LoginState = "other-program"   // it starts something that is not kextwatch
)

// Starts reports whether launchd starts kextwatch at the next login.
func (j LoginJob) Starts() Answer {
	if j.State == "" {
		return ""
	}
	return AnswerOf(j.State == LoginReady)
}
