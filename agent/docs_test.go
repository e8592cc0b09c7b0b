package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Files, pictures, headings, commands and make targets that the documents and the issue
// forms name exist.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	makefile := fileText(t, "../Makefile")
	program := (&invocation{}).commands()
	for _, path := range documents(t) {
		text := fileText(t, path)
		if filepath.Ext(path) == ".yml" {
			text = indent.ReplaceAllString(text, "") // there it does not mean code
		}
		for _, picture := range pictureForm.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), picture[1])); err != nil {
				t.Errorf("%s shows %s: %v", path, picture[1], err)
			}
		}
		for _, link := range linkForm.FindAllStringSubmatch(text, -1) {
			if strings.Contains(link[1], ":") { // not a file
				continue
			}
			target, heading, _ := strings.Cut(link[1], "#")
			if target = filepath.Join(filepath.Dir(path), target); strings.HasPrefix(link[1], "#") {
				target = path
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, link[1], err)
			} else if heading != "" && !slices.Contains(headings(fileText(t, target)), heading) {
				t.Errorf("%s links to %s, which has no such heading", path, link[1])
			}
		}
		for _, code := range codeForm.FindAllString(text, -1) {
			for _, name := range commandForm.FindAllStringSubmatch(code, -1) {
				if cmd, _, err := program.Find(name[1:]); err != nil || cmd == program && name[1] != "help" {
					t.Errorf("%s names kextwatch %s, which is not a command", path, name[1])
				}
			}
			for _, name := range makeForm.FindAllStringSubmatch(code, -1) {
				if !strings.Contains(makefile, "\n"+name[1]+":") {
					t.Errorf("%s names make %s, which is not a target", path, name[1])
				}
			}
		}
	}
}

var (
	linkForm    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pictureForm = regexp.MustCompile(` (?:src|srcset)="([^"]+)"`)
	indent      = regexp.MustCompile(`(?m)^ +`)
	codeForm    = regexp.MustCompile("`[^`\n]+`|(?m:^    .+$)")
	commandForm = regexp.MustCompile(`(?:^\x60?| |/)kextwatch ([a-z][a-z-]*)`)
	makeForm    = regexp.MustCompile(`(?:^[\x60 ]*)make ([a-z]+)`)
	notInSlug   = regexp.MustCompile(`[^a-z0-9 -]`)
)

// headings returns the anchors of a document, in GitHub's form.
func headings(text string) []string {
	var slugs []string
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			slug := notInSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			slugs = append(slugs, strings.ReplaceAll(slug, " ", "-"))
		}
	}
	return slugs
}

// Every decision is in the list of decisions.
func TestDecisionsAreListed(t *testing.T) {
	list := fileText(t, "../docs/decisions/README.md")
	for _, path := range documents(t) {
		if name := filepath.Base(path); filepath.Base(filepath.Dir(path)) == "decisions" && name != "README.md" && !strings.Contains(list, "("+name+")") {
			t.Errorf("%s is not listed", path)
		}
	}
}

// docs/privacy.md names every path of a Mac that the program reads, writes or
// executes. This test does not find paths below a home folder, because they are
// joined at run time.
func TestPrivacyNamesEveryPath(t *testing.T) {
	told := fileText(t, "../docs/privacy.md")
	macPath := regexp.MustCompile(`^/(bin|usr|System|Library|Applications|var|private|Users|dev)/.`)
	check := func(where, path string) {
		tool, _, _ := strings.Cut(path, " ") // a command with its arguments
		if macPath.MatchString(path) && !strings.ContainsAny(path, "[<") && !slices.Contains(searched, path) &&
			!strings.Contains(told, strings.TrimSuffix(path, "/")) && !strings.Contains(told, "`"+tool+"`") {
			t.Errorf("%s names %s, docs/privacy.md does not", where, path)
		}
	}
	dirs := programFolders(t)
	for _, dir := range []string{"../agent", "../probe", "../probe/policy", "../launchd"} {
		if !slices.Contains(dirs, dir) {
			t.Fatalf("no source in %s; found %q", dir, dirs)
		}
	}
	for _, dir := range dirs {
		names := token.NewFileSet()
		var sources []*ast.File
		for _, file := range goFiles(t, dir) {
			source, err := parser.ParseFile(names, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, source)
			ast.Inspect(source, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if path, err := strconv.Unquote(literal.Value); err == nil {
						check(file, path)
					}
				}
				return true
			})
		}
		if dir != "../probe" {
			continue
		}
		// The constants of paths.go are built from other constants.
		pkg, _ := (&types.Config{Error: func(error) {}}).Check(dir, names, sources, nil)
		constants := 0
		for _, name := range pkg.Scope().Names() {
			if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && c.Val().Kind() == constant.String {
				constants++
				check("probe."+name, constant.StringVal(c.Val()))
			}
		}
		if constants < 40 {
			t.Errorf("only %d constants of probe were checked", constants)
		}
	}
}

// programFolders are the folders of the program's source, without those of
// simulated Macs, of tests and of packing.
func programFolders(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if slices.Contains([]string{".git", ".github", "bin", "build", "docs", "testdata", "assets", "simmac", "mactest", "hostile", "tooltest", "settingstest", "desk"}, entry.Name()) {
			return filepath.SkipDir
		}
		if len(goFiles(t, path)) > 0 {
			dirs = append(dirs, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// goFiles are the source files of a folder, without its tests.
func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}

// searched are the folders of the system's programs, and /dev/null, which is empty.
var searched = []string{"/usr/bin", "/usr/sbin", "/usr/libexec", "/dev/null"}

func documents(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "build", "testdata"}, entry.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" || filepath.Base(filepath.Dir(path)) == "ISSUE_TEMPLATE" {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 3 {
		t.Fatalf("only %q are found", paths)
	}
	return paths
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A tag of another repository can be moved to other code, a commit cannot. The version
// stands beside it for people.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("workflows: %q, %v", files, err)
	}
	pinned := regexp.MustCompile(`uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v[0-9.]+$`)
	for _, file := range files {
		for line := range strings.Lines(fileText(t, file)) {
			if strings.Contains(line, "uses:") && !pinned.MatchString(strings.TrimSpace(line)) {
				t.Errorf("%s: not pinned by commit, with its version: %s", file, line)
			}
		}
	}
}
