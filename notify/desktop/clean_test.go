package desktop

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"kextwatch/notify"
	"kextwatch/probe/hostile"
)

func TestClean(t *testing.T) {
	for _, test := range []struct{ name, in, mac, linux string }{
		{"umlauts, quotes, CJK, emoji stay", "Zwölf „Minuten“ 分 🙂", "Zwölf „Minuten“ 分 🙂", "Zwölf „Minuten“ 分 🙂"},
		{"lines stay", "one\ntwo\r\nthree\rfour\u2028five", "one\ntwo\nthree\nfour\nfive", "one\ntwo\nthree\nfour\nfive"},
		{"odd spaces", "24\u00a0min\u202f,\u3000now\t!", "24 min , now !", "24 min , now !"},
		{"control characters", "a\x00b\x1b[31mc\x7f\u0090", "ab[31mc", "ab[31mc"},
		{"bidi", "\u202eexe.\u2066x\u2069\u200f", "exe.x", "exe.x"},
		{"zero width, joiners, tags", "P\u200ba\u200dr\ufeffa\u00adl\U000e0041", "Paral", "Paral"},
		{"not UTF-8", "a\xff\xc3(b", "a(b", "a(b"},
		{"private use", "a\ue000\U000f0000b", "ab", "ab"},
		{"markup", `<b>Tom & Jerry</b> &lt;`, `<b>Tom & Jerry</b> &lt;`, `‹b›Tom and Jerry‹/b› +lt;`},
		{"an option", "--icon=/x", "--icon=/x", "–-icon=/x"},
		{"an option behind nothing", " \u200b-u", "-u", "–u"},
		{"script", `" & (do shell script "id") & "`, `" & (do shell script "id") & "`, `" and (do shell script "id") and "`},
		{"nothing", "\u200b\n", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := clean(notify.Alert{Body: test.in}, "darwin").Body; got != test.mac {
				t.Errorf("macOS: %q, want %q", got, test.mac)
			}
			if got := clean(notify.Alert{Body: test.in}, "linux").Body; got != test.linux {
				t.Errorf("Linux: %q, want %q", got, test.linux)
			}
		})
	}
}

func TestTitleIsOneLine(t *testing.T) {
	got := clean(notify.Alert{Title: " 24\u00a0minutes\n \u200b left\r\nto & fro "}, "darwin").Title
	if want := "24 minutes left to & fro"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCut(t *testing.T) {
	alert := clean(notify.Alert{Title: strings.Repeat("ü", 121), Body: strings.Repeat("ü", 5000)}, "darwin")
	if want := strings.Repeat("ü", 119) + "…"; alert.Title != want {
		t.Errorf("title %q", alert.Title)
	}
	if want := strings.Repeat("ü", 999) + "…"; alert.Body != want {
		t.Errorf("body of %d characters", utf8.RuneCountInString(alert.Body))
	}
	if exact := strings.Repeat("x", 120); clean(notify.Alert{Title: exact}, "darwin").Title != exact {
		t.Error("a title of just the right length was cut")
	}
}

// escape matches the escapes of a quoted Go string that AppleScript does not have.
// A backslash of the text itself is always doubled.
var escape = regexp.MustCompile(`^(?:[^\\]|\\[\\"n])*\\[^\\"n]`)

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "24 min left", "a\u00a0b\u200bc\xff", `\x41 \\u "q"`, "<b>&\n-x", "- \u2028-", "\u0085 a  b", "\ufffd"} {
		f.Add(seed, seed)
	}
	hostile.Fuzz(f, func(t *testing.T, title, body string) {
		if len(title)+len(body) > 2*maxInput {
			t.Skip() // ReadAlert refuses it
		}
		for _, goos := range []string{"darwin", "linux"} {
			got := clean(notify.Alert{Title: title, Body: body}, goos)
			for _, text := range []string{got.Title, got.Body} {
				if quoted := strconv.Quote(text); escape.MatchString(quoted) {
					t.Errorf("%s: AppleScript cannot read %s", goos, quoted)
				}
				if goos == "linux" && (strings.ContainsAny(text, "<>&") || strings.HasPrefix(text, "-")) {
					t.Errorf("markup or an option left in %q", text)
				}
			}
			if strings.Contains(got.Title, "\n") || utf8.RuneCountInString(got.Title) > maxTitle || utf8.RuneCountInString(got.Body) > maxBody {
				t.Errorf("%s: too long, or a title of two lines: %+v", goos, got)
			}
			if again := clean(got, goos); again != got {
				t.Errorf("%s: cleaned again %+v became %+v", goos, got, again)
			}
		}
	})
}
