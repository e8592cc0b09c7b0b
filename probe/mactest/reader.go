package mactest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

// InstallReader adds the program and the property list of the root reader to the
// Mac.
func InstallReader(t testing.TB, root string) {
	t.Helper()
	AddFile(t, root, probe.ReaderProgram, "")
	AddFile(t, root, probe.ReaderJob, "")
}

// RunReader records a run of the reader that published the policy. The file and
// its time appear at once: with fake time, a watcher between the two would see a
// run at the real time.
func RunReader(t testing.TB, root string, at time.Time) {
	t.Helper()
	file := AddFile(t, root, probe.ReaderLastRun+".new", fmt.Sprintf("%-15s\n", "published"))
	NoError(t, os.Chtimes(file, at, at))
	NoError(t, os.Rename(file, filepath.Join(root, probe.ReaderLastRun)))
}

// PublishRow publishes one row of the policy with the present identity of the
// database, as the reader does.
func PublishRow(t testing.TB, root string, at time.Time, teamID, bundleID string, allowed bool) {
	t.Helper()
	identity := map[string]any{}
	for i, name := range []string{"database", "wal", "journal"} {
		file := map[string]any{"inode": 0, "size": 0, "modified": 0}
		if info, err := os.Stat(filepath.Join(root, probe.KextPolicyFiles[i])); err == nil {
			file = map[string]any{"inode": info.Sys().(*syscall.Stat_t).Ino, "size": info.Size(), "modified": info.ModTime().UnixNano()}
		}
		identity[name] = file
	}
	data, err := plist.Marshal(map[string]any{
		"format": 1, "database": identity, "read_at": at,
		"kext_policy": []map[string]any{{"team_id": teamID, "bundle_id": bundleID, "allowed": allowed, "developer_name": ""}},
	}, plist.BinaryFormat)
	NoError(t, err)
	AddFile(t, root, probe.PublishedPolicy, string(data))
}
