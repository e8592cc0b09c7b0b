package view

import (
	"bytes"
	"encoding/json"
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

	"kextwatch/agent/approval"
)

// The English catalogue is what the code says, no more and no less, and every
// other catalogue has the same keys with the same parts.
func TestCatalogues(t *testing.T) {
	keys := sentencesInCode(t)
	const english = "catalogue/en.json"
	if *update {
		own := map[string]string{}
		for _, key := range keys {
			own[key] = key
		}
		var data bytes.Buffer
		encoder := json.NewEncoder(&data)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "\t")
		if err := encoder.Encode(own); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(english, data.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("catalogue/*.json")
	if err != nil || !slices.Contains(files, english) {
		t.Fatalf("catalogues %q (%v), want %s among them", files, err, english)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]string
		if err := json.Unmarshal(data, &words); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, key := range keys {
			switch text, there := words[key]; {
			case !there:
				t.Errorf("%s lacks %q: run go test ./agent/view -update, and translate it", file, key)
			case file == english && text != key:
				t.Errorf("%s: %q stands for %q", file, text, key)
			case !slices.Equal(partForm.FindAllString(text, -1), partForm.FindAllString(key, -1)):
				t.Errorf("%s: %q has other parts than %q", file, text, key)
			}
		}
		for key := range words {
			if !slices.Contains(keys, key) {
				t.Errorf("%s: nobody says %q any more", file, key)
			}
		}
	}
}

var partForm = regexp.MustCompile(`%(\[[0-9]+\])?[a-z]|%%`)

// sentencesInCode are the keys that the code asks for. It also finds text that
// goes round the catalogue: two words in a row outside of say and count.
func sentencesInCode(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		said := map[*ast.BasicLit]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, _ := call.Fun.(*ast.Ident)
			if name == nil || name.Name != "say" && name.Name != "count" {
				return true
			}
			from, to := 0, 1
			if name.Name == "count" {
				from, to = 1, 3
			}
			for _, arg := range call.Args[from:to] {
				if lit, ok := arg.(*ast.BasicLit); ok {
					said[lit] = true
					text, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					keys = append(keys, text)
				}
			}
			return true
		})
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !said[lit] &&
				!slices.Contains(named, file) && twoWords.MatchString(lit.Value) {
				t.Errorf("%s: %s goes round the catalogue", fset.Position(lit.Pos()), lit.Value)
			}
			return true
		})
	}
	page, err := os.ReadFile("report.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range regexp.MustCompile(`say "([^"]+)"`).FindAllStringSubmatch(string(page), -1) {
		keys = append(keys, said[1])
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// named are files of names: places in System Settings keep Apple's own, and
// what could not be read has that of the package that read it.
var named = []string{"pane.go", "sources.go", "catalogue.go"}

var twoWords = regexp.MustCompile(`[A-Za-z]{2,}[,.]? [A-Za-z]{2,}`)

// A translation is spoken where the user's settings ask for it.
func TestSpeak(t *testing.T) {
	t.Cleanup(func() { words = nil })
	for _, languages := range [][]string{nil, {"en-GB", "xx"}, {"../catalogue/en", "", "xx", "en"}} {
		if err := Speak(languages); err != nil || words != nil {
			t.Errorf("Speak(%q) = %v with %d words, want plain English", languages, err, len(words))
		}
	}
	words = map[string]string{"cannot tell": "weiss nicht", "%d minutes": "%d Minuten", "1 minute": "eine Minute"}
	if got := State(approval.Product{Verdict: approval.Unknown}); got != "weiss nicht" {
		t.Errorf("state %q, want the translation", got)
	}
	if got := minutes(2) + ", " + minutes(1) + ", " + say("not installed"); got != "2 Minuten, eine Minute, not installed" {
		t.Errorf("said %q, want what is translated translated", got)
	}
}
