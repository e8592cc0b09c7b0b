package loop

import (
	"os"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// stableFor is how long a new program must stay unchanged before it is started:
// it may be half copied.
const stableFor = 5 * time.Second

// Binary is the file from which this program was started. An update replaces it.
// The agent then ends, and launchd starts the new program.
type Binary struct {
	path  string
	start root.Stamp // of the program that runs
	other root.Stamp // of the file that is there instead; zero: none
	since time.Time  // when other was first seen; zero: nothing changed
	gone  bool       // the file was removed or moved, not replaced
}

// NewBinary returns the file at path, which this program was started from.
func NewBinary(path string) *Binary { return &Binary{path: path, start: root.LocalStamp(path)} }

// check reports whether another program has been there for stableFor. If that is
// not certain yet, again is the time until the next check; 0 means at the next
// poll.
func (b *Binary) check(now time.Time) (replaced bool, again time.Duration) {
	is := root.LocalStamp(b.path)
	switch {
	case is == b.start:
		b.since, b.gone = time.Time{}, false
		return false, 0
	case b.since.IsZero() || is != b.other || now.Before(b.since):
		b.other, b.since, b.gone = is, now, false
		return false, stableFor
	case now.Sub(b.since) < stableFor:
		return false, stableFor
	}
	b.gone = is == root.Stamp{}
	return !b.gone && startable(b.path), 0
}

// replaced reports whether the agent must end for a new program. It posts the
// alerts that wait first.
func (l *Loop) replaced() (replaced bool, again time.Duration) {
	b := l.edges.Binary
	if b == nil {
		return false, 0
	}
	was := b.gone
	replaced, again = b.check(l.edges.Clock.Now())
	if b.gone && !was {
		l.edges.Logger.Warn("the program was removed or moved away; this one keeps running", "path", b.path)
	}
	if replaced && (l.alerts.posting || len(l.alerts.queue) > 0) {
		return false, stableFor
	}
	if replaced {
		l.edges.Logger.Info("the program was replaced: this one ends, so that the new one can start", "path", b.path)
	}
	return replaced, again
}

func startable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0 && info.Mode()&0o111 != 0
}

// gaps reports that the program is gone. The agent keeps running, because a
// window may be open. b may be nil.
func (b *Binary) gaps() []probe.Gap {
	if b == nil || !b.gone {
		return nil
	}
	return []probe.Gap{{
		Source: probe.FactOwnProgram,
		Err:    "the program is no longer at " + b.path + ": it will not start at the next login",
		Next:   "If you moved it, run kextwatch install from its new place. To remove the rest of it, run kextwatch uninstall with any copy.",
	}}
}
