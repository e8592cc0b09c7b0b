package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// Publish neither follows nor overwrites a file that another user could change.
func TestRefusesToPublish(t *testing.T) {
	folder := filepath.Dir(probe.PublishedPolicy)
	chmod := func(name string, mode fs.FileMode) func(*testing.T, root.FS) {
		return func(t *testing.T, m root.FS) { mactest.NoError(t, os.Chmod(filepath.Join(m.Root, name), mode)) }
	}
	inPlaceOf := func(name string, put func(t testing.TB, m root.FS, name string)) func(*testing.T, root.FS) {
		return func(t *testing.T, m root.FS) { mactest.Remove(t, m.Root, name); put(t, m, name) }
	}
	link := func(to string) func(testing.TB, root.FS, string) {
		return func(t testing.TB, m root.FS, name string) { mactest.AddLink(t, m.Root, name, to) }
	}
	cases := map[string]struct {
		spoil func(t *testing.T, m root.FS)
		says  string
	}{
		"the file is a link":          {inPlaceOf(probe.PublishedPolicy, link("../victim")), "symbolic link"},
		"the file is a dangling link": {inPlaceOf(probe.PublishedPolicy, link("nowhere")), "symbolic link"},
		"the file is a folder":        {inPlaceOf(probe.PublishedPolicy, func(t testing.TB, m root.FS, name string) { mactest.AddFile(t, m.Root, name+"/x", "") }), "not a file"},
		"the file is a pipe": {inPlaceOf(probe.PublishedPolicy, func(t testing.TB, m root.FS, name string) {
			mactest.NoError(t, syscall.Mkfifo(filepath.Join(m.Root, name), 0o600))
		}), "not a file"},
		"others may write to the file":   {chmod(probe.PublishedPolicy, 0o646), "can write"},
		"the folder is a link":           {inPlaceOf(folder, link("../Extensions")), "symbolic link"},
		"the folder is a file":           {inPlaceOf(folder, func(t testing.TB, m root.FS, name string) { mactest.AddFile(t, m.Root, name, "") }), "not a folder"},
		"others may write to the folder": {chmod(folder, 0o757), "can write"},
		"a group may write above it":     {chmod(filepath.Dir(folder), 0o775), "sudo chmod go-w"},
		"a link above it":                {inPlaceOf("/Library", link("elsewhere")), "symbolic link"},
		"others may write to the root":   {chmod("/", 0o777), "can write"},
		"Root is not a Mac":              {func(t *testing.T, m root.FS) { mactest.Remove(t, m.Root, "/Library") }, "no such file"},
	}
	if os.Geteuid() == 0 {
		for name, place := range map[string]string{"file": probe.PublishedPolicy, "folder": folder, "folder above": "/Library"} {
			cases["the "+name+" is another's"] = struct {
				spoil func(t *testing.T, m root.FS)
				says  string
			}{func(t *testing.T, m root.FS) {
				mactest.NoError(t, os.Chown(filepath.Join(m.Root, place), nobody, nobody))
			}, "belongs to uid 65534"}
		}
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
			mactest.AddFile(t, m.Root, "/Library/Application Support/victim", "precious")
			publish(t, m)
			mactest.FillDatabase(t, file, `INSERT INTO kext_policy VALUES ('T', 'b', 1, 'D', 0)`)
			tc.spoil(t, m)
			before := treeStamps(t, m)
			got, err := Publish(t.Context(), m, publishedAt)
			if err == nil || got.Written || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%+v, %v; want %q", got, err, tc.says)
			}
			if after := treeStamps(t, m); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if policy, source := readPublished(m, publishedAt); policy != nil || source.State == probe.OK || source.Reason == "" || source.Next == "" {
				t.Errorf("an untrusted file was used: %+v", source)
			}
		})
	}
}

func TestOnlyTheOwnerPublishes(t *testing.T) {
	m := root.FS{Root: "/"}
	if os.Geteuid() == 0 {
		m, _ = newPublishing(t, mactest.AppleSchema...)
		mactest.NoError(t, os.Chown(m.Root, nobody, nobody))
	}
	if got, err := Publish(t.Context(), m, publishedAt); !errors.Is(err, fs.ErrPermission) || got.Written {
		t.Errorf("%+v, %v", got, err)
	}
}

// If the disk has no space for the new file, the old file stays.
func TestAFullDiskLeavesTheOldFile(t *testing.T) {
	wide := `WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 50)
		INSERT INTO kext_policy SELECT 'T', 'com.example.kext' || n, 1, 'é' || substr(hex(randomblob(2000)), 1, 4000), 0 FROM i`
	for name, limit := range map[string]int64{"space for a part": 100 << 10, "no space": 64, "no space for the run": 8} {
		t.Run(name, func(t *testing.T) {
			m, file := newPublishing(t, mactest.ApplePolicy("DELETE")...)
			publish(t, m)
			before, err := os.ReadFile(filepath.Join(m.Root, probe.PublishedPolicy))
			mactest.NoError(t, err)
			mactest.FillDatabase(t, file, wide)
			line := startDatabaseChild(t, fmt.Sprintf("full %d %s", limit, m.Root)).line()
			if !strings.HasPrefix(line, "false ") || !strings.Contains(line, "too large") {
				t.Error(line)
			}
			if after, err := os.ReadFile(filepath.Join(m.Root, probe.PublishedPolicy)); err != nil || string(after) != string(before) {
				t.Errorf("the file changed: %v", err)
			}
			wantNothingLeft(t, m)
			policy, source := readPublished(m, time.Now())
			if policy != nil || source.State != probe.Failed || !strings.Contains(source.Reason, "the disk is full") || source.Next != "free some space on the disk" {
				t.Errorf("the agent gets %+v", source)
			}
			publishNow(t, m)
			if policy, source := readPublished(m, time.Now()); policy == nil || len(policy.Rows) != 50 {
				t.Errorf("with space again: %+v", source)
			}
		})
	}
}

// The agent distinguishes a reader that could never publish from one that is not
// installed.
func TestAFullDiskBeforeTheFirstRows(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	mactest.FillDatabase(t, file, paddedRows(100))
	startDatabaseChild(t, fmt.Sprintf("full %d %s", 64, m.Root)).line()
	if policy, source := readPublished(m, time.Now()); policy != nil || source.State != probe.Failed || source.Next != freeSpace {
		t.Errorf("source %+v, want a failure with the next step %q and without a policy", source, freeSpace)
	}
	if _, source := readPublished(m, time.Now().Add(time.Hour)); source.State != probe.Absent {
		t.Errorf("after an hour: %+v", source)
	}
}

// The rows are published if only they have space: the copy of the database needs none.
func TestADiskWithSpaceForTheRows(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	mactest.FillDatabase(t, file, `INSERT INTO settings VALUES ('large', zeroblob(999999))`, paddedRows(10))
	if line := startDatabaseChild(t, fmt.Sprintf("full %d %s", 64<<10, m.Root)).line(); !strings.HasPrefix(line, "true  <nil>") {
		t.Error(line)
	}
	if policy, source := readPublished(m, time.Now()); policy == nil || len(policy.Rows) != 11 {
		t.Errorf("the agent gets %+v", source)
	}
}

// kill -9 at any moment leaves a complete file. The next run removes old
// temporary files.
func TestAKilledWriterLeavesACompleteFile(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("WAL", mactest.BlockedRow, historyRow, paddedRows(80))...)
	folder := filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy))
	for range 15 {
		child := startDatabaseChild(t, "publish "+m.Root)
		child.line()
		child.kill()
		pub, perm, err := loadPublication(m)
		if err != nil || perm != publishedPerm || len(pub.Rows) != 81 {
			t.Fatalf("%v, %v, %d rows", err, perm, len(pub.Rows))
		}
	}
	mactest.NoError(t, os.WriteFile(filepath.Join(folder, ".policy.plist.123"), nil, 0o600))
	names, err := os.ReadDir(folder)
	mactest.NoError(t, err)
	old := time.Now().Add(-2 * temporaryLife)
	for _, e := range names {
		mactest.NoError(t, os.Chtimes(filepath.Join(folder, e.Name()), old, old))
	}
	mactest.Remove(t, m.Root, probe.PublishedPolicy)
	publish(t, m)
	wantNothingLeft(t, m)
}
