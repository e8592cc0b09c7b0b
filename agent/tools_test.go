package main

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kextwatch/agent/loop"
	"kextwatch/launchd"
	"kextwatch/notify"
	"kextwatch/notify/desktop"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// mayStartPrograms are the folders whose source may start a process.
var mayStartPrograms = []struct{ folder, because string }{
	{"probe/tool", "does it for the whole program"},
	{"assets/bundle", "packs the app, on a developer's machine: it asks the go command for the licenses"},
	{"notify/tray/desk", "plays a desktop for the tests"},
	{"probe/mactest", "runs a test again as an ordinary user"},
}

// starters are the functions of the standard library, and of its extension,
// that start a process. os/exec is refused as a whole.
var starters = map[string][]string{
	"os":                    {"StartProcess"},
	"syscall":               {"Exec", "ForkExec", "StartProcess", "RawSyscall", "RawSyscall6", "Syscall", "Syscall6"},
	"golang.org/x/sys/unix": {"Exec", "RawSyscall", "RawSyscall6", "Syscall", "Syscall6"},
}

// Only these folders start programs with a guard, a time limit and an output limit.
func TestOnlyProbeToolStartsPrograms(t *testing.T) {
	used := map[string]bool{}
	for path, source := range sourceFiles(t) {
		folder := filepath.Dir(path)
		exempt := slices.ContainsFunc(mayStartPrograms, func(m struct{ folder, because string }) bool { return m.folder == folder })
		for _, what := range startsPrograms(source) {
			used[folder] = true
			if !exempt {
				t.Errorf("%s uses %s: run the program by probe/tool", path, what)
			}
		}
	}
	for _, m := range mayStartPrograms {
		if !used[m.folder] {
			t.Errorf("%s no longer starts a program: remove it from the list", m.folder)
		}
	}
	hostile := "package x\nimport (\n. \"os\"\ns \"syscall\"\n_ \"os/exec\"\n)\nfunc f() { s.Exec(``, nil, nil) }"
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", hostile, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if got := startsPrograms(file); !slices.Equal(got, []string{". os", "os/exec", "syscall.Exec"}) {
		t.Errorf("the test found %q", got)
	}
}

// startsPrograms returns the functions that a file uses to start a process.
func startsPrograms(file *ast.File) []string {
	var found []string
	names := map[string]string{} // in this file → import path
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		name := filepath.Base(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		_, risky := starters[path]
		switch {
		case path == "os/exec":
			found = append(found, path)
		case risky && name == ".":
			found = append(found, ". "+path)
		case risky:
			names[name] = path
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selected, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selected.X.(*ast.Ident); ok && slices.Contains(starters[names[x.Name]], selected.Sel.Name) {
			found = append(found, names[x.Name]+"."+selected.Sel.Name)
		}
		return true
	})
	return found
}

// sourceFiles returns all files of the repository except tests, by path.
func sourceFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "build", "testdata"}, entry.Name()):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files[strings.TrimPrefix(path, "../")], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// toolForm matches the path of a program.
var toolForm = regexp.MustCompile(`^/(?:usr/)?(?:local/)?(?:s?bin|libexec)/[A-Za-z0-9_-]+`)

// tools returns the programs that the source names and those that the documents name.
func tools(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for path, file := range sourceFiles(t) {
		if strings.HasPrefix(path, "probe/simmac/") || strings.HasPrefix(path, "notify/tray/desk/") { // they make tools for a simulated Mac
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					if name := toolForm.FindString(text); name != "" {
						found[name] = true
					}
				}
			}
			return true
		})
	}
	for _, code := range codeForm.FindAllString(fileText(t, "../docs/privacy.md"), -1) {
		if name := toolForm.FindString(strings.Trim(code, "`")); name != "" {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// This test starts nothing: its context is canceled.
func TestRootRunsNoToolOfAUser(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asRoot := tool.Runner{Root: "/"}

	all := tools(t)
	var refused []string
	for _, path := range all {
		if _, err := asRoot.Run(ctx, tool.Spec{Path: path}); errors.Is(err, tool.ErrAsRoot) {
			refused = append(refused, path)
		}
	}
	if !slices.Equal(refused, []string{"/usr/local/bin/kextwatch", "/usr/local/bin/prlctl"}) { // the first is only a link that root makes
		t.Errorf("root does not run %q", refused)
	}
	if len(all) < 20 || !slices.Contains(all, "/bin/launchctl") || !slices.Contains(all, "/usr/bin/osascript") {
		t.Errorf("the tools are %q", all)
	}

	m := root.FS{Root: "/"}
	_, elsewhere := launchd.Launchctl{Runner: asRoot, Tool: "/usr/local/bin/launchctl"}.Print(ctx, 0, probe.AgentLabel)
	_, _, start := mac.StartVM(ctx, m, "b0f4b3a0-0000-4000-8000-000000000000")
	refusals := map[string]error{"another launchctl": elsewhere, "prlctl start": start, "open -b": mac.OpenParallels(ctx, m, nil)}
	if program := trustedElsewhere(t); program != "" {
		refusals["RunOnChange"] = loop.NewHook(m, slog.New(slog.DiscardHandler)).Call(ctx, loop.HookCall{Program: program, Line: "{}"})
	}
	for name, err := range refusals {
		if err == nil || !strings.Contains(err.Error(), "as root") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, launchctl := launchd.Launchctl{Runner: asRoot, Tool: "/bin/launchctl"}.Print(ctx, 0, probe.AgentLabel)
	_, dialog := desktop.Dialogs{Root: "/"}.Ask(ctx, notify.Dialog{Buttons: []string{"OK"}})
	own := desktop.NewPoster("/Applications/kextwatch.app/Contents/MacOS/kextwatch", "/").Post(ctx, notify.Alert{Title: "t"})
	for name, err := range map[string]error{"launchctl": launchctl, "osascript": dialog, "kextwatch post": own} {
		absent := errors.Is(err, fs.ErrNotExist) || errors.Is(err, desktop.ErrNoDialog) // this is no Mac
		if !errors.Is(err, context.Canceled) && !absent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// trustedElsewhere returns a program that RunOnChange may name but that is not part
// of the system, usually the go command; "" if this machine has no such program.
func trustedElsewhere(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("go")
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err == nil {
		program, err = loop.TrustedProgram(root.FS{Root: "/"}, program)
	}
	if err != nil || strings.HasPrefix(program, "/usr/bin/") {
		t.Logf("no program to try RunOnChange with: %v", err)
		return ""
	}
	return program
}
