package view

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

// The catalogue has every sentence that a person reads. The English text is
// its key; a translation is a file of the same keys, catalogue/de.json. What
// kextwatch says to programs (codes, ids, JSON keys) is not in it.
//
//go:embed catalogue/*.json
var catalogues embed.FS

// words are the sentences in the language that is spoken; nil is English.
var words map[string]string

// Speak chooses the language: the first of these that there is a catalogue
// for, in the order of the user's preference ("de-CH", "fr"). It is called
// once, before anything is said.
func Speak(languages []string) error {
	words = nil
	for _, language := range languages {
		base, _, _ := strings.Cut(strings.ToLower(language), "-")
		if base == "en" {
			return nil
		}
		if base == "" || strings.ContainsFunc(base, func(r rune) bool { return r < 'a' || r > 'z' }) {
			continue
		}
		data, err := catalogues.ReadFile("catalogue/" + base + ".json")
		if err != nil {
			continue // no such translation: try the next language
		}
		if err := json.Unmarshal(data, &words); err != nil {
			return fmt.Errorf("catalogue %s: %w", base, err)
		}
		return nil
	}
	return nil
}

// say is a sentence of the catalogue with its parts filled in.
func say(text string, parts ...any) string {
	if words == nil {
		return fmt.Sprintf(text, parts...)
	}
	return fmt.Sprintf(translated(text), parts...)
}

func translated(text string) string {
	if other := words[text]; other != "" {
		return other
	}
	return text
}

// count is a number of things; one and many are sentences of the catalogue.
func count(n int, one, many string) string {
	if n == 1 {
		return translated(one)
	}
	return fmt.Sprintf(translated(many), n)
}
