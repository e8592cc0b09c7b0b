package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// A help text fits the usual width, in a pager, too. An example that were broken could not
// be copied.
func TestHelpFitsATerminal(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		var out strings.Builder
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
				t.Errorf("the help of %s has a line of %d columns, want at most %d: %s", cmd.CommandPath(), n, helpWidth, line)
			}
		}
		for line := range strings.Lines(cmd.Example) {
			if command, _, _ := strings.Cut(strings.TrimSpace(line), "  "); utf8.RuneCountInString("  "+command) > helpWidth {
				t.Errorf("%s: the help breaks the example %q", cmd.CommandPath(), command)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&invocation{}).commands())
}

// The lines of a paragraph are joined, so that no terminal shows some of them half full.
// Tables and headings stay.
func TestJoinedParagraphs(t *testing.T) {
	const text = "demo makes a Mac\nand plays.\n\nStories:\n  one\n      the first\n\nFlags:\n  -h\n"
	const want = "demo makes a Mac and plays.\n\nStories:\n  one\n      the first\n\nFlags:\n  -h\n"
	if got := joined(text); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every type of flag has words for its values, so that no error quotes a parser of Go.
func TestWantedValues(t *testing.T) {
	anything := []string{"string", "stringArray"}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			kind := f.Value.Type()
			if !slices.Contains(anything, kind) && wantedValues[kind] == "" {
				t.Errorf("%s: --%s has the type %s, which has no words", cmd.CommandPath(), f.Name, kind)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&invocation{}).commands())
}
