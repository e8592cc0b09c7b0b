package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/agent/settings"
	"kextwatch/agent/view"
)

// Each list of values in the shared parts of the schemas has exactly the values of the
// program: the constants of a type, or the rows of a table. A new value needs a place in
// the schema.
func TestSchemasListEveryValue(t *testing.T) {
	source := newSource(t)
	shared := sharedValues(t)
	for _, list := range []struct {
		values, pkg, name string
		extra             []string // values without a constant in that package
		unprinted         string   // a constant that only the program uses
	}{
		{"verdict", "agent/approval", "Verdict", nil, ""},
		{"basis", "agent/approval", "Basis", nil, ""},
		{"allowed_by", "agent/approval", "AllowedBy", []string{""}, ""}, // nobody
		{"answer", "probe", "Answer", nil, ""},
		{"architecture", "probe", "Arch", nil, ""},
		{"security", "probe", "Security", nil, ""},
		{"edition", "probe", "Edition", nil, ""},
		{"vm_state", "probe", "VMState", nil, ""},
		{"hypervisor", "probe", "Hypervisor", nil, ""},
		{"source_name", "probe", "SourceName", nil, ""},
		{"source_state", "probe", "SourceState", nil, ""},
		{"fact", "probe", "Fact", source.constants("agent/view", "Fact"), ""},
		{"severity", "agent/approval", "Severity", nil, ""},
		{"reason_code", "agent/approval", "ReasonCode", nil, ""},
		{"level", "agent/view", "Level", nil, ""},
		{"event", "agent/approval", "EventName", nil, ""},
		{"upgrade_result", "agent/approval", "UpgradeResult", nil, ""},
		{"upgrade_rule", "agent/approval", "UpgradeRule", nil, ""},
		{"confidence", "agent/approval", "Confidence", nil, ""},
		{"chosen_by", "probe", "ChosenBy", nil, ""},
		{"fleet_answer", "agent/fleet", "Answer", nil, ""},
		{"step_state", "agent/view", "StepState", nil, "missing"},
		{"retry_method", "agent/retry", "How", nil, ""},
		{"outcome", "probe", "Outcome", nil, ""},
	} {
		constants := source.constants(list.pkg, list.name)
		if i := slices.Index(constants, list.unprinted); list.unprinted != "" && i >= 0 {
			constants = slices.Delete(constants, i, i+1)
		}
		if len(constants) == 0 {
			t.Errorf("%s: no constant of %s.%s", list.values, list.pkg, list.name)
		}
		sameValues(t, list.values, shared[list.values], append(constants, list.extra...))
		delete(shared, list.values)
	}
	var checks, keys, origins, words, kinds, tools []string
	for _, check := range view.Checks(approval.Status{}, view.Own{}) {
		checks = append(checks, check.ID)
	}
	for _, key := range settings.Keys {
		keys = append(keys, key.Name)
	}
	for _, origin := range []settings.Origin{{}, {File: "settings.plist"}, {File: "settings.plist", Managed: true}} {
		origins = append(origins, origin.String())
	}
	for _, exit := range errorExits {
		words = append(words, cli.CodeWord(exit))
	}
	for _, kind := range fleet.ProfileKinds {
		kinds = append(kinds, kind.Name)
	}
	for _, kind := range fleetKinds() {
		tools = append(tools, kind.name)
	}
	for name, values := range map[string][]string{"check_id": checks, "setting": keys, "origin": origins, "error_code": words, "profile_kind": kinds, "fleet_kind": tools} {
		sameValues(t, name, shared[name], values)
		delete(shared, name)
	}
	for name := range shared {
		t.Errorf("%s is compared with nothing", name)
	}
}

// errorExits are the exit statuses that an error can have.
var errorExits = []int{cli.ExitUsage, cli.ExitUnavailable, cli.ExitDefect, cli.ExitInterrupted}

// sharedValues returns each list of values in the shared parts of the schemas.
func sharedValues(t *testing.T) map[string][]string {
	t.Helper()
	files, err := schemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	parts, _ := files[commonSchema].(map[string]any)
	defs, _ := parts["$defs"].(map[string]any)
	for name, part := range defs {
		values, ok := part.(map[string]any)["enum"].([]any)
		for _, value := range values {
			all[name] = append(all[name], value.(string))
		}
		if ok && len(values) == 0 {
			t.Errorf("%s has no value", name)
		}
	}
	if len(all) == 0 {
		t.Fatal("no list of values in the shared parts")
	}
	return all
}

// sameValues compares a list with the values that it must have, in any order.
func sameValues(t *testing.T, name string, got, want []string) {
	t.Helper()
	for _, value := range want {
		if !slices.Contains(got, value) {
			t.Errorf("%s: %q is missing", name, value)
		}
	}
	seen := map[string]bool{}
	for _, value := range got {
		if !slices.Contains(want, value) {
			t.Errorf("%s: %q does not exist", name, value)
		}
		if seen[value] {
			t.Errorf("%s: %q is there twice", name, value)
		}
		seen[value] = true
	}
}

// source reads the constants of our packages from their source, so that a constant that
// is in no table is found, too.
type source struct {
	t      *testing.T
	loaded map[string]*types.Package
}

func newSource(t *testing.T) *source { return &source{t, map[string]*types.Package{}} }

// constants returns the values of every constant of a type of text.
func (s *source) constants(pkg, name string) []string {
	s.t.Helper()
	loaded, err := s.Import(module + pkg)
	if err != nil {
		s.t.Fatal(err)
	}
	var values []string
	for _, constants := range loaded.Scope().Names() {
		c, ok := loaded.Scope().Lookup(constants).(*types.Const)
		if !ok || c.Val().Kind() != constant.String {
			continue
		}
		if of, ok := c.Type().(*types.Named); ok && of.Obj().Name() == name {
			values = append(values, constant.StringVal(c.Val()))
		}
	}
	return values
}

// Import makes a source an importer of its own packages. Those of others are empty: no
// constant depends on them.
func (s *source) Import(path string) (*types.Package, error) {
	if pkg, ok := s.loaded[path]; ok {
		return pkg, nil
	}
	dir, ours := strings.CutPrefix(path, module)
	if !ours {
		pkg := types.NewPackage(path, path[strings.LastIndex(path, "/")+1:])
		pkg.MarkComplete()
		s.loaded[path] = pkg
		return pkg, nil
	}
	names := token.NewFileSet()
	var files []*ast.File
	for _, file := range goFiles(s.t, "../"+dir) {
		parsed, err := parser.ParseFile(names, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, parsed)
	}
	pkg, err := (&types.Config{Importer: s, Error: func(error) {}}).Check(path, names, files, nil)
	if pkg == nil {
		return nil, err
	}
	s.loaded[path] = pkg
	return pkg, nil // err: what the packages of others would have
}

// The constants are found: also one that takes its value from another package.
func TestSourceFindsConstants(t *testing.T) {
	for _, c := range []struct{ pkg, name, value string }{
		{"agent/approval", "Basis", "retry"},
		{"agent/approval", "ReasonCode", "bad-ownership"},
		{"probe", "Outcome", ""},
	} {
		if got := newSource(t).constants(c.pkg, c.name); !slices.Contains(got, c.value) {
			t.Errorf("%s.%s: %q is not in %q", c.pkg, c.name, c.value, got)
		}
	}
	if got := newSource(t).constants("probe", "Nothing"); len(got) > 0 {
		t.Errorf("a type that does not exist has %q", got)
	}
}
