package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kextwatch/probe/mactest"
)

// The backstop notices a change of an additional file: its creation, and a change of
// only its content.
func TestBackstopComparesAdditionalFiles(t *testing.T) {
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
