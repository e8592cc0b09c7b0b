package simmac_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
	"kextwatch/probe/tool"
)

// Parallels installs prlctl as an absolute link into its application.
func TestBreakToolBehindAbsoluteLink(t *testing.T) {
	s := newSim(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.1.1"})
	prlctl := func() error {
		_, err := tool.Query(t.Context(), root.FS{Root: s.dir}, probe.PrlctlTool, "list", "-a", "-i", "--json")
		return err
	}
	if err := prlctl(); err != nil {
		t.Fatalf("prlctl of a new Mac: %v", err)
	}
	s.must(s.BreakTool("prlctl", "crash"))
	if err := prlctl(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("prlctl that crashes: got error %v, want a failed run", err)
	}
	s.must(s.BreakTool("prlctl", "half"))
	if err := prlctl(); err != nil {
		t.Errorf("prlctl that prints half of its output: %v", err)
	}
	s.must(s.BreakTool("prlctl", "none"))
	if err := prlctl(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("prlctl that was removed: got error %v, want %v", err, fs.ErrNotExist)
	}
	s.must(s.BreakTool("prlctl", "heal"))
	if err := prlctl(); err != nil {
		t.Errorf("prlctl after heal: %v", err)
	}
}

// An absolute link in a simulated Mac leads to a place in the simulated Mac.
// Each method must stay there when it reads and when it writes.
func TestAbsoluteLinksStayInside(t *testing.T) {
	for folder, change := range map[string]func(sim) error{
		"/Library/Preferences": func(s sim) error {
			return errors.Join(s.Backup(t0), s.Backup(t0), s.SetAutoUpdate(true), s.OfferMacOS("14.7.2", t0))
		},
		"/Library/Receipts":         func(s sim) error { return s.UpdateMacOS("14.7.2", t0) },
		"/Library/SystemExtensions": func(s sim) error { return s.SetSystemExtension("ABCDE12345", "com.example.x", "activated_enabled") },
		"/Library/Managed Preferences": func(s sim) error {
			return errors.Join(s.SetProfile(simmac.ProfileForbid), s.SetProfile(simmac.NoProfile), s.SetProfile(simmac.ProfileForbid))
		},
		"/private/var/db": func(s sim) error {
			return errors.Join(s.Attempt(t0), s.LockPolicy(), s.Allow(t0), s.UnlockPolicy(), s.LockScreen(true), s.LockScreen(false),
				s.AnswerDialogs("Later"), s.RunProgram("/bin/x", t0), s.QuitProgram("/bin/x"), s.Restart(t0))
		},
		"/dev": func(s sim) error { return s.SeatAtConsole("me") },
		"/bin": func(s sim) error { return errors.Join(s.BreakTool("ps", "crash"), s.BreakTool("ps", "heal")) },
		"/Applications": func(s sim) error {
			return errors.Join(s.UpdateParallels("19.4.3", t0), s.Attempt(t0), s.RemoveParallels())
		},
		"/Users": func(s sim) error { return s.AddVM(simmac.VM{Name: "Windows"}) },
	} {
		t.Run(strings.ReplaceAll(folder[1:], "/", " "), func(t *testing.T) {
			s := newSim(t, simmac.Options{MacOS: "13.7.2", Parallels: "18.1.1"})
			outside := t.TempDir()                      // what an absolute link names on this machine
			if strings.HasPrefix(outside, folder+"/") { // as /dev/shm is: a folder cannot be moved into itself
				var err error
				outside, err = os.MkdirTemp("/tmp", "outside")
				s.must(err)
				defer os.RemoveAll(outside)
			}
			inside := filepath.Join(s.dir, outside)
			s.must(os.MkdirAll(filepath.Dir(inside), 0o755))
			s.must(os.MkdirAll(s.dir+folder, 0o755))
			s.must(os.Rename(s.dir+folder, inside))
			s.must(os.Symlink(outside, s.dir+folder))
			s.must(change(s))
			left, err := os.ReadDir(outside)
			if err != nil || len(left) > 0 {
				t.Errorf("the folder outside of the simulated Mac holds %v, %v; want nothing", left, err)
			}
		})
	}
}
