// Package values says which values a setting takes. It is plain: the program, the manual and
// the forms of device management services read the same data.
package values

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Type is the type of a value in the property list.
type Type string

// The types.
const (
	Bool    Type = "boolean"
	Integer Type = "integer"
	String  Type = "string"
	List    Type = "array"
)

// Form says which values a setting takes.
type Form struct {
	Type Type

	Min, Max int // of an Integer

	// These are for a String.
	What    string   // such as "a team ID"
	Choices []string // the only values; nil: any that fit
	Longest int      // characters; 0: What is short
	Pattern string   // a regular expression for forms that matches at least what fits
	Example string
	Fits    func(text string) bool // nil: any printable line

	// These are for a List.
	Items        *Form
	Fewest, Most int  // entries
	Different    bool // no entry may appear twice

	Or *Form // the value may also have this form; nil: no other
}

// Words says what a value must be, such as "a whole number from 1 to 29".
func (f Form) Words() string {
	words := ""
	switch f.Type {
	case Bool:
		words = "true or false"
	case Integer:
		words = fmt.Sprintf("a whole number from %d to %d", f.Min, f.Max)
	case List:
		words = f.listWords()
	case String:
		words = f.What
		if n := len(f.Choices); n > 0 {
			words = fmt.Sprintf("the text %s or %s", strings.Join(f.Choices[:n-1], ", "), f.Choices[n-1])
		}
		if f.Longest > 0 {
			words += fmt.Sprintf(" of at most %d characters", f.Longest)
		}
	}
	if f.Example != "" {
		words += fmt.Sprintf(", such as %s", f.Example)
	}
	if f.Or != nil {
		words += ", or " + f.Or.Words()
	}
	return words
}

func (f Form) listWords() string {
	entries := strings.TrimPrefix(f.Items.What, "a ") + "s"
	if f.Items.Type == Integer {
		entries = fmt.Sprintf("whole numbers from %d to %d", f.Items.Min, f.Items.Max)
	}
	if f.Different {
		entries = "different " + entries
	}
	if f.Items.Example != "" {
		entries += ", such as " + f.Items.Example
	}
	if f.Fewest == 0 {
		return fmt.Sprintf("a list of at most %d %s", f.Most, entries)
	}
	return fmt.Sprintf("a list of %d to %d %s", f.Fewest, f.Most, entries)
}

// hint says how `defaults write` writes a value of a type. Without it, it writes a text.
func (t Type) hint() string {
	switch t {
	case Bool:
		return " (defaults write … -bool)"
	case Integer:
		return " (defaults write … -int)"
	case List:
		return " (defaults write … -array)"
	}
	return ""
}

// Check returns what a value of a property list must be; nil: it fits. An error about the
// whole value is a *Misfit.
func (f Form) Check(value any) error {
	err := f.checkOne(value)
	if err == nil || f.Or != nil && f.Or.Check(value) == nil {
		return nil
	}
	if f.Or != nil {
		return f.mustBe("")
	}
	return err
}

func (f Form) checkOne(value any) error {
	switch v := value.(type) {
	case bool:
		if f.Type == Bool {
			return nil
		}
	case int64, uint64:
		if n := Number(v); f.Type == Integer && n >= f.Min && n <= f.Max {
			return nil
		}
	case string:
		if f.Type == String && f.fit(v) {
			return nil
		}
	case []any:
		if f.Type == List && len(v) >= f.Fewest && len(v) <= f.Most {
			return f.checkEntries(v)
		}
	}
	return f.mustBe(f.Type.hint())
}

// Misfit says what a value must be.
type Misfit struct {
	Must string
	Hint string // how `defaults write` writes such a value, in parentheses; may be empty
}

func (m *Misfit) Error() string { return m.Must + m.Hint }

func (f Form) mustBe(hint string) error { return &Misfit{"it must be " + f.Words(), hint} }

// fit reports whether a text fits. One that fits is a single printable line.
func (f Form) fit(text string) bool {
	switch {
	case f.Choices != nil:
		return slices.Contains(f.Choices, text)
	case f.Longest > 0 && utf8.RuneCountInString(text) > f.Longest, strings.ContainsFunc(text, unprintable):
		return false
	}
	return f.Fits == nil || f.Fits(text)
}

func (f Form) checkEntries(list []any) error {
	for i, v := range list {
		switch {
		case f.Items.checkOne(v) != nil:
			return fmt.Errorf("each entry must be %s", f.Items.Words())
		case f.Different && slices.Contains(list[:i], v):
			return fmt.Errorf("%v appears twice", v)
		}
	}
	return nil
}

// Number returns an integer of a property list, or one that fits no setting.
func Number(value any) int {
	const tooLarge = 1 << 30
	switch v := value.(type) {
	case uint64:
		return int(min(v, tooLarge))
	case int64:
		return int(max(-1, min(v, tooLarge)))
	}
	return -1
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
