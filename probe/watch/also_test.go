package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kextwatch/probe/mactest"
)

// A file that is looked at besides is noticed by the backstop: also one that
// comes into being, and one whose content alone changes.
func TestWatchFilesBesides(t *testing.T) {
	root := t.TempDir()
	settings := filepath.Join(t.TempDir(), "settings.plist")
	s := watch(t, root, func(w *Watcher) {
		w.liveEvery = 50 * time.Millisecond
		w.also = []string{settings}
	})
	s.calm()
	for _, content := range []string{"a", "ab"} {
		mactest.NoError(t, os.WriteFile(settings, []byte(content), 0o600))
		s.settled()
	}
	mactest.NoError(t, os.Remove(settings))
	s.hint()
}
