package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// decoders turn bytes from outside into values.
var decoders = []string{
	"json.Unmarshal", "json.NewDecoder", "xml.NewDecoder", "plist.Unmarshal", "root.DecodePlist", "root.DecodePlistWithin", "DecodePlist", "DecodePlistWithin",
	"ReadPlist", "ReadInfo", "WalkXML", "ReadGuarded",
}

// readers are the functions that interpret bytes from a file, a tool or a person:
// those that call a decoder, and parsers of text, as "probe/mac.parseLoaded".
func readers(t *testing.T) []string {
	t.Helper()
	parses := regexp.MustCompile(`^(parse|Parse|decode|answered|textLine|ReadAlert)`)
	var all []string
	for _, dir := range programFolders(t) {
		for _, file := range goFiles(t, dir) {
			source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range source.Decls {
				function, ok := declared.(*ast.FuncDecl)
				if !ok || function.Body == nil {
					continue
				}
				found := parses.MatchString(function.Name.Name)
				ast.Inspect(function.Body, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok {
						found = found || slices.Contains(decoders, called(call.Fun))
					}
					return true
				})
				if found {
					all = append(all, strings.TrimPrefix(filepath.ToSlash(dir), "../")+"."+function.Name.Name)
				}
			}
		}
	}
	return all
}

// called returns the name of a called function: "json.Unmarshal" of a package, and only
// "ReadPlist" of a method.
func called(function ast.Expr) string {
	switch f := function.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if from, ok := f.X.(*ast.Ident); ok {
			if name := from.Name + "." + f.Sel.Name; slices.Contains(decoders, name) {
				return name
			}
		}
		return f.Sel.Name
	}
	return ""
}

// docs/threat-model.md names only tests that exist, and every reader and every fuzz target.
func TestThreatModelIsTrue(t *testing.T) {
	document := fileText(t, "../docs/threat-model.md")
	exists := map[string]bool{}
	var targets []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, name := range testForm.FindAllStringSubmatch(fileText(t, path), -1) {
			if exists[name[1]] = true; strings.HasPrefix(name[1], "Fuzz") {
				targets = append(targets, name[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range namedTestForm.FindAllStringSubmatch(document, -1) {
		if !exists[name[1]] {
			t.Errorf("docs/threat-model.md names %s, which is not a test", name[1])
		}
	}
	for test := range checked {
		if test != "" && !exists[test] {
			t.Errorf("%s, which checks texts, is not a test", test)
		}
	}
	readers := readers(t)
	for _, name := range slices.Concat(readers, targets) {
		if !strings.Contains(document, "`"+name+"`") && !slices.Contains(notReaders, name) {
			t.Errorf("docs/threat-model.md does not name %s", name)
		}
	}
	for _, name := range namedReaderForm.FindAllStringSubmatch(document, -1) {
		if !slices.Contains(readers, name[1]) {
			t.Errorf("docs/threat-model.md names %s, which is not a reader", name[1])
		}
	}
}

var (
	testForm        = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	namedTestForm   = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	namedReaderForm = regexp.MustCompile("`((?:agent|launchd|notify|probe)(?:/[a-z]+)?\\.[A-Za-z]+)`")
)

// notReaders are functions with the name of a parser, and fuzz targets, that interpret
// nothing from outside.
var notReaders = []string{"probe/root.answered", "FuzzRedact", "FuzzWithoutKext"}
