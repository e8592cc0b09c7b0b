package loop

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// replacing is a program in its own folder, and a clock that the test moves.
type replacing struct {
	t   *testing.T
	b   *Binary
	now time.Time
}

func newReplacing(t *testing.T) *replacing {
	path := filepath.Join(t.TempDir(), "kextwatch")
	r := &replacing{t: t, now: time.Date(2026, 5, 6, 6, 0, 0, 0, time.UTC)}
	r.put(path, "old")
	r.b = NewBinary(path)
	return r
}

func (r *replacing) put(path, content string) {
	r.t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o755), os.Rename(path+".new", path)); err != nil {
		r.t.Fatal(err)
	}
}

// after checks again later and returns the result.
func (r *replacing) after(d time.Duration) string {
	r.now = r.now.Add(d)
	replaced, again := r.b.check(r.now)
	switch {
	case replaced:
		return "replaced"
	case len(r.b.gaps()) > 0:
		return "gone"
	case again > 0:
		return "soon"
	}
	return "same"
}

func (r *replacing) want(after time.Duration, want string) {
	r.t.Helper()
	if got := r.after(after); got != want {
		r.t.Errorf("%v later: %s, want %s", after, got, want)
	}
}

func TestBinaryIsReplaced(t *testing.T) {
	for name, story := range map[string]func(r *replacing){
		"nothing happens": func(r *replacing) {
			r.want(0, "same")
			r.want(time.Hour, "same")
		},
		"by rename": func(r *replacing) {
			r.put(r.b.path, "new")
			r.want(0, "soon")
			r.want(4*time.Second, "soon")
			r.want(time.Second, "replaced")
		},
		"checked late": func(r *replacing) {
			r.put(r.b.path, "new")
			r.want(10*time.Minute, "soon")
			r.want(10*time.Minute, "replaced")
		},
		"by a slow copy": func(r *replacing) {
			f, err := os.OpenFile(r.b.path, os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				r.t.Fatal(err)
			}
			defer f.Close()
			r.want(0, "soon")
			for range 5 {
				f.WriteString("part")
				r.want(4*time.Second, "soon")
			}
			r.want(5*time.Second, "replaced")
		},
		"by an empty file": func(r *replacing) {
			r.put(r.b.path, "")
			r.want(0, "soon")
			r.want(time.Hour, "same")
			r.put(r.b.path, "new")
			r.want(0, "soon")
			r.want(5*time.Second, "replaced")
		},
		"by a file that is not executable": func(r *replacing) {
			r.put(r.b.path, "new")
			os.Chmod(r.b.path, 0o644)
			r.want(0, "soon")
			r.want(time.Hour, "same")
		},
		"by a folder": func(r *replacing) {
			os.Remove(r.b.path)
			os.Mkdir(r.b.path, 0o755)
			r.want(0, "soon")
			r.want(time.Hour, "same")
		},
		"removed, and put back": func(r *replacing) {
			os.Rename(r.b.path, r.b.path+".away")
			r.want(0, "soon")
			r.want(5*time.Second, "gone")
			r.want(time.Hour, "gone")
			os.Rename(r.b.path+".away", r.b.path)
			r.want(0, "same")
		},
		"removed, and another one later": func(r *replacing) {
			os.Remove(r.b.path)
			r.want(0, "soon")
			r.want(5*time.Second, "gone")
			r.put(r.b.path, "new")
			r.want(time.Hour, "soon")
			r.want(5*time.Second, "replaced")
		},
		"the clock is set back": func(r *replacing) {
			r.put(r.b.path, "new")
			r.want(0, "soon")
			r.want(-time.Hour, "soon")
			r.want(5*time.Second, "replaced")
		},
	} {
		t.Run(name, func(t *testing.T) { story(newReplacing(t)) })
	}
}

func TestEarlier(t *testing.T) {
	for _, tt := range [][3]time.Duration{{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {3, 5, 3}} {
		if got := earlier(tt[0], tt[1]); got != tt[2] {
			t.Errorf("earlier(%v, %v) = %v, want %v", tt[0], tt[1], got, tt[2])
		}
	}
}

// The loop ends for a new program when the file is stable and all alerts are posted.
func TestLoopEndsForANewProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBubble()
		d.hang = make(chan struct{})
		r := newReplacing(t)
		edges := d.edges()
		edges.Binary = r.b
		l, ended := New(edges, open(t, t.TempDir()), nil), make(chan bool, 1)
		go func() { ended <- l.Run(t.Context()) }()
		synctest.Wait()
		d.attempt()
		d.hint(probe.Hint{Settled: true})
		r.put(r.b.path, "new")
		d.hint(probe.Hint{Settled: true})
		time.Sleep(time.Minute)
		if len(ended) > 0 {
			t.Fatal("the loop ended while an alert was being posted")
		}
		close(d.hang)
		time.Sleep(stableFor)
		synctest.Wait()
		if len(ended) == 0 || !<-ended {
			t.Fatal("the loop did not end for the new program")
		}
		if events := d.lines; events[len(events)-1].Event != approval.AgentStopped {
			t.Errorf("the last event is %s, want agent-stopped", events[len(events)-1].Event)
		}
	})
}
