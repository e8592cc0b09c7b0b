package view

import "fmt"

// say is a sentence of the catalogue with its parts filled in. Every text that
// a person reads goes through it: the English text is the key.
func say(text string, parts ...any) string {
	if len(parts) == 0 {
		return text
	}
	return fmt.Sprintf(text, parts...)
}
