package retry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// fuseStory is a Mac on which macFUSE was blocked an hour ago.
func fuseStory(t *testing.T, macOS string) story {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(dir, simmac.Options{MacOS: macOS, Now: time.Now().Add(-2 * time.Hour)})
	if err == nil {
		err = errors.Join(sim.AddKext(simmac.MacFUSE()), sim.AttemptKext(simmac.MacFUSE().ID, time.Now().Add(-time.Hour)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return story{t, sim, root.FS{Root: dir, UID: 0}}
}

// confirmedKexts keeps the paths that it confirmed.
type confirmedKexts struct {
	lastVM
	paths []string
}

func (u *confirmedKexts) Confirm(_ context.Context, plan Plan) (bool, error) {
	u.paths = plan.Kexts
	return true, nil
}

// As root, macOS is made to load the kext, and refuses it. Then the button is there.
func TestRetryLoadsAKext(t *testing.T) {
	for _, macOS := range []string{"10.15.7", "26.2"} {
		s := fuseStory(t, macOS)
		o := s.options(time.Minute, nil)
		user := &confirmedKexts{}
		o.User = user
		o.Waited = func(time.Duration) {
			if err := s.sim.AttemptKext(simmac.MacFUSE().ID, time.Now()); err != nil {
				t.Error(err)
			}
			o.Waited = nil
		}
		res, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if res.How != LoadKext || res.Product.Name != "macFUSE" || res.Product.Verdict != approval.BlockedOpen || !res.Window.Open() {
			t.Errorf("macOS %s: how %s, product %s, verdict %s, window %v", macOS, res.How, res.Product.Name, res.Product.Verdict, res.Window)
		}
		if !slices.Equal(user.paths, []string{simmac.MacFUSE().Path}) {
			t.Errorf("macOS %s: confirmed %q", macOS, user.paths)
		}
	}
}

// macOS may have recorded nothing yet: the refusal itself is an attempt, and opens the
// window.
func TestRefusalOfALoadIsAnAttempt(t *testing.T) {
	s := fuseStory(t, "26.2")
	res, err := Run(t.Context(), s.options(time.Minute, nil))
	if err != nil || res.Outcome() != probe.Refused || res.Attempt.BundleID != simmac.MacFUSE().ID || !res.Window.Open() {
		t.Fatalf("attempt %+v, window %v, error %v", res.Attempt, res.Window, err)
	}
	for _, r := range res.Product.Reasons {
		if r.Code == approval.ReasonError56521 {
			t.Error("a refusal of another vendor is reported as an error of Parallels")
		}
	}
}

func TestRetryOfAKextThatEndsOtherwise(t *testing.T) {
	const kext = "usr/bin/kmutil"
	for name, c := range map[string]struct {
		happens func(s story) error
		change  func(*Options)
		how     How
		says    string // the error, or the title of the reason
		hint    string
	}{
		"an ordinary user":         {nil, func(o *Options) { o.Mac.UID = 501 }, Nothing, "cannot make macFUSE try again as an ordinary user", "mount the volume again; an administrator can also run sudo kextwatch retry --product 3T5GSNBU6W"},
		"a virtual machine":        {nil, func(o *Options) { o.VM = "Windows" }, Nothing, "macFUSE has no virtual machines", "remove --vm"},
		"the macOS is not known":   {nil, func(o *Options) { o.Status.Facts.Mac.OS = probe.OSVersion{} }, Nothing, "unknown version of macOS", "mount the volume again"},
		"anyone could have put it": {func(s story) error { return os.Chmod(s.mac.Root+simmac.MacFUSE().Path, 0o777) }, nil, Nothing, "kextwatch does not load macfuse.kext", "mount the volume again"},
		"the tool is missing":      {func(s story) error { return os.Remove(filepath.Join(s.mac.Root, kext)) }, nil, Nothing, "loading macfuse.kext", "mount the volume again"},
		"macOS needs a restart":    {func(s story) error { return s.sim.AllowKext(simmac.MacFUSE().ID, time.Now()) }, nil, LoadKext, "macOS needs a restart", ""},
		"it cannot tell": {nil, func(o *Options) {
			fuse := *other(o.Status)
			fuse.Verdict = approval.Unknown
			o.Product = &fuse
		}, Nothing, "cannot tell whether macFUSE is blocked", "Check again in a moment."},
		"root would not load it": {func(s story) error { return os.Chmod(s.mac.Root+simmac.MacFUSE().Path, 0o777) }, func(o *Options) { o.Mac.UID = 501 }, Nothing, "cannot make macFUSE try again as an ordinary user", "mount the volume again"},
		"Full Security has no button": {nil, func(o *Options) {
			fuse := *other(o.Status)
			fuse.Verdict = approval.NeedsRecovery
			o.Product = &fuse
		}, Nothing, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := fuseStory(t, "26.2")
			o := s.options(time.Second, nil)
			if c.happens != nil { // after the snapshot
				if err := c.happens(s); err != nil {
					t.Fatal(err)
				}
			}
			if c.change != nil {
				c.change(&o)
			}
			res, err := Run(t.Context(), o)
			if err != nil {
				if e := (*cli.Failure)(nil); !errors.As(err, &e) || c.hint == "" || !strings.Contains(err.Error(), c.says) || e.Hint() != c.hint {
					t.Errorf("error %v, hint %q; want %q, %q", err, e.Hint(), c.says, c.hint)
				}
				return
			}
			title := ""
			if len(res.Reasons) > 0 {
				title = res.Reasons[0].Title
			}
			if c.hint != "" || res.How != c.how || res.Window != nil || title != c.says {
				t.Errorf("how %s, window %v, reasons %+v; want %s, %q and the hint %q", res.How, res.Window, res.Reasons, c.how, c.says, c.hint)
			}
		})
	}
}

// kmutil replaces the tool of the Mac. Each load first records an attempt, as macOS does
// for each load, also for an allowed one.
func (s story) kmutil(script string) {
	s.t.Helper()
	tool := filepath.Join(s.mac.Root, "usr/bin/kmutil")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\n[ \"$1\" = load ] || exit 64\n: >'"+s.mac.Root+"/loading'\n"+script+"\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// Only the answer of macOS tells whether there is a button: an attempt is recorded for an
// allowed load, too. An open window stays one if macOS refuses again.
func TestOnlyARefusalBringsTheButton(t *testing.T) {
	attempt := func(s story) {
		if err := s.sim.AttemptKext(simmac.MacFUSE().ID, time.Now()); err != nil {
			s.t.Error(err)
		}
	}
	for name, c := range map[string]struct {
		script string
		before func(s story) // the snapshot
		button bool
		says   string // the title of the reason
	}{
		"refused":                         {"exit 27", nil, true, ""},
		"refused, and the window is open": {"exit 27", attempt, true, ""},
		"allowed":                         {"exit 0", nil, false, "macOS did not refuse it"},
		"allowed, and the window is open": {"exit 0", attempt, false, "macOS did not refuse it"},
		"needs a restart":                 {"sleep 2; exit 28", nil, false, "macOS needs a restart"},
		"does not answer":                 {"exec sleep 600", nil, false, "macOS did not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fuseStory(t, "26.2")
			if c.before != nil {
				c.before(s)
			}
			s.kmutil(c.script)
			o := s.options(5*time.Second, nil)
			var once sync.Once
			o.Waited = func(time.Duration) {
				if _, err := os.Stat(s.mac.Root + "/loading"); err == nil {
					once.Do(func() { attempt(s) })
				}
			}
			res, err := Run(t.Context(), o)
			title := ""
			if len(res.Reasons) > 0 {
				title = res.Reasons[0].Title
			}
			if err != nil || res.Window.Open() != c.button || title != c.says {
				t.Errorf("window %v, reasons %+v, error %v; want a button: %t, and %q", res.Window, res.Reasons, err, c.button, c.says)
			}
		})
	}
}

// Of several kexts, a failure is reported, and a restart counts more than what is allowed.
func TestRetryOfSeveralKexts(t *testing.T) {
	for name, c := range map[string]struct{ script, says, err string }{
		"one needs a restart": {"case $3 in *2.kext) exit 28 ;; esac", "macOS needs a restart", ""},
		"one fails":           {"case $3 in *1.kext) echo 'needs a KDK' >&2; exit 71 ;; esac", "", "needs a KDK"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fuseStory(t, "26.2")
			for _, n := range []string{"1", "2", "3"} {
				k := simmac.Kext{Path: "/Library/Extensions/" + n + ".kext", ID: "com.example.k" + n, Version: "1.0", Team: "TEAM123456", Archs: []probe.Arch{probe.Intel}}
				if err := errors.Join(s.sim.AddKext(k), s.sim.AttemptKext(k.ID, time.Now().Add(-time.Hour))); err != nil {
					t.Fatal(err)
				}
			}
			s.kmutil(c.script)
			o := s.options(5*time.Second, nil)
			for _, p := range o.Status.Products {
				if p.TeamID == "TEAM123456" {
					o.Product = &p
				}
			}
			res, err := Run(t.Context(), o)
			switch {
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q", err, c.err)
			case c.err == "" && (err != nil || len(res.Reasons) == 0 || res.Reasons[0].Title != c.says):
				t.Errorf("reasons %+v, error %v, want %q", res.Reasons, err, c.says)
			}
		})
	}
}

// Of two blocked products, the known one is tried. An unknown one is tried only if the
// user names it.
func TestRetryOfAnUnknownDeveloper(t *testing.T) {
	s := fuseStory(t, "26.2")
	k := simmac.Kext{Path: "/Library/Extensions/a.kext", ID: "com.example.a", Version: "1.0", Team: "AAAAAAAAAA", Archs: []probe.Arch{probe.Intel}}
	if err := errors.Join(s.sim.AddKext(k), s.sim.AttemptKext(k.ID, time.Now().Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	o := s.options(time.Second, nil)
	if got := o.Target().Name; got != "macFUSE" {
		t.Errorf("it tries %s, want macFUSE", got)
	}
	o.Status.Products = slices.DeleteFunc(o.Status.Products, func(p approval.Product) bool { return p.Name == "macFUSE" })
	_, err := Run(t.Context(), o)
	if e := (*cli.Failure)(nil); !errors.As(err, &e) || e.Exit != cli.ExitUsage || !strings.Contains(e.Hint(), "if you know it, run kextwatch retry --product AAAAAAAAAA") {
		t.Errorf("not named: error %v", err)
	}
	p := o.Target()
	o.Product = &p
	if res, err := Run(t.Context(), o); err != nil || res.How != LoadKext {
		t.Errorf("named: how %s, error %v", res.How, err)
	}
}
