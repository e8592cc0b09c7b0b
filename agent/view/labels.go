package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// OnScreen formats a text. In format, {Allow} stands for Apple's label Allow as the
// screen of the Mac shows it. Args may contain braces.
func OnScreen(mac probe.Mac, format string, args ...any) string {
	var labeled strings.Builder
	for {
		text, rest, found := strings.Cut(format, "{")
		labeled.WriteString(text)
		if !found {
			break
		}
		var english string
		english, format, _ = strings.Cut(rest, "}")
		labeled.WriteString(label(mac, english))
	}
	return fmt.Sprintf(labeled.String(), args...)
}

// label returns one of Apple's labels in the language of the Mac, followed by the English
// label if it may be wrong. Without a row in the table it returns the English label.
func label(mac probe.Mac, english string) string {
	for _, l := range labelsIn(languageOf(mac.Language)) {
		switch {
		case l.english != english:
		case l.confidence == approval.Unsure:
			return fmt.Sprintf("%s (%s)", l.text, english)
		default:
			return l.text
		}
	}
	return english
}

// labelsIn returns the rows of a language.
func labelsIn(language string) []translation {
	for _, l := range labels {
		if l.language == language {
			return l.rows
		}
	}
	return nil
}

// languages is in the order of precedence. A tag with -* stands for itself and for all
// that begin with it. Apple has other labels for the languages of French Canada, Latin
// America, Portugal and Hong Kong: they are not in the table.
var languages = []struct{ tag, name string }{
	{"de-*", german},
	{"fr-CA", ""}, {"fr-*", french},
	{"es", spanish}, {"es-ES", spanish},
	{"it-*", italian},
	{"nl-*", dutch},
	{"pt", brazilian}, {"pt-BR", brazilian},
	{"pl-*", polish},
	{"ja-*", japanese},
	{"ko-*", korean},
	{"zh-Hans-*", simplified}, {"zh-CN", simplified}, {"zh-SG", simplified},
	{"zh-Hant", traditional}, {"zh-Hant-TW", traditional}, {"zh-TW", traditional},
}

// languageOf returns the language of labels for a tag of macOS, such as "de-AT". It is
// empty if the table has none.
func languageOf(tag string) string {
	for _, l := range languages {
		prefix, open := strings.CutSuffix(l.tag, "-*")
		if tag == prefix || open && strings.HasPrefix(tag, prefix+"-") {
			return l.name
		}
	}
	return ""
}
