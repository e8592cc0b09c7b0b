package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// private is a text that identifies a person or a place, and its kind. The kind
// replaces the text: "user" becomes <user>.
type private struct{ text, kind string }

// redactor removes identifying texts: the given ones, and everything that has the
// form of a home folder, a volume, a hardware UUID, a serial number, a network or
// mail address. It keeps team IDs, bundle IDs and versions.
type redactor struct {
	given *regexp.Regexp    // nil without such names
	kinds map[string]string // of the given texts in lower case
}

// commonNames are names of many Macs that identify nobody.
var commonNames = []string{"root", "wheel", "staff", "admin", "daemon", "nobody", "shared", "guest", "user", "localhost", "local"}

// newRedactor returns a redactor of these texts. It ignores texts of one character
// and names that every Mac has.
func newRedactor(privates ...private) redactor {
	privates = slices.DeleteFunc(slices.Clone(privates), func(p private) bool {
		return utf8.RuneCountInString(p.text) < 2 || slices.Contains(commonNames, strings.ToLower(p.text))
	})
	if len(privates) == 0 {
		return redactor{}
	}
	// If one text is a prefix of another, match the longer one.
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

// namesOf returns the private names of a Mac.
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
	for _, t := range identifyingForms {
		text = t.form.ReplaceAllString(text, t.instead)
	}
	return longSerial.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") && strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return "<serial>"
		}
		return word
	})
}

// redactGiven removes the given texts if they are whole words.
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

// longSerial matches serial numbers up to 2020, and some words. Later ones have ten
// characters, like a team ID. They are removed only if they were given or if their
// label says that they are serial numbers.
var longSerial = probe.Form{Expr: `\b[0-9A-Z]{11,12}\b`}

// identifyingForms are the forms of texts that identify somebody.
var identifyingForms = []struct {
	form    *probe.Form
	instead string
}{
	{&probe.Form{Expr: `/(Users|home)/[^/\s"'<>|,;)]+`}, "/$1/<user>"},
	{&probe.Form{Expr: `/Volumes/[^/\n"']+`}, "/Volumes/<volume>"},
	{&probe.Form{Expr: `/var/folders/[^\s"']+`}, "/var/folders/<user>"},
	{&probe.Form{Expr: `(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`}, "<uuid>"},
	{&probe.Form{Expr: `(?i)(serial[ _-]?(?:number)?(?: \(system\))?["']?\s*[:=]\s*["']?)[0-9a-z]{6,}`}, "$1<serial>"},
	{&probe.Form{Expr: `(?i)\b[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}\b`}, "<address>"},
	{&probe.Form{Expr: `[0-9A-Za-z._%+-]+@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+`}, "<mail>"},
}
