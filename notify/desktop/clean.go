package desktop

import (
	"strings"

	"kextwatch/notify"
	"kextwatch/probe"
)

// Limits of texts in characters. Texts may contain names from files that anyone can
// write.
const (
	maxTitle = 120
	maxBody  = 1000
)

// clean makes an alert safe to show on goos. clean of a clean alert changes nothing.
func clean(alert notify.Alert, goos string) notify.Alert {
	alert.Title = oneLine(alert.Title, maxTitle)
	alert.Body = cut(lines(alert.Body), maxBody)
	if goos != "darwin" {
		alert.Title = literal(alert.Title)
		alert.Body = literal(alert.Body)
	}
	return alert
}

// oneLine returns text as one line of at most limit characters.
func oneLine(text string, limit int) string {
	return cut(strings.Join(strings.Fields(probe.OneLine(text)), " "), limit)
}

// newlines replaces every line ending by \n.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// lines returns the lines of a text, each as probe.OneLine cleans it.
//
// On macOS beeep writes the text into AppleScript with Go's %q. It turns every
// unprintable character, including no-break spaces and the joiners of emoji, into
// an escape: \x, \u or \U. AppleScript does not have these escapes, so the script
// would not compile and no alert would be shown.
func lines(text string) string {
	all := strings.Split(newlines.Replace(text), "\n")
	for i, line := range all {
		all[i] = probe.OneLine(line)
	}
	return strings.TrimSpace(strings.Join(all, "\n"))
}

// literal replaces characters with a special meaning for notification servers on
// Linux. Some servers read the body as markup and others as plain text, so escapes
// are no solution: <, > and & become other characters or a word. A dash at the
// start is replaced because notify-send would read an option.
func literal(text string) string {
	text = noMarkup.Replace(text)
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		return "–" + rest
	}
	return text
}

var noMarkup = strings.NewReplacer("<", "‹", ">", "›", " & ", " and ", "&", "+")

// cut shortens text to at most limit characters.
func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
