package settings

import (
	"cmp"
	"fmt"
	"strings"
)

func Text(s Settings, problems []Problem) string {
	var b strings.Builder
	for _, key := range Keys {
		fmt.Fprintf(&b, "%-18s  %-9s %s\n%-18s  %-9s %s\n", key.Name, s.Origins[key.Name], plainValue(key.Get(s)), "", "", key.Meaning)
	}
	for _, p := range problems {
		switch {
		case p.Unknown:
			fmt.Fprintf(&b, "\nNot known: %s, in %s.\n", p.Key, p.File)
		case p.Key == "":
			fmt.Fprintf(&b, "\n%s cannot be read: %s. What it sets is left out.\n", p.File, p.Why)
		default:
			fmt.Fprintf(&b, "\n%s in %s is no good: %s. The default is used.\n", p.Key, p.File, p.Why)
		}
	}
	return b.String()
}

// plainValue is a value for people.
func plainValue(value any) string {
	switch v := value.(type) {
	case string:
		return cmp.Or(v, "(none)")
	case []string:
		return strings.Join(v, ", ")
	case []int:
		return strings.Trim(fmt.Sprint(v), "[]")
	}
	return fmt.Sprint(value)
}
