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

// set returns the default for a form, or nil if a form had better leave the setting out: an
// empty text or list sets nothing.
func (s Setting) set() any {
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
