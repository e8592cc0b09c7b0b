package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kextwatch/probe/mac"
)

// private is a text that tells who or where somebody is, and the kind of it
// that is written in its place: "user" becomes <user>.
type private struct{ text, kind string }

// redactor takes out of a text what tells who somebody is: texts that it was
// given, and all that has the form of a home, a volume, a hardware UUID, a
// serial number, a network or mail address. Team IDs, bundle IDs and versions
// stay.
type redactor struct {
	given *regexp.Regexp    // nil: none
	kinds map[string]string // of the given texts in lower case
}

// everybodys are names that tell nothing about anybody.
var everybodys = []string{"root", "wheel", "staff", "admin", "daemon", "nobody", "shared", "guest", "user", "localhost", "local"}

// newRedactor returns a redactor of these texts. A text of one character is
// not taken out, nor a name that every Mac has.
func newRedactor(privates ...private) redactor {
	privates = slices.DeleteFunc(slices.Clone(privates), func(p private) bool {
		return utf8.RuneCountInString(p.text) < 2 || slices.Contains(everybodys, strings.ToLower(p.text))
	})
	if len(privates) == 0 {
		return redactor{}
	}
	// Where one is the beginning of another, the longer one is meant.
	slices.SortStableFunc(privates, func(a, b private) int { return cmp.Compare(len(b.text), len(a.text)) })
	r := redactor{kinds: map[string]string{}}
	var forms []string
	for _, p := range privates {
		forms = append(forms, regexp.QuoteMeta(p.text))
		if lower := strings.ToLower(p.text); r.kinds[lower] == "" {
			r.kinds[lower] = p.kind
		}
	}
	r.given = regexp.MustCompile("(?i)" + strings.Join(forms, "|"))
	return r
}

// namesOf are the privates of a Mac.
func namesOf(n mac.Names) []private {
	var all []private
	for kind, texts := range map[string][]string{"user": n.Users, "computer": n.Computers, "serial": n.Serials} {
		for _, text := range texts {
			all = append(all, private{text, kind})
		}
	}
	return all
}

func (r redactor) redact(text string) string {
	text = r.redactGiven(text)
	for _, t := range telltales {
		text = t.form.ReplaceAllString(text, t.instead)
	}
	return longSerial.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") && strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return "<serial>"
		}
		return word
	})
}

// redactGiven takes out the given texts where they are words of their own.
func (r redactor) redactGiven(text string) string {
	if r.given == nil {
		return text
	}
	var b strings.Builder
	done := 0
	for _, at := range r.given.FindAllStringIndex(text, -1) {
		before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
		after, _ := utf8.DecodeRuneInString(text[at[1]:])
		if inWord(before) || inWord(after) {
			continue
		}
		b.WriteString(text[done:at[0]])
		b.WriteString("<" + cmp.Or(r.kinds[strings.ToLower(text[at[0]:at[1]])], "private") + ">")
		done = at[1]
	}
	b.WriteString(text[done:])
	return b.String()
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// longSerial is a serial number up to 2020, or a word. Later ones have ten
// characters, as a team ID has: they are taken out where they are given, or
// named so.
var longSerial = regexp.MustCompile(`\b[0-9A-Z]{11,12}\b`)

// telltales are what has a form that gives it away.
var telltales = []struct {
	form    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`/(Users|home)/[^/\s"'<>|,;)]+`), "/$1/<user>"},
	{regexp.MustCompile(`/Volumes/[^/\n"']+`), "/Volumes/<volume>"},
	{regexp.MustCompile(`/var/folders/[^\s"']+`), "/var/folders/<user>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "<uuid>"},
	{regexp.MustCompile(`(?i)(serial[ _-]?(?:number)?(?: \(system\))?["']?\s*[:=]\s*["']?)[0-9a-z]{6,}`), "$1<serial>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}\b`), "<address>"},
	{regexp.MustCompile(`[0-9A-Za-z._%+-]+@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+`), "<mail>"},
}
