package approval

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected output")

// The table has a row for every verdict, and names only events of the list.
// testdata/notices.txt shows the notices for every pair of verdicts.
func TestTellingTable(t *testing.T) {
	for _, v := range Verdicts {
		row, ok := verdictChanges[v]
		if !ok {
			t.Errorf("no row for the verdict %s", v)
		}
		for _, event := range slices.Concat(row.change.events, row.other.events) {
			if !slices.Contains(Events, event) {
				t.Errorf("%s: the event %q is not in Events", v, event)
			}
		}
		if (row.after == nil) != (row.other.events == nil) {
			t.Errorf("%s: after and other need each other", v)
		}
	}
	if len(verdictChanges) != len(Verdicts) {
		t.Errorf("%d rows for %d verdicts", len(verdictChanges), len(Verdicts))
	}
	var out strings.Builder
	for _, from := range append([]Verdict{""}, Verdicts...) {
		for _, to := range Verdicts {
			if from == to {
				continue
			}
			announced := Announced{Verdict: from, Before: from}
			_, notices := announced.tell(productAt(to), false, standard.Reminders, notSnoozed)
			name := string(from)
			if from == "" {
				name = "(first sight)"
			}
			fmt.Fprintf(&out, "%-16s %-16s", name, to)
			alerts := 0
			for _, n := range notices {
				fmt.Fprintf(&out, " %s%s", n.Event, []string{"", "!", "!!"}[n.Urgency])
				if n.Urgency != Silent {
					alerts++
				}
			}
			out.WriteString("\n")
			if (to.NeedsAction() || to == Unknown) && alerts != 1 {
				t.Errorf("%s → %s: %d alerts, want one", name, to, alerts)
			}
			if alerts > 1 {
				t.Errorf("%s → %s: %d alerts, want at most one", name, to, alerts)
			}
		}
	}
	const file = "testdata/notices.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the table differs from testdata/notices.txt. Read the difference, then run go test -update:\n%s", out.String())
	}
}

func productAt(v Verdict) Product {
	p := Product{Name: "Parallels Desktop", Verdict: v}
	if v == BlockedOpen {
		p.Window = &Window{Number: 1, Left: WindowLength}
		p.Items = []Item{{Key: "item", Verdict: v, Window: p.Window}}
	}
	return p
}

func TestEachNoticeIsSentOnce(t *testing.T) {
	for _, v := range Verdicts {
		p := productAt(v)
		announced, _ := Announced{}.tell(p, false, standard.Reminders, notSnoozed)
		if _, again := announced.tell(p, false, standard.Reminders, notSnoozed); len(again) > 0 {
			t.Errorf("%s: sent again: %+v", v, again)
		}
	}
}
