package retry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
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
			t.Error("a refusal of another vendor is told as an error of Parallels")
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
		"macOS needs a restart":    {func(s story) error { return s.sim.AllowKext(simmac.MacFUSE().ID, time.Now()) }, nil, LoadKext, "macFUSE: approved; restart the Mac to finish", ""},
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
				if e := (*Error)(nil); !errors.As(err, &e) || c.hint == "" || !strings.Contains(err.Error(), c.says) || e.Hint() != c.hint {
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
