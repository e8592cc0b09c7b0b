package probe

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                           "plain",
		"Größe 分 … „x“ 🙂_&":               "Größe 分 … „x“ 🙂_&",
		" two\nlines\t ":                  "two lines",
		"a\x00b\x1b[31mc\x7f":             "ab[31mc",
		"abc\u202edef\u2066ghi\u200b":     "abcdefghi",
		"Äpfel 苹果 “x” €":                  "Äpfel 苹果 “x” €",
		"bad \xff\xfe bytes":              "bad  bytes",
		strings.Repeat("ä", 1000):         strings.Repeat("ä", PrintableLimit),
		"\u00a0no-break\u00a0space\u2028": "no-break space",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A text in JSON cannot control a terminal or turn the direction of text, and has the same
// value.
func TestEscapeJSON(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\"Größe 分 🙂\"}":      "{\n\"Größe 分 🙂\"}",
		"\"abc\u202edef\u200b\"": `"abc\u202edef\u200b"`,
		"\"a\u009b31m\x7f\"":     `"a\u009b31m\u007f"`,
		"\"tag \U000e0001\"":     `"tag \udb40\udc01"`,
	} {
		got := EscapeJSON(in)
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
		var before, after any
		if err := json.Unmarshal([]byte(in), &before); err == nil && (json.Unmarshal([]byte(got), &after) != nil || after != before) {
			t.Errorf("%q: the value is now %q", in, after)
		}
	}
	if got := EscapeJSON("\"bad \xff\""); got != "\"bad \uFFFD\"" {
		t.Errorf("invalid UTF-8: %q", got)
	}
}
