package view

import (
	"fmt"
	"strings"
	"text/template"
)

// markup is HTML. It is made of constants of this package and of escaped texts, so a
// name from this Mac cannot become markup.
//
// html/template does more than a page without scripts and links needs. It calls
// methods by name, so the linker must keep all methods of the program: 2 MB.
type markup string

// fill puts values into the places (%v) of a pattern. A place is the content of an
// element, or an attribute's value in double quotes. A text is escaped; markup and a
// number are not.
func fill(pattern markup, values ...any) markup {
	for i, value := range values {
		switch value.(type) {
		case markup, int:
		default:
			values[i] = escaped(fmt.Sprint(value))
		}
	}
	return markup(fmt.Sprintf(string(pattern), values...))
}

// escaped uses text/template, which cobra needs anyway. html brings a table of all named
// characters: 65 KB of the program.
func escaped(text string) markup { return markup(template.HTMLEscapeString(text)) }

// maybe fills in the text, or returns nothing if there is no text.
func maybe(pattern markup, text string) markup {
	if text == "" {
		return ""
	}
	return fill(pattern, text)
}

// each draws a list.
func each[T any](list []T, draw func(T) markup) markup {
	var all strings.Builder
	for _, one := range list {
		all.WriteString(string(draw(one)))
	}
	return markup(all.String())
}
