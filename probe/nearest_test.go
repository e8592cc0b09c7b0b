package probe

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"attempt", "allow", "add-vm", "Reminders"}
	for mistyped, want := range map[string]string{
		"atempt":     "attempt", // a letter is missing
		"attempts":   "attempt", // one too many
		"alow":       "allow",
		"rem":        "Reminders", // its beginning, in small letters
		"xyz":        "",
		"al":         "", // it may be anything
		"frobnicate": "",
		"":           "",
	} {
		if got := Nearest(mistyped, names); got != want {
			t.Errorf("%q: %q, want %q", mistyped, got, want)
		}
	}
}
