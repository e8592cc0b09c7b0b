package view

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Each row of a table in approval, probe and notify has exactly one row of words.
func TestEachRowHasWords(t *testing.T) {
	var codes []approval.ReasonCode
	for _, r := range approval.Catalog {
		codes = append(codes, r.Code)
	}
	sameKeys(t, "reason", codes, reasonWords)
	sameKeys(t, "verdict", append(slices.Clone(approval.Verdicts), ""), verdictWords)
	sameKeys(t, "event", approval.Events, eventWords)
	sameKeys(t, "rule", approval.Rules, ruleWords)
	upgrades, results := map[approval.UpgradeRule]bool{}, map[approval.UpgradeResult]bool{}
	for _, words := range upgradeWords {
		upgrades[words.rule] = words.why != ""
	}
	for _, words := range upgradeStates {
		results[words.result] = true
	}
	sameKeys(t, "rule of an upgrade", approval.UpgradeRules, upgrades)
	sameKeys(t, "result of an upgrade", approval.UpgradeResults, results)
	sameKeys(t, "menu action", slices.Concat(slices.Concat(notify.Sections...), notify.Snoozes), menuItems)
	sameKeys(t, "fact", append(slices.Clone(probe.Facts), factPolicy, factMadeFor, factPane, factSettings), factWords)
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
			t.Errorf("the %s %q has words but does not exist", what, key)
		}
	}
	if len(plain) != len(words) {
		t.Errorf("%d rows of words for %d rows of the table %s", len(words), len(plain), what)
	}
}

// The check that a reason names exists, and each row of checks is complete.
func TestRowsOfChecks(t *testing.T) {
	ids := map[string]bool{}
	for _, row := range checks() {
		if ids[row.id] {
			t.Errorf("two checks have the ID %s", row.id)
		}
		ids[row.id] = true
		if (row.early != nil || row.reason != "") && row.unknown == "" || len(row.needs) > 0 && row.early == nil {
			t.Errorf("check %s: its row is incomplete", row.id)
		}
	}
	for _, r := range approval.Catalog {
		if !ids[r.Check] {
			t.Errorf("reason %s names the check %q, which does not exist", r.Code, r.Check)
		}
	}
}

// Two jobs start kextwatch at login. The check names the one that the user can remove.
func TestInstalledTwice(t *testing.T) {
	for running, want := range map[probe.Answer]string{probe.Yes: "Choose Open at Login in the kextwatch menu", probe.No: "Run kextwatch uninstall --keep-data"} {
		got := agentInstalled(checking{own: Own{Running: running, AtLogin: probe.LoginJob{State: probe.LoginReady, Twice: true}}})
		if got.Level != Warn || !strings.HasPrefix(got.Next, want) {
			t.Errorf("running %q: %+v, want a warning and %q", running, got, want)
		}
	}
}

// Each state of the job that starts kextwatch at login has words, and only one
// of them is ok.
func TestLoginJobWords(t *testing.T) {
	for state, want := range map[probe.LoginState]Level{
		"": Unsure, probe.LoginReady: Ok, probe.LoginAbsent: Warn, probe.LoginDamaged: Warn, probe.LoginRefused: Warn,
		probe.LoginProgramMissing: Warn, probe.LoginOtherProgram: Warn,
	} {
		got := agentInstalled(checking{own: Own{AtLogin: probe.LoginJob{State: state, Why: "why"}}})
		if got.Level != want || got.Summary == "" || want == Warn && (got.Next == "" || got.Detail != "why") {
			t.Errorf("state %q: %+v, want %s", state, got, want)
		}
	}
}
