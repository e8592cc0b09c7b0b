package main

import (
	"testing"

	"kextwatch/agent/fleet"
)

// Each kind of profile has its form on the command line, in the same order.
func TestEveryProfileHasAForm(t *testing.T) {
	if len(profileForms) != len(fleet.ProfileKinds) {
		t.Fatalf("%d forms of %d kinds", len(profileForms), len(fleet.ProfileKinds))
	}
	for i, kind := range fleet.ProfileKinds {
		if form := profileForms[i]; form.kind != kind.Name || form.long == "" || form.example == "" {
			t.Errorf("the form of %s is %q", kind.Name, form.kind)
		}
	}
}
