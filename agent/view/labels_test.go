package view

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// eachLanguage has a tag of macOS for each language of the table, and an unknown one.
var eachLanguage = []string{"", "de-AT", "fr-FR", "es-ES", "it-IT", "nl-NL", "pt-BR", "pl-PL", "ja-JP", "ko-KR", "zh-Hans-CN", "zh-Hant-TW"}

// inLanguage returns a status of a Mac with this language.
func inLanguage(st approval.Status, tag string) approval.Status {
	st.Mac.Language = tag
	return st
}

func TestLanguageOf(t *testing.T) {
	for tag, want := range map[string]string{
		"de": german, "de-AT": german, "de-CH": german, "del": "", "deu": "", "DE": "",
		"fr": french, "fr-BE": french, "fr-CA": "",
		"es": spanish, "es-ES": spanish, "es-419": "", "es-MX": "",
		"it-CH": italian, "nl-BE": dutch, "pl-PL": polish, "ja-JP": japanese, "ko-KR": korean,
		"pt": brazilian, "pt-BR": brazilian, "pt-PT": "",
		"zh-Hans": simplified, "zh-Hans-CN": simplified, "zh-Hans-HK": simplified, "zh-CN": simplified,
		"zh-Hant": traditional, "zh-Hant-TW": traditional, "zh-TW": traditional, "zh-Hant-HK": "", "zh-HK": "", "zh-Hant-MO": "",
		"": "", "en-US": "", "en": "", "sv-SE": "", "zh": "",
	} {
		if got := languageOf(tag); got != want {
			t.Errorf("%q is %q, want %q", tag, got, want)
		}
	}
	known := map[string]bool{}
	for _, tag := range eachLanguage[1:] {
		known[languageOf(tag)] = true
	}
	for _, l := range labels {
		if !known[l.language] {
			t.Errorf("no tag leads to %s", l.language)
		}
	}
}

// An unsure label has the English one beside it, and an unknown one is in English.
func TestOnScreen(t *testing.T) {
	for _, tt := range []struct{ tag, format, want string }{
		{"de-DE", "open {Privacy & Security} and click {Allow}", "open Datenschutz & Sicherheit and click Erlauben"},
		{"pl", "click {Allow}", "click Pozwól (Allow)"},
		{"de", "choose {Menu Bar}", "choose Menu Bar"},
		{"", "click {Allow}", "click Allow"},
		{"pt-PT", "click {Allow}", "click Allow"},
		{"ja", "{General} > {Security}", "一般 > セキュリティ"},
	} {
		if got := OnScreen(probe.Mac{Language: tt.tag}, tt.format); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.tag, got, tt.want)
		}
	}
	if got := OnScreen(probe.Mac{Language: "de"}, "click {Allow} for %s", "{Allow}"); got != "click Erlauben for {Allow}" {
		t.Errorf("a foreign name: %q", got)
	}
}

// notFound are labels of which no source shows a translation.
var notFound = []string{"Details…", "Enable system extensions…", "File System Extensions", "Menu Bar", "Notifications"}

// placeForm matches a place for one of Apple's labels in a text: "{Allow}".
var placeForm = regexp.MustCompile(`\{[^{}]+\}`)

// Each label in a text is in the table, and each label in the table is in a text. So is
// each language: a place with a spelling mistake would be shown in English.
func TestLabelsOfTheTexts(t *testing.T) {
	used := map[string]bool{}
	for _, folder := range []string{".", ".."} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(source, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil || strings.HasPrefix(literal.Value, "`") { // an expression or a template
					return true
				}
				for _, place := range placeForm.FindAllString(text, -1) {
					used[strings.Trim(place, "{}")] = true
				}
				return true
			})
		}
	}
	inTable := map[string]bool{}
	for _, of := range labels {
		language, seen := of.language, map[string]bool{}
		for _, l := range of.rows {
			switch {
			case l.english == "" || l.text == "" || l.source == "":
				t.Errorf("%s: an incomplete row: %+v", language, l)
			case l.confidence != approval.Sure && l.confidence != approval.Likely && l.confidence != approval.Unsure:
				t.Errorf("%s, %s: confidence %q", language, l.english, l.confidence)
			case (l.confidence == approval.Sure) != strings.HasPrefix(l.source, "support.apple.com/"):
				t.Errorf("%s, %s: %s from %s", language, l.english, l.confidence, l.source)
			case seen[l.english]:
				t.Errorf("%s has two rows for %s", language, l.english)
			case strings.ContainsAny(l.text, "{}%") || l.text != strings.TrimSpace(l.text) || l.text != Clean(l.text):
				t.Errorf("%s: %q is not a label", language, l.text)
			case !used[l.english]:
				t.Errorf("%s: no text has the label %s", language, l.english)
			}
			seen[l.english], inTable[l.english] = true, true
		}
		for _, need := range []string{"System Preferences", "Security & Privacy", "System Settings", "Privacy & Security", "General", "Allow"} {
			if !seen[need] {
				t.Errorf("%s has no %s", language, need)
			}
		}
	}
	for name := range used {
		if inTable[name] == slices.Contains(notFound, name) {
			t.Errorf("the label %s of a text: in the table %v, listed as not found %v", name, inTable[name], !inTable[name])
		}
	}
	for _, name := range notFound {
		if !used[name] {
			t.Errorf("no text has the label %s", name)
		}
	}
}

// docs/labels.md has the same rows in the same order.
func TestLabelsInTheDocuments(t *testing.T) {
	var want strings.Builder
	for _, l := range labels {
		fmt.Fprintf(&want, "## %s\n\n| English | label | confidence | source |\n|---|---|---|---|\n", l.language)
		for _, row := range l.rows {
			fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", row.english, row.text, row.confidence, row.source)
		}
		want.WriteString("\n")
	}
	page, err := os.ReadFile("../../docs/labels.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, tables, _ := strings.Cut(string(page), "\n## "); "## "+tables+"\n" != want.String() {
		t.Errorf("the tables of docs/labels.md differ. They should be:\n%s", want.String())
	}
}

// What a person reads whose Mac speaks German, and Polish, of which labels are unsure.
func TestWordsWithLabels(t *testing.T) {
	var out strings.Builder
	for _, tag := range []string{"de-AT", "pl-PL"} {
		for _, macOS := range []string{"12.7.6", "26.2"} {
			st := inLanguage(otherStatus("macFUSE", approval.BlockedOpen, macOS, probe.AppleSilicon), tag)
			p := &st.Products[0]
			p.Reasons = []approval.Reason{{Code: approval.ReasonPaneOpen, Severity: approval.Obstacle}}
			n := approval.Notice{Event: approval.WindowOpened, Product: *p, Window: p.Window}
			fmt.Fprintf(&out, "=== %s, macOS %s\n", tag, macOS)
			fmt.Fprintf(&out, "why   %s\nnext  %s\nnote  %s\n", Why(*p, st), Next(*p, st), Reasons(*p, st)[0].Text)
			for _, tray := range []bool{true, false} {
				a := Alert(n, st, tray)
				fmt.Fprintf(&out, "alert %s: %s\n", a.Title, a.Body)
			}
			fmt.Fprintf(&out, "event %s\n", EventText(n, st.Mac))
			q := Dialog(n, st)
			fmt.Fprintf(&out, "ask   %s\n      %s\n", strings.ReplaceAll(q.Text, "\n", "\n      "), strings.Join(q.Buttons, " | "))
			menu := Menu(st, around)
			fmt.Fprintf(&out, "menu  %s\n      %s\n      %s\n", menu.Primary.Label, strings.Join(menu.Next, "\n      "), strings.Join(menu.Details, "\n      "))
			st.Products[0].Verdict = approval.NeedsRecovery
			fmt.Fprintf(&out, "%s\n\n", NewGuide(st.Products[0], st).Text(100))
		}
	}
	golden(t, "testdata/labels.txt", out.String())
}

// The menu fits in every language: no text is missing or too long.
func TestMenuFits(t *testing.T) {
	inside := func(where, what, text string, most int) {
		if n := utf8.RuneCountInString(text); n == 0 || n > most || strings.ContainsAny(text, "{}") {
			t.Errorf("%s: %s has %d characters: %q", where, what, n, text)
		}
	}
	for _, tag := range eachLanguage {
		for _, macOS := range []string{"10.15.7", "12.7.6", "26.2"} {
			for _, v := range approval.Verdicts {
				st := inLanguage(statusWith(v, macOS), tag)
				st.Contact = approval.Contact{Organization: strings.Repeat("Acme ", 12), URL: "tel:4321"}
				where := fmt.Sprintf("%q, macOS %s, %s", tag, macOS, v)
				inside(where, "the state", State(st.Products[0]), 48)
				menu := Menu(st, around)
				if menu.Primary.Label != "" {
					inside(where, "the first entry", menu.Primary.Label, lineLength)
				}
				for action, item := range menu.Items {
					if item.Label != "" || action != notify.Ignore {
						inside(where, string(action), item.Label, lineLength)
					}
				}
				for _, line := range slices.Concat(menu.Next, menu.Details) {
					inside(where, "a line", line, lineLength)
				}
				for _, button := range Dialog(approval.Notice{Event: approval.WindowReminder, Product: st.Products[0], Window: &approval.Window{}}, st).Buttons {
					inside(where, "a button", button, 40)
				}
			}
		}
	}
}

// A plural is a text of its own: no text glues an "s" to a word.
func TestPluralsAreTexts(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, glued := range []string{`+ "s"`, `, "s")`, `%ss `} {
			if !strings.HasSuffix(file, "_test.go") && strings.Contains(string(source), glued) {
				t.Errorf("%s has %s: use count", file, glued)
			}
		}
	}
}
