//go:build mutations

package approval_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The tables and the functions whose rows, cases and conditions are taken out.
var (
	mutatedTables = []string{"verdicts", "Catalog", "verdictChanges", "windowEnd", "lostTimes", "allowedRule", "parallelsProducts", "Proofs", "contradictions", "bars", "briefEvents", "kextUpgrades", "parallelsUpgrades"}
	mutatedFuncs  = []string{
		"failure", "kextVerdict", "blockedVerdict", "itemVerdict", "productVerdict", "need", "replaced", "scan", "newSince", "evidence",
		"noteLost", "blockedSinceLastRead", "overrule", "attemptFailed", "runsWithout", "runningWithoutSince", "confirmed", "uncertain", "collected", "compareCollected", "reported", "reportedBefore",
		"lastAttempt", "loadedVersion", "allowedBy", "kext", "rememberKext", "rememberApproval", "rememberOutcomes", "rememberVersion", "rememberCollection", "rememberLoad", "unanswered", "madeForOlder",
		"brief", "atStart", "tellBriefly", "leftover", "superseded", "blockedLongAgo", "hasNoCode", "bootPolicyForbids", "fromApple", "mayHaveButton",
		"foresee", "setLater", "asksAgain", "newsOf", "offers",
	}
)

// survivors are the mutants that no test of this package notices, each with the reason.
var survivors = map[string]string{}

// A mutant is the package with one row, case or condition less.
type mutant struct {
	name string
	file string
	text []byte
}

// Every row of the tables and every case of the rules is held by a test: the tests of the
// package, with few sequences and combinations, fail if it is taken out.
func TestMutations(t *testing.T) {
	dir := t.TempDir()
	if out, ok := testWith(dir, mutant{}); !ok {
		t.Fatalf("without a mutation:\n%s", out)
	}
	all := mutants(t)
	t.Logf("%d mutants", len(all))
	var mu sync.Mutex
	var killed, invalid, survived []string
	var workers sync.WaitGroup
	next := make(chan mutant)
	for i := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			dir := filepath.Join(dir, fmt.Sprint(i))
			for m := range next {
				out, ok := testWith(dir, m)
				mu.Lock()
				switch {
				case ok:
					t.Logf("no test fails without %s", m.name)
					survived = append(survived, m.name)
				case strings.Contains(out, "[build failed]"):
					invalid = append(invalid, m.name)
				default:
					killed = append(killed, m.name)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		next <- m
	}
	close(next)
	workers.Wait()
	slices.Sort(survived)
	for _, name := range survived {
		if reason := survivors[name]; reason == "" {
			t.Errorf("no test fails without %s", name)
		}
	}
	for name := range survivors {
		if slices.Contains(killed, name) {
			t.Errorf("%s is a survivor, and a test fails without it", name)
		}
	}
	t.Logf("%d mutants: %d killed, %d survived, %d do not compile", len(all), len(killed), len(survived), len(invalid))
	for _, name := range invalid {
		t.Logf("does not compile without %s", name)
	}
}

// testWith runs the tests of the package, with m in the place of its file: first the quick
// ones, and if none of them fails, more.
func testWith(dir string, m mutant) (out string, ok bool) {
	args := []string{"test", "-vet=off", "-count=1", "-failfast"}
	if m.file != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err.Error(), false
		}
		file, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
		here, _ := filepath.Abs(m.file)
		data, _ := json.Marshal(map[string]map[string]string{"Replace": {here: file}})
		if err := os.WriteFile(file, m.text, 0o644); err != nil {
			return err.Error(), false
		}
		if err := os.WriteFile(overlay, data, 0o644); err != nil {
			return err.Error(), false
		}
		args = append(args, "-overlay", overlay)
	}
	for _, size := range [][]string{{"-walks=40", "-every=61", "-depth=2", "-skip=Many|EveryWindow"}, {"-walks=400", "-every=7", "-depth=2", "-skip=LinearTime"}} {
		text, err := exec.Command("go", slices.Concat(args, []string{"."}, size)...).CombinedOutput()
		if err != nil {
			return string(text), false
		}
	}
	return "", true
}

// mutants returns a mutant for each row of the tables, and for each case and condition of
// the functions. The environment variable MUTANT chooses among them by a regular
// expression.
func mutants(t *testing.T) []mutant {
	chosen, err := regexp.Compile(os.Getenv("MUTANT"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	var all []mutant
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		at := func(p token.Pos) int { return set.Position(p).Offset }
		source := func(n ast.Node) string {
			return string(bytes.Join(bytes.Fields(text[at(n.Pos()):at(n.End())]), []byte(" ")))
		}
		add := func(what string, from, to token.Pos, instead string) {
			mutated := slices.Concat(text[:at(from)], []byte(instead), text[at(to):])
			if what = strings.TrimSpace(what); chosen.MatchString(what) {
				all = append(all, mutant{what, name, mutated})
			}
		}
		short := func(s string) string { return s[:min(len(s), 100)] }
		rows := func(table string, list *ast.CompositeLit) {
			for i, row := range list.Elts {
				to := row.End()
				if i+1 < len(list.Elts) {
					to = list.Elts[i+1].Pos()
				} else if text[at(to)] == ',' {
					to++
				}
				add(table+": "+short(source(row)), row.Pos(), to, "")
			}
		}
		never := func(where string, condition ast.Expr) {
			add(where+": "+short(source(condition)), condition.Pos(), condition.End(), "(false && ("+string(text[at(condition.Pos()):at(condition.End())])+"))")
		}
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					v, ok := spec.(*ast.ValueSpec)
					if !ok || len(v.Values) != 1 || !slices.Contains(mutatedTables, v.Names[0].Name) {
						continue
					}
					if list, ok := v.Values[0].(*ast.CompositeLit); ok {
						found[v.Names[0].Name] = true
						rows(v.Names[0].Name, list)
					}
				}
			case *ast.FuncDecl:
				if !slices.Contains(mutatedFuncs, d.Name.Name) {
					continue
				}
				found[d.Name.Name] = true
				ast.Inspect(d.Body, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.SwitchStmt:
						if n.Tag != nil {
							for _, c := range n.Body.List {
								add(d.Name.Name+": "+short(source(c)), c.Pos(), c.End(), "")
							}
							return true
						}
						for _, c := range n.Body.List {
							for _, condition := range c.(*ast.CaseClause).List {
								never(d.Name.Name, condition)
							}
						}
					case *ast.IfStmt:
						never(d.Name.Name, n.Cond)
					case *ast.CompositeLit:
						if _, ok := n.Type.(*ast.MapType); ok {
							rows(d.Name.Name, n)
						}
					}
					return true
				})
			}
		}
	}
	for _, name := range slices.Concat(mutatedTables, mutatedFuncs) {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
	return all
}
