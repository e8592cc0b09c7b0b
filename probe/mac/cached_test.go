package mac

import (
	"reflect"
	"testing"

	"kextwatch/probe"
)

func TestCached(t *testing.T) {
	gaps := []probe.Gap{{Err: "missing"}}
	var c cached[string, int]
	if c.has("") {
		t.Error("the zero value has an answer for the zero key")
	}
	c.set("a", 1, gaps)
	if !c.has("a") || c.value != 1 || !reflect.DeepEqual(c.gaps, gaps) {
		t.Errorf("after set: %+v", c)
	}
	if c.has("b") {
		t.Error("the answer for one key is used for another key")
	}
	c.set("b", 2, nil)
	if c.has("a") || !c.has("b") || c.value != 2 || c.gaps != nil {
		t.Errorf("after a second set: %+v", c)
	}
	c.set("c", 5, gaps)
	c.clear()
	if c.has("c") || c.value != 0 || c.gaps != nil {
		t.Errorf("after clear: %+v, want no answer", c)
	}
}

// A session that is not known yet is that of the same boot. Only another session is
// another boot.
func TestBoots(t *testing.T) {
	var b boots
	for i, step := range []struct {
		session string
		want    bootNumber
	}{{"", 0}, {"A", 0}, {"", 0}, {"A", 0}, {"B", 1}, {"", 1}, {"B", 1}, {"A", 2}} {
		if got := b.number(step.session); got != step.want {
			t.Errorf("step %d, session %q: boot %d, want %d", i, step.session, got, step.want)
		}
	}
}
