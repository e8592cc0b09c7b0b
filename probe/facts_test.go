package probe

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each fact is listed in Facts, and code outside of package view reports it as
// missing. No code writes the name of a fact as text.
func TestEachFactIsReported(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^\t(Fact\w+)\s+Fact = "([^"]+)"`)
	asText := regexp.MustCompile(`\b(gap|toolGap|unless)\("|Source:\s+"`)
	source, err := os.ReadFile("facts.go")
	if err != nil {
		t.Fatal(err)
	}
	facts := declared.FindAllStringSubmatch(string(source), -1)
	if len(facts) != len(Facts) {
		t.Errorf("%d facts are declared, but %d are listed", len(facts), len(Facts))
	}
	used := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "build", "bin"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.ToSlash(path), "agent/view/") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, fact := range facts {
			if regexp.MustCompile(`probe\.` + fact[1] + `\b`).Match(data) {
				used[fact[1]] = true
			}
		}
		if found := asText.Find(data); found != nil && strings.Contains(string(data), "probe.Gap") {
			t.Errorf("%s names a fact by text: %s; want a constant", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range facts {
		if !slices.Contains(Facts, Fact(fact[2])) {
			t.Errorf("%s is not listed in Facts", fact[1])
		}
		if !used[fact[1]] {
			t.Errorf("no code reports %s as missing", fact[1])
		}
	}
}
