package probe

// Person is the user whose settings and memory are read in place of root's. The zero
// Person means that the user of this process is meant.
type Person struct {
	Name string // of the home folder in /Users
	By   ChosenBy
}

// ChosenBy says why a Person was chosen. Scripts rely on the values.
type ChosenBy string

// The reasons.
const (
	AtScreen ChosenBy = "at-screen" // the user of screen and keyboard
	LastUser ChosenBy = "last-user" // nobody is at the screen; this user logged in there last
	OnlyUser ChosenBy = "only-user" // nobody is at the screen, and there is no other user
)

// People are the facts about the users of a Mac from which root chooses a Person.
type People struct {
	Offline    bool // only the disk of a Mac: nobody is at its screen
	ConsoleUID int  // the user of screen and keyboard: 0 is the login window
	ConsoleErr error
	LastName   string // who logged in at the screen last, as the login window wrote it; may be empty
	LastErr    error
	Homes      []Home
	HomesErr   error // Homes may be incomplete
}

// Home is a home folder in /Users. Only root can create one there, or change its owner.
type Home struct {
	Name     string
	UID      int
	Ordinary bool // the owner is an account for a person, not one of macOS such as Guest
}
