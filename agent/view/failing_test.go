package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// testdata/failing.txt shows what is said where an approval is not the whole answer:
// why an approved extension does not load, and what became of an approval.
func TestWordsBesideAnApproval(t *testing.T) {
	type row struct {
		name    string
		verdict approval.Verdict
		change  func(p *approval.Product, k *approval.Kext)
	}
	var rows []row
	for _, outcome := range probe.Failures {
		rows = append(rows, row{string(outcome), approval.LoadFailing, func(_ *approval.Product, k *approval.Kext) { k.Failure = outcome }})
	}
	for _, rule := range approval.Proofs {
		if rule == approval.RuleFailure {
			continue
		}
		if proofWords[rule] == nil {
			t.Errorf("the proof %s has no words", rule)
		}
		rows = append(rows, row{string(rule), approval.LoadFailing, func(p *approval.Product, _ *approval.Kext) { p.Proof = rule }})
	}
	rows = append(rows,
		row{"excluded", approval.CannotLoad, func(_ *approval.Product, k *approval.Kext) { k.Failure = probe.Excluded }},
		row{"the approval is gone", approval.Unknown, func(_ *approval.Product, k *approval.Kext) { k.Lost = true }},
		row{"the approval is gone, and the row says no", approval.BlockedUnknown, func(_ *approval.Product, k *approval.Kext) { k.Lost = true }},
		row{"no decision", approval.Unknown, func(_ *approval.Product, k *approval.Kext) { k.Recorded = true }},
		row{"not seen loaded", approval.Approved, func(p *approval.Product, _ *approval.Kext) { p.Uncertain = true }},
		row{"an older version is loaded", approval.Approved, func(_ *approval.Product, k *approval.Kext) { k.LoadedVersion = "14.1.3 45485" }},
	)
	if len(failureWords) != len(probe.Failures) {
		t.Errorf("%d rows of words for %d failures", len(failureWords), len(probe.Failures))
	}
	var out strings.Builder
	for _, r := range rows {
		for _, macOS := range []string{"10.15.7", "12.7.6"} {
			st := statusWith(r.verdict, macOS)
			st.Source = probe.Database
			p := &st.Products[0]
			r.change(p, &p.Items[0].Kexts[0])
			fmt.Fprintf(&out, "=== %s, %s, macOS %s\n%s\n%s\n%s\nalert: %s\n", r.name, r.verdict, macOS, State(*p), Why(*p, st), Next(*p, st), nextInShort(*p, st))
			for _, d := range slices.Concat(Menu(st, around).Next, Menu(st, around).Details) {
				fmt.Fprintf(&out, "menu: %s\n", d)
				if utf8.RuneCountInString(d) > lineLength {
					t.Errorf("%s: a menu line of more than %d characters: %q", r.name, lineLength, d)
				}
			}
			out.WriteString("\n")
		}
	}
	golden(t, "testdata/failing.txt", out.String())
}
