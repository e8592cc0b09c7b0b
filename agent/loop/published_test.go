package loop

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/store"
	"kextwatch/probe"
)

// status.plist follows the status, even if no event and nothing in the memory shows the
// change: an obstacle that comes while a window is open, or another developer that waits in
// the pane. A poll that finds nothing new writes nothing.
func TestPublishedStatusFollowsTheStatus(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		content := func() string {
			synctest.Wait()
			data, _ := os.ReadFile(store.PlacesIn(dir).Status)
			return string(data)
		}
		d := newBubble()
		defer d.start(t, dir)()
		d.hint(settled)
		first := content()
		if !strings.Contains(first, "not-asked") {
			t.Fatalf("at first:\n%s", first)
		}
		time.Sleep(24 * time.Hour)
		d.hint(settled)
		if content() != first {
			t.Error("a poll that found nothing new wrote the status")
		}
		d.attempt()
		d.hint(settled)
		if open := content(); !strings.Contains(open, "blocked-open") || strings.Contains(open, "remote-control") {
			t.Errorf("after an attempt:\n%s", open)
		}
		d.take()
		d.change(func(s *probe.Snapshot) {
			s.Situation.Asked, s.Situation.Remote = true, []string{"TeamViewer"}
		})
		d.hint(settled)
		if !strings.Contains(content(), "remote-control") {
			t.Errorf("under remote control:\n%s", content())
		}
		d.change(func(s *probe.Snapshot) {
			s.Policy.Rows = append(s.Policy.Rows, probe.PolicyRow{TeamID: "LSJ6YVK468", BundleID: "com.paragon-software.filesystems.ntfs", Developer: "Paragon Software GmbH"})
			s.Kexts = append(s.Kexts, probe.Kext{BundleID: "com.paragon-software.filesystems.ntfs", TeamID: "LSJ6YVK468", Path: "/Library/Extensions/ufsd_NTFS.kext"})
		})
		d.hint(settled)
		if !strings.Contains(content(), "Paragon NTFS") {
			t.Errorf("another product waits:\n%s", content())
		}
	})
}
