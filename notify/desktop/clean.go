package desktop

import (
	"strconv"
	"strings"
	"unicode"

	"kextwatch/notify"
)

// The most that is shown of a text, in characters. Names in it can come from
// files that anyone may write.
const (
	maxTitle = 120
	maxBody  = 1000
)

// clean makes an alert safe to show on goos. Cleaning twice is the same as
// cleaning once.
func clean(alert notify.Alert, goos string) notify.Alert {
	alert.Title = oneLine(alert.Title, maxTitle)
	alert.Body = cut(plain(alert.Body), maxBody)
	if goos != "darwin" {
		alert.Title = literal(alert.Title)
		alert.Body = literal(alert.Body)
	}
	return alert
}

// oneLine is text as one line of at most limit characters.
func oneLine(text string, limit int) string {
	return cut(strings.Join(strings.Fields(plain(text)), " "), limit)
}

// newlines are the ways to end a line.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// plain keeps what a person can read: lines of printable characters.
//
// On macOS beeep writes the text into AppleScript with Go's %q, which turns
// every character that is not printable, no-break spaces and the joiners of
// emoji among them, into \x, \u or \U escapes. AppleScript knows none of
// these, the script would not compile and nothing would be shown.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case !strconv.IsPrint(r):
			return -1
		}
		return r
	}, newlines.Replace(strings.ToValidUTF8(text, "")))
	return strings.TrimSpace(text)
}

// literal makes text mean itself to the notification servers of Linux. The
// body is markup for some and plain text for others, so that escapes would
// show in half of them: <, > and & become a word, or characters that mean
// nothing anywhere. And what begins like an option would be one to notify-send.
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
