package probe

import (
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
