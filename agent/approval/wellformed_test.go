package approval

import (
	"strings"
	"testing"

	"kextwatch/probe"
)

// An extension whose ID counts as invalid is not announced.
func TestWellFormed(t *testing.T) {
	for id, want := range map[string]bool{
		"com.example.c++driver": true, "com.example.a_b-1": true, strings.Repeat("a", 255): true,
		probe.TooLong:       true, // nobody knows the rest, but macOS blocks it
		"com.example.\x01x": false, "com.example/x": false, strings.Repeat("a", 256): false,
	} {
		if got := wellFormed(id); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}
