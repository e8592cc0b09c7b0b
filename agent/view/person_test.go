package view

import (
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Root sees whose settings and memory were used, and why these.
func TestExplainNamesThePerson(t *testing.T) {
	st := statusWith(approval.Approved, "12.7.6")
	if text := Explain(st, false).String(); strings.Contains(text, "As root") || NewDocument(st).User != nil {
		t.Errorf("an ordinary user got another one:\n%s", text)
	}
	for by, want := range map[probe.ChosenBy]string{
		probe.AtScreen: "of anna, who is at the screen",
		probe.LastUser: "of anna, who was at the screen last",
		probe.OnlyUser: "of anna, the only user of this Mac",
	} {
		st.Facts.Person = probe.Person{Name: "anna\x1b", By: by}
		if text := Explain(st, false).String(); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", by, want, text)
		}
		if user := NewDocument(st).User; user == nil || *user != (personDoc{"anna", by}) {
			t.Errorf("%s: the document has %+v", by, user)
		}
	}
	lose(&st, probe.FactOwnMemory)
	if Certain(st) {
		t.Error("the memory of the user cannot be read, and all looks well")
	}
}
