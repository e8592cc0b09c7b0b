package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"kextwatch/probe/mactest/size"
)

// The race detector does not watch the packages of NOT_RACED in the Makefile. A package
// also holds its own copies of the generic code of others that it uses, for example of
// sync.Map, and the linker keeps one copy. If it keeps the copy of a package that is not
// watched, the race detector does not see the locks in it and reports races that are
// none. So these packages must hold no code of others.
func TestGoPackagesThatAreNotRaced(t *testing.T) {
	line := regexp.MustCompile(`(?m)^NOT_RACED = (.+)$`).FindStringSubmatch(fileText(t, "../Makefile"))
	if line == nil {
		t.Fatal("the Makefile has no line NOT_RACED")
	}
	packages := strings.Fields(line[1])
	args := []string{"list", "-export", "-f", "{{.ImportPath}} {{.Export}}"}
	if size.Raced {
		args = append(args, "-race")
		for _, name := range packages {
			args = append(args, "-gcflags="+name+"=-race=false")
		}
	}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Stderr = t.Output()
	list, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	for line := range strings.Lines(string(list)) {
		name, archive, _ := strings.Cut(strings.TrimSpace(line), " ")
		symbols, err := exec.Command("go", "tool", "nm", archive).Output()
		if err != nil {
			t.Fatalf("%s: go tool nm: %v", name, err)
		}
		own := 0
		for symbol := range strings.Lines(string(symbols)) {
			_, code, is := strings.Cut(strings.TrimSpace(symbol), " T ")
			switch {
			case !is || strings.HasPrefix(code, "type:.eq.") || strings.HasPrefix(code, "go:"):
			case strings.HasPrefix(code, name+"."):
				own++
			default:
				t.Errorf("%s holds code of another package: %s", name, code)
			}
		}
		if own == 0 {
			t.Errorf("%s has no code: its symbols were not read", name)
		}
	}
}
