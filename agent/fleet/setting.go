package fleet

import "kextwatch/agent/settings/values"

// Setting is one setting of kextwatch, for a form.
type Setting struct {
	Name    string
	Title   string
	Meaning string // sentences
	Form    values.Form
	Default any // as a property list has it
}

// formDefault returns the default for a form. It is nil for an empty text or list, which
// sets nothing: the form leaves the setting out.
func (s Setting) formDefault() any {
	switch v := s.Default.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []string:
		if len(v) == 0 {
			return nil
		}
	}
	return s.Default
}
