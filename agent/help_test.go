package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// A new command must have a group, or be known as internal.
func TestEveryCommandHasAGroup(t *testing.T) {
	in := &invocation{}
	var internal []string
	for _, cmd := range in.commands().Commands() {
		if cmd.Hidden {
			internal = append(internal, cmd.Name())
		}
	}
	slices.Sort(internal)
	if want := []string{"man", "post", "read-policy"}; !slices.Equal(internal, want) {
		t.Errorf("the internal commands are %q, want %q", internal, want)
	}
}

// The paragraphs of a help text fit a usual terminal. Tables are indented and may be wider.
func TestHelpFitsATerminal(t *testing.T) {
	const columns = 92
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Long) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns && !strings.HasPrefix(line, "  ") {
				t.Errorf("%s has a line of %d columns, want at most %d: %s", cmd.CommandPath(), n, columns, line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&invocation{}).commands())
}
