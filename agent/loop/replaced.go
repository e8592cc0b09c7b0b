package loop

import (
	"os"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// settling is how long a new program has to stay as it is before it is
// started: it may be half copied.
const settling = 5 * time.Second

// Binary is the file this program was started from. An update puts another one
// in its place; the agent then ends, and launchd starts the new one.
type Binary struct {
	path  string // empty: not known, and never looked at
	start root.Stamp
	other root.Stamp // what is there instead; zero: nothing
	since time.Time  // since when other was seen; zero: nothing changed
	gone  bool       // it was removed or moved away, not replaced
}

func NewBinary(path string) *Binary { return &Binary{path: path, start: root.StampAt(path)} }

// look reports whether another program has been there for a while, and if that
// is not certain yet, when to look again; 0: with the next look at the Mac.
func (b *Binary) look(now time.Time) (replaced bool, again time.Duration) {
	is := root.StampAt(b.path)
	switch {
	case is == b.start:
		b.since, b.gone = time.Time{}, false
		return false, 0
	case b.since.IsZero() || is != b.other || now.Before(b.since):
		b.other, b.since, b.gone = is, now, false
		return false, settling
	case now.Sub(b.since) < settling:
		return false, settling
	}
	b.gone = is == root.Stamp{}
	return !b.gone && startable(b.path), 0
}

// replaced reports whether the agent is to end for a new program. What it is
// about to tell is told first.
func (a *Loop) replaced() (replaced bool, again time.Duration) {
	if a.Binary == nil {
		return false, 0
	}
	was := a.Binary.gone
	replaced, again = a.Binary.look(a.Clock.Now())
	if a.Binary.gone && !was {
		a.Log.Warn("the program was removed or moved away; this one goes on", "path", a.Binary.path)
	}
	if replaced && (a.delivering || len(a.queue) > 0) {
		return false, settling
	}
	if replaced {
		a.Log.Info("there is a new program: this one ends, so that it can start", "path", a.Binary.path)
	}
	return replaced, again
}

// sooner is the earlier of two waits, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

func startable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0 && info.Mode()&0o111 != 0
}

// gaps tells the user that the program is gone. It goes on: what runs is all
// that is left of it, and a window may be open.
func (b *Binary) gaps() []probe.Gap {
	if b == nil || !b.gone {
		return nil
	}
	return []probe.Gap{{
		Source: probe.FactOwnProgram,
		Err:    "the program is no longer at " + b.path + ": it will not start at the next login",
		Next:   "If you moved it, run kextwatch install from its new place. If you no longer want it, any copy of it removes the rest: kextwatch uninstall.",
	}}
}
