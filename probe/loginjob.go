package probe

// LoginJob is the property list with which launchd starts kextwatch at login.
type LoginJob struct {
	State   LoginState
	Program string // path of the program that it starts; empty: not known
	Why     string // the reason for State; empty if State explains itself
	OfAll   bool   // an administrator installed it for every user
	Twice   bool   // it is the user's own, and an administrator installed it, too
}

// LoginState says whether launchd can start a LoginJob at the next login, and
// why not.
type LoginState string

// The states; the zero value is not known.
const (
	LoginReady          LoginState = "ready"
	LoginAbsent         LoginState = "absent"          // there is no property list
	LoginDamaged        LoginState = "damaged"         // launchd cannot read it, or it describes another job
	LoginRefused        LoginState = "refused"         // launchd rejects the owner or the permissions of the list
	LoginProgramMissing LoginState = "program-missing" // the program does not exist or is not executable
	LoginOtherProgram   LoginState = "other-program"   // it starts a program other than kextwatch
)

// Starts reports whether launchd will start kextwatch at the next login.
func (j LoginJob) Starts() Answer {
	if j.State == "" {
		return ""
	}
	return AnswerOf(j.State == LoginReady)
}
