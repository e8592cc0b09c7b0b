package settings

import (
	"cmp"
	"fmt"
	"strings"
)

// Text returns the settings as text for the terminal, each with its problem. The
// problems of whole files and the unknown keys follow.
func Text(s Settings, problems []Problem) string {
	var b strings.Builder
	for _, key := range Keys {
		fmt.Fprintf(&b, "%-18s  %-9s %s\n%-18s  %-9s %s\n", key.Name, s.Origins[key.Name], plainValue(key.Get(s)), "", "", key.Meaning)
		for _, p := range problems {
			if p.Key == key.Name && !p.Unknown {
				fmt.Fprintf(&b, "%-18s  %-9s Invalid in %s: %s. Using the default.\n", "", "", p.File, p.Why)
			}
		}
	}
	for _, p := range problems {
		switch {
		case p.Unknown:
			fmt.Fprintf(&b, "\nUnknown key in %s: %s.", p.File, p.Key)
			if p.Suggestion != "" {
				fmt.Fprintf(&b, " Did you mean %s?", p.Suggestion)
			}
			b.WriteString("\n")
		case p.Key == "":
			fmt.Fprintf(&b, "\nCannot read %s: %s. Its settings are ignored.\n", p.File, p.Why)
		}
	}
	return b.String()
}

// plainValue returns a value as text.
func plainValue(value any) string {
	switch v := value.(type) {
	case string:
		return cmp.Or(v, "(none)")
	case []string:
		return cmp.Or(strings.Join(v, ", "), "(none)")
	case []int:
		return strings.Trim(fmt.Sprint(v), "[]")
	}
	return fmt.Sprint(value)
}
