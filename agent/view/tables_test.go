package view

import (
	"maps"
	"slices"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// Every row of a table on the plain side has exactly one row of words here.
func TestEachRowHasWords(t *testing.T) {
	var codes []approval.ReasonCode
	for _, r := range approval.Catalogue {
		codes = append(codes, r.Code)
	}
	sameKeys(t, "reason", codes, reasonWords)
	sameKeys(t, "verdict", append(slices.Clone(approval.Verdicts), ""), verdictWords)
	sameKeys(t, "rule", approval.Rules, ruleWords)
	sameKeys(t, "menu action", slices.Concat(slices.Concat(notify.Sections...), notify.Snoozes), menuItems)
	for v, words := range verdictWords {
		if v != "" && (words.state == nil || words.why == nil || v.NeedsAction() && words.next == nil) {
			t.Errorf("verdict %s: state, why, or the next step is missing", v)
		}
	}
	for r, sentence := range ruleWords {
		if sentence == "" {
			t.Errorf("rule %s: the sentence is empty", r)
		}
	}
}

func sameKeys[K ~string, W any](t *testing.T, what string, plain []K, words map[K]W) {
	t.Helper()
	for _, key := range plain {
		if _, ok := words[key]; !ok {
			t.Errorf("%s %q has no words", what, key)
		}
	}
	for key := range maps.Keys(words) {
		if !slices.Contains(plain, key) {
			t.Errorf("there are words for the %s %q, which does not exist", what, key)
		}
	}
	if len(plain) != len(words) {
		t.Errorf("%d rows of words for %d of the kind %s", len(words), len(plain), what)
	}
}
