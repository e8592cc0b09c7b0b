package main

import (
	"slices"
	"testing"
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
