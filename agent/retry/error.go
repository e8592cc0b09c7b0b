package retry

// NotOpened is the error when Parallels Desktop could not be opened.
type NotOpened struct{ err error }

func (e *NotOpened) Error() string { return e.err.Error() }
func (e *NotOpened) Unwrap() error { return e.err }

// Hint returns what to do next.
func (e *NotOpened) Hint() string { return "open it yourself" }
