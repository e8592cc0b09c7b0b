package desktop

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"kextwatch/notify"
	"kextwatch/probe/hostile"
)

func TestReadAlert(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     notify.Alert
	}{
		{"title and body", "Parallels waits\nClick Allow.\nNow.", notify.Alert{Title: "Parallels waits", Body: "Click Allow.\nNow."}},
		{"title only", "Parallels waits", notify.Alert{Title: "Parallels waits"}},
		{"as much as fits", "t\n" + strings.Repeat("x", maxInput-2), notify.Alert{Title: "t", Body: strings.Repeat("x", maxInput-2)}},
	} {
		for _, urgent := range []bool{false, true} {
			test.want.Urgent = urgent
			got, err := ReadAlert(strings.NewReader(test.in), urgent)
			if err != nil || got != test.want {
				t.Errorf("%s: %.60v, %v", test.name, got, err)
			}
		}
	}
}

func TestReadAlertRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":  "",
		"no title": " \nbody",
		"too much": "t\n" + strings.Repeat("x", maxInput-1),
	} {
		if got, err := ReadAlert(strings.NewReader(in), false); err == nil || got != (notify.Alert{}) {
			t.Errorf("%s: %.60v, %v", name, got, err)
		}
	}
	broken := errors.New("broken")
	if _, err := ReadAlert(iotest.ErrReader(broken), false); !errors.Is(err, broken) {
		t.Errorf("a broken pipe: %v", err)
	}
}

func FuzzReadAlert(f *testing.F) {
	f.Add("title\nbody", true)
	f.Add("\n", false)
	hostile.Fuzz(f, func(t *testing.T, in string, urgent bool) {
		alert, err := ReadAlert(strings.NewReader(in), urgent)
		if err != nil {
			return
		}
		if strings.Contains(alert.Title, "\n") || alert.Urgent != urgent {
			t.Errorf("%+v", alert)
		}
		if whole := alert.Title + "\n" + alert.Body; whole != in && whole != in+"\n" {
			t.Errorf("%q became %+v", in, alert)
		}
	})
}
