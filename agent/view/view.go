// Package view holds every sentence about the state of the Mac: the menu, the
// alerts, the output of status, explain and doctor, and the history.
//
// It turns plain data into plain data. It cleans every name that comes from a
// database or a property list before it shows it: without control characters,
// without invisible characters, and cut to a line.
//
// The labels are those of the macOS that runs: System Preferences and Security &
// Privacy up to macOS 12, System Settings and Privacy & Security from macOS 13.
// "Allow" and "Details…" are Apple's own labels.
//
// Verdicts, reasons, rules, checks, missing facts and menu entries are tables.
// Each row has the key of a row of package approval, probe or notify.
package view

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"kextwatch/probe"
)

// Clean turns foreign text into one printable line of at most about 200 bytes, cut after a
// word.
func Clean(s string) string {
	const longest = 200
	s = strings.Join(strings.Fields(probe.OneLine(probe.Head(s))), " ")
	for at := range s {
		if at < longest {
			continue
		}
		if space := strings.LastIndexByte(s[:at], ' '); space > longest/2 {
			at = space
		}
		return strings.TrimRight(s[:at], " ,;:") + "…"
	}
	return s
}

func minutes(n int) string { return count(n, "1 minute", "%d minutes") }

// sentence adds a capital letter and a full stop. kextwatch keeps its small letter, and so
// does a name with a capital inside, such as macOS or macFUSE.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	word, _, _ := strings.Cut(s, " ")
	if !strings.HasPrefix(s, "kextwatch") && word == strings.ToLower(word) {
		first, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	last, _ := utf8.DecodeLastRuneInString(s)
	if strings.ContainsRune(".!?…", last) {
		return s
	}
	return s + "."
}

// sentences turns each part that is not empty into a sentence and joins them.
func sentences(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, sentence(p))
		}
	}
	return strings.Join(all, " ")
}

// count returns one for 1, and otherwise many with the number n in it.
func count(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}
