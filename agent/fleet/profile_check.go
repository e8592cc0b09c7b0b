package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"kextwatch/probe"
)

// placeholderForm matches what a template has in the place of a value. A profile with a
// placeholder installs without an error and has no effect.
var placeholderForm = probe.Form{Expr: `(?i)<[^<>]*>|^[.…]+$|x{4,}|\bteam_?id(?:[0-9_]|\b)|\bcom\.example\b|\bexample\.(?:com|net|org)\b|/path/to/|` +
	`\b(?:your|my)[_-]?(?:company|org|organi[sz]ation|team|domain|bundle)|placeholder|\b(?:change|replace)[_-]?me\b`}

// placeholderNames are names that a template has in the place of an organization's.
var placeholderNames = []string{
	"example", "example inc", "organization", "organisation", "organization name", "company", "company name",
	"your organization", "your company", "your organization name", "your company name", "my organization", "my company",
}

// placeholderTeams are team IDs that documents use as examples.
var placeholderTeams = []string{"ABCDEFGHIJ", "ABCDE12345", "1234567890", "0123456789", "A1B2C3D4E5", "AB12CD34EF", "12345ABCDE", "EXAMPLE123"}

const (
	longestIdentifier   = 150  // bytes of a prefix
	longestOrganization = 100  // characters
	longestText         = 4096 // bytes
)

var identifierForm = probe.Form{Expr: `^[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)+$`}

func checkIdentifier(prefix string) error {
	const next = "use the reversed domain of your organization with a name for these profiles, such as org.university.kextwatch"
	switch {
	case len(prefix) > longestIdentifier || !identifierForm.MatchString(prefix):
		return refuse(next, "invalid identifier %q", probe.Printable(prefix))
	case placeholderForm.MatchString(prefix):
		return refuse(next, "the identifier %q is a placeholder", prefix)
	}
	return nil
}

// isPlaceholder reports whether a text is only in the place of a value: that of a template,
// the name of no organization, or the team ID of no developer.
func isPlaceholder(text string) bool {
	return placeholderForm.MatchString(text) || slices.Contains(placeholderTeams, text) ||
		slices.Contains(placeholderNames, strings.ToLower(strings.Trim(text, " .")))
}

func checkOrganization(name string) error {
	switch {
	case name == "":
		return nil
	case utf8.RuneCountInString(name) > longestOrganization || probe.OneLine(name) != name:
		return refuse(fmt.Sprintf("use one line of at most %d characters", longestOrganization), "invalid name of an organization %q", probe.Printable(name))
	case isPlaceholder(name):
		return refuse("use the name that users know, or leave it out", "the organization %q is a placeholder", name)
	}
	return nil
}

// checkTeamID refuses a team ID that Apple cannot have given to a developer. flag names the
// flag that it came from.
func checkTeamID(flag, team string) error {
	const next = "codesign -dv PROGRAM shows the team ID of a program, in the line TeamIdentifier"
	if len(team) > 100 {
		team = team[:100] // no team ID, and long enough to recognize
	}
	switch {
	case placeholderForm.MatchString(team), slices.Contains(placeholderTeams, team), team != "" && strings.Trim(team, team[:1]) == "":
		return refuse(next, "the team ID %q of %s is a placeholder", team, flag)
	case !probe.IsTeamID(team):
		return refuse(next, "invalid team ID %q for %s: it has ten capital letters and digits", team, flag)
	}
	return nil
}

// checkTexts refuses texts that a property list cannot have, that could deceive a reader,
// or that are placeholders, in keys and values at any depth. It also refuses values of a type
// that no profile has, so that encode cannot fail.
func checkTexts(value any) error {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := checkTexts(key); err != nil {
				return err
			}
			if err := checkTexts(v[key]); err != nil {
				return err
			}
		}
	case []any:
		for _, element := range v {
			if err := checkTexts(element); err != nil {
				return err
			}
		}
	case []string:
		for _, text := range v {
			if err := checkTexts(text); err != nil {
				return err
			}
		}
	case string:
		switch {
		case len(v) > longestText || probe.OneLine(v) != v:
			return refuse("use one line of printable text", "a profile cannot have the text %q", probe.Printable(v))
		case isPlaceholder(v):
			return refuse("replace it with a real value", "%q is a placeholder", v)
		}
	case bool, int, []int:
	default:
		return refuse("use texts, whole numbers, true, false and lists of them", "a profile cannot have a value of the type %T", value)
	}
	return nil
}
