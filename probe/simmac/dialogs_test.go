package simmac_test

import (
	"os"
	"slices"
	"testing"

	"kextwatch/probe/simmac"
)

func TestDialogs(t *testing.T) {
	s := newSim(t, simmac.Options{})
	if shown, err := s.Dialogs(); err != nil || len(shown) != 0 {
		t.Errorf("a fresh Mac: %q, %v", shown, err)
	}
	ask := func(args ...string) string {
		out, errs, code := s.run("usr/bin/osascript", append([]string{"-e", "on run argv\ndisplay dialog 1\nend run"}, args...)...)
		if errs != "" || code != 0 {
			t.Errorf("osascript: %q, exit %d", errs, code)
		}
		return out
	}
	const nobody = "button returned:, gave up:true\n"
	if got := ask("60", "two\nlines", "", `\0 %s`); got != nobody {
		t.Errorf("answer %q, want none", got)
	}
	s.must(s.AnswerDialogs("Later"))
	if got := ask(); got != "button returned:Later, gave up:false\n" {
		t.Errorf("answer %q, want Later", got)
	}
	s.must(s.AnswerDialogs(""))
	if got := ask("x"); got != nobody {
		t.Errorf("answer %q, want none", got)
	}
	shown, err := s.Dialogs()
	want := [][]string{{"60", "two\nlines", "", `\0 %s`}, {}, {"x"}}
	if err != nil || !slices.EqualFunc(shown, want, slices.Equal) {
		t.Errorf("shown %q, %v; want %q", shown, err, want)
	}
	s.must(os.WriteFile(s.dir+"/private/var/db/kextwatch-sim/dialogs", nil, 0o644))
	if shown, err := s.Dialogs(); err != nil || len(shown) != 0 {
		t.Errorf("while the shell creates the record: %q, %v", shown, err)
	}
	s.must(os.WriteFile(s.dir+"/private/var/db/kextwatch-sim/dialogs", []byte("3\x00a\x00"), 0o644))
	if shown, err := s.Dialogs(); err == nil {
		t.Errorf("a damaged note: %q, want an error", shown)
	}
}
