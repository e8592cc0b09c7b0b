package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/size"
	"kextwatch/probe/root"
)

var publishedAt = time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)

const historyRow = `INSERT INTO kext_load_history_v3 VALUES
	('/Library/StagedExtensions/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext',
	'4C6364ACXT', 'com.parallels.kext.hypervisor', 'BOOT', '2026-05-06 05:45:00', '2026-05-06 05:45:03', 53)`

// newPublishing creates a Mac with a database and the folders that the reader
// needs.
func newPublishing(t testing.TB, statements ...string) (m root.FS, file string) {
	t.Helper()
	m, file = newPolicy(t, statements...)
	mactest.NoError(t, os.Chmod(m.Root, 0o755))
	mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, filepath.Dir(filepath.Dir(probe.PublishedPolicy))), 0o755))
	return m, file
}

func publish(t testing.TB, m root.FS) Published {
	t.Helper()
	got, err := Publish(t.Context(), m, publishedAt)
	mactest.NoError(t, err)
	return got
}

func publishNow(t testing.TB, m root.FS) {
	t.Helper()
	_, err := Publish(t.Context(), m, time.Now())
	mactest.NoError(t, err)
}

func TestPublishesAllRows(t *testing.T) {
	for _, journal := range journalModes {
		t.Run(journal, func(t *testing.T) {
			m, _ := newPublishing(t, mactest.ApplePolicy(journal, mactest.BlockedRow, historyRow,
				`INSERT INTO kext_policy VALUES (NULL, 'com.example.odd', 1, 'tab`+"\t"+`, bell`+"\a"+` and 日本', -1)`,
				`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', '', 1, 'A-UUID')`,
				`INSERT INTO kext_load_history_v3 (path, bundle_id) VALUES ('/Library/Extensions/never.kext', 'com.example.never')`)...)
			t.Setenv("TMPDIR", "/nowhere") // root must not use the environment
			if got := publish(t, m); !got.Written || got.Source.State != probe.OK {
				t.Errorf("got %+v, want rows that were written from a good database", got)
			}
			want, _ := ReadDatabase(t.Context(), m, publishedAt)
			want.Source = probe.Reader
			got, source := readPublished(m, publishedAt)
			if source != (probe.Source{Name: probe.Reader, State: probe.OK}) || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\ngot  %+v\nwant %+v", source, got, want)
			}
			file := filepath.Join(m.Root, probe.PublishedPolicy)
			for path, mode := range map[string]fs.FileMode{file: 0o644, filepath.Dir(file): 0o755 | fs.ModeDir} {
				if info, err := os.Stat(path); err != nil || info.Mode() != mode {
					t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, mode)
				}
			}
			wantNothingLeft(t, m)
		})
	}
}

// A database with the same identity is not read. This one cannot be read.
func TestAnUnchangedDatabaseIsNotRead(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	before := treeStamps(t, m)
	info, err := os.Stat(file)
	mactest.NoError(t, err)
	overwrite(t, file, "not SQLite at all")
	mactest.NoError(t, os.Chtimes(file, time.Time{}, info.ModTime()))
	if got := publish(t, m); got.Written || got.Source.State != probe.OK {
		t.Errorf("got %+v, want nothing written and the good state of before", got)
	}
	if after := treeStamps(t, m); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// On a disk that stores whole seconds, a change may not change the identity. So a
// database that was read soon after a change is read once more.
func TestAChangeWithinTheSameSecond(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	at := func(after time.Duration) bool {
		t.Helper()
		mactest.NoError(t, os.Chtimes(file, publishedAt, publishedAt))
		got, err := Publish(t.Context(), m, publishedAt.Add(after))
		mactest.NoError(t, err)
		return got.Written
	}
	if !at(0) {
		t.Error("the first run did not publish the policy")
	}
	mactest.FillDatabase(t, file, `UPDATE kext_policy SET allowed = 1`)
	if !at(500*time.Millisecond) || !at(2*time.Second) {
		t.Error("the changed policy was not published")
	}
	if policy, _ := readPublished(m, publishedAt); policy == nil || !policy.Rows[0].Allowed {
		t.Errorf("published %+v, want the row that is now allowed", policy)
	}
	if at(3 * time.Second) {
		t.Error("read again without end")
	}
}

// A run that changes nothing raises no event in the folder that agents watch.
func TestARunWithoutChangeRaisesNoEvent(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	w, err := fsnotify.NewWatcher()
	mactest.NoError(t, err)
	defer w.Close()
	mactest.NoError(t, w.Add(filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy))))
	before, err := ReadLastRun(m)
	mactest.NoError(t, err)
	_, err = Publish(t.Context(), m, publishedAt.Add(ReaderInterval))
	mactest.NoError(t, err)
	if run, err := ReadLastRun(m); err != nil || run.At.Sub(before.At) != ReaderInterval {
		t.Errorf("%v, %v", run, err)
	}
	mactest.NoError(t, os.WriteFile(filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy), "end"), nil, 0o600))
	if e := <-w.Events; filepath.Base(e.Name) != "end" {
		t.Error(e)
	}
}

func TestReaderNext(t *testing.T) {
	for _, state := range []probe.SourceState{
		probe.Absent, probe.Denied, probe.Busy, probe.Damaged, probe.NotADatabase, probe.UnknownSchema, probe.Timeout, probe.Failed,
	} {
		next := readerNext(probe.Source{State: state, Next: "as for everybody"})
		if next == "" || strings.Contains(next, "Full Disk Access") != (state == probe.Denied) {
			t.Errorf("%s: %q", state, next)
		}
	}
}

func TestPublishesAgain(t *testing.T) {
	write := func(data string) func(*testing.T, root.FS, string) {
		return func(t *testing.T, m root.FS, _ string) {
			mactest.NoError(t, os.WriteFile(filepath.Join(m.Root, probe.PublishedPolicy), []byte(data), 0o644))
		}
	}
	for name, change := range map[string]func(t *testing.T, m root.FS, database string){
		"the database changed": func(t *testing.T, _ root.FS, database string) {
			mactest.FillDatabase(t, database, `INSERT INTO kext_policy VALUES ('T', 'b', 1, 'D', 0)`)
		},
		"the database was replaced": func(t *testing.T, _ root.FS, database string) {
			data, err := os.ReadFile(database)
			mactest.NoError(t, err)
			info, err := os.Stat(database)
			mactest.NoError(t, err)
			mactest.NoError(t, os.WriteFile(database+".new", data, 0o600))
			mactest.NoError(t, os.Chtimes(database+".new", time.Time{}, info.ModTime()))
			mactest.NoError(t, os.Rename(database+".new", database))
		},
		"the file is gone": func(t *testing.T, m root.FS, _ string) { mactest.Remove(t, m.Root, probe.PublishedPolicy) },
		"the folder is gone": func(t *testing.T, m root.FS, _ string) {
			mactest.Remove(t, m.Root, filepath.Dir(probe.PublishedPolicy))
		},
		"the file is empty":       write(""),
		"the file is no list":     write("hello"),
		"another format":          write(`<plist><dict><key>format</key><integer>9</integer></dict></plist>`),
		"more than would be read": write("<plist>" + strings.Repeat(" ", publishedLimit)),
		"half a file": func(t *testing.T, m root.FS, _ string) {
			mactest.NoError(t, os.Truncate(filepath.Join(m.Root, probe.PublishedPolicy), 200))
		},
		"a closed file": func(t *testing.T, m root.FS, _ string) {
			mactest.NoError(t, os.Chmod(filepath.Join(m.Root, probe.PublishedPolicy), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, database := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
			publish(t, m)
			change(t, m, database)
			if got := publish(t, m); !got.Written || got.Source.State != probe.OK {
				t.Errorf("got %+v, want rows that were written from a good database", got)
			}
			if policy, source := readPublished(m, publishedAt); policy == nil || len(policy.Rows) == 0 {
				t.Errorf("source %+v, want one with rows", source)
			}
			if got := publish(t, m); got.Written {
				t.Error("published again, although nothing changed")
			}
		})
	}
}

func TestAClosedFolderIsOpened(t *testing.T) {
	m, _ := newPublishing(t, mactest.AppleSchema...)
	publish(t, m)
	folder := filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy))
	mactest.NoError(t, os.Chmod(folder, 0o700))
	publish(t, m)
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A failed read leaves the rows, and adds the reason once.
func TestAFailureIsPublishedBesideTheRows(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	mactest.NoError(t, os.Rename(file, file+".good"))
	mactest.NoError(t, os.WriteFile(file, []byte(strings.Repeat("kextwatch", 1000)), 0o600))

	got := publish(t, m)
	if !got.Written || got.Source.State != probe.NotADatabase || got.Source.Name != probe.Database {
		t.Errorf("got %+v, want a written report that this is not a database", got)
	}
	pub, _, err := loadPublication(m)
	mactest.NoError(t, err)
	if len(pub.Rows) != 1 || !pub.good() || pub.Failure == nil || !pub.Failure.At.Equal(publishedAt) {
		t.Errorf("published %+v, want one row and the failure of %v", pub, publishedAt)
	}
	policy, source := readPublished(m, publishedAt)
	if policy != nil || source.State != probe.NotADatabase || source.Name != probe.Reader ||
		source.Reason != got.Source.Reason || source.Next != got.Source.Next {
		t.Errorf("%v, %+v", policy, source)
	}
	if got := publish(t, m); got.Written || got.Source.State != probe.NotADatabase {
		t.Errorf("the same failure again: %+v", got)
	}

	mactest.NoError(t, os.Rename(file+".good", file)) // the rows are right again
	if policy, source := readPublished(m, publishedAt); policy == nil {
		t.Errorf("source %+v, want one with a policy", source)
	}
	publish(t, m)
	if pub, _, err := loadPublication(m); err != nil || pub.Failure != nil {
		t.Errorf("%v, %+v", err, pub.Failure)
	}
}

func TestAFailureWithoutRows(t *testing.T) {
	m, file := newPublishing(t)
	mactest.NoError(t, os.RemoveAll(file))
	if got := publish(t, m); !got.Written || got.Source.State != probe.Absent {
		t.Errorf("got %+v, want a written report that the database is absent", got)
	}
	if policy, source := readPublished(m, publishedAt); policy != nil || source.State != probe.Absent ||
		!strings.Contains(source.Reason, probe.KextPolicy) || source.Next == "" {
		t.Errorf("%v, %+v", policy, source)
	}
}

// A canceled context is not a failure of the database.
func TestACancelledRunPublishesNothing(t *testing.T) {
	m, _ := newPublishing(t, mactest.AppleSchema...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Publish(ctx, m, publishedAt); !errors.Is(err, context.Canceled) || got.Written {
		t.Errorf("%+v, %v", got, err)
	}
	if _, source := readPublished(m, publishedAt); source.State != probe.Absent {
		t.Errorf("source %+v, want absent", source)
	}
}

func TestPublicPath(t *testing.T) {
	for name, public := range map[string]bool{
		"/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext":                          true,
		"/Library/StagedExtensions/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext": true,
		"/Library/Extensions/HighPointRR.kext":                 true,
		"/Library/Application Support/VirtualBox/VBoxDrv.kext": true,
		"/System/Library/Extensions/AppleHDA.kext":             true,
		"/usr/local/lib/x.kext":                                true,
		"/Users/ada/secret project/x.kext":                     false,
		"/users/ada/x.kext":                                    false,
		"/Library/StagedExtensions/Users/ada/x.kext":           false,
		"/library/stagedextensions/users/ada/x.kext":           false,
		"/System/Volumes/Data/Users/ada/x.kext":                false,
		"/System/Volumes/Data/home/ada/x.kext":                 false,
		"/home/ada/x.kext":                                     false,
		"/Volumes/Ada's disk/x.kext":                           false,
		"/private/var/root/x.kext":                             false,
		"/Applications/../Users/ada/x.kext":                    false,
		"/Applications/../private/var/folders/x.kext":          false,
		"//Users/ada/x.kext":                                   false,
		"Users/ada/x.kext":                                     false,
		"(too long)":                                           false,
		"/":                                                    false,
		"":                                                     false,
	} {
		want := ""
		if public {
			want = name
		}
		if got := publicPath(name); got != want {
			t.Errorf("%q became %q", name, got)
		}
	}
}

// A path in a home is removed. The load attempt itself is published.
func TestPathsInHomesAreNotPublished(t *testing.T) {
	m, _ := newPublishing(t, append(mactest.AppleSchema,
		`INSERT INTO kext_load_history_v3 VALUES ('/Users/ada/x.kext', 'T', 'com.example.x', '', '', '2026-05-06 05:45:03', 0)`)...)
	publish(t, m)
	data, err := os.ReadFile(filepath.Join(m.Root, probe.PublishedPolicy))
	mactest.NoError(t, err)
	if strings.Contains(string(data), "ada") {
		t.Error("the name is in the file")
	}
	policy, _ := readPublished(m, publishedAt)
	if h := policy.History; len(h) != 1 || h[0].Path != "" || h[0].LastSeen.IsZero() || h[0].BundleID != "com.example.x" {
		t.Errorf("history %+v, want one record of com.example.x with a time and without a path", h)
	}
}

func TestFullTablesArePublished(t *testing.T) {
	usual := databaseLimit
	databaseLimit = time.Minute
	t.Cleanup(func() { databaseLimit = usual })
	rows := size.Of(probe.MaxRows, 1000)
	fill := fmt.Sprintf(`WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %d) INSERT INTO `, rows)
	m, _ := newPublishing(t, append(mactest.AppleSchema,
		fill+`kext_policy SELECT 'TEAM' || n, 'com.example.kext' || n, 1, 'Example ' || n || ' Incorporated', n FROM i`,
		fill+`kext_policy_mdm SELECT 'TEAM' || n, 'com.example.kext' || n, 1, 'F5E8FB21-EE9B-47F0-9C9C-FD6C4E41AC' || n FROM i`,
		fill+`kext_load_history_v3 SELECT '/Library/StagedExtensions/Applications/Example ' || n || '.app/Contents/Library/Extensions/x.kext',
			'TEAM' || n, 'com.example.kext' || n, 'F5E8FB21-EE9B-47F0-9C9C-FD6C4E41AC99', '2026-05-06 05:45:00', '2026-05-06 05:45:03', n FROM i`)...)
	publish(t, m)
	policy, source := readPublished(m, publishedAt)
	if policy == nil || len(policy.Rows) != rows || len(policy.MDM) != rows || len(policy.History) != rows {
		t.Errorf("source %+v, want one with %d rows in each table", source, rows)
	}
}

// A policy that could not be read again is not written. The earlier rows stay.
func TestMoreThanCanBePublished(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	const each = 4000 // characters in a row
	mactest.FillDatabase(t, file, fmt.Sprintf(`WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %d)
		INSERT INTO kext_policy SELECT 'TEAM', 'com.example.kext' || n, 1, hex(randomblob(%d)), 0 FROM i`, publishedLimit/each+1, each/2))
	if got := publish(t, m); !got.Written || got.Source.State != probe.Failed || !strings.Contains(got.Source.Reason, "more than can be published") {
		t.Errorf("got %+v, want a written report that the policy is too large", got)
	}
	if pub, _, err := loadPublication(m); err != nil || len(pub.Rows) != 1 {
		t.Errorf("%v, %d rows", err, len(pub.Rows))
	}
	if policy, source := readPublished(m, publishedAt); policy != nil || source.State != probe.Failed || source.Next == "" {
		t.Errorf("source %+v, want a failure with a next step and without a policy", source)
	}
}

// wantNothingLeft checks that the folder contains only the reader's files.
func wantNothingLeft(t *testing.T, m root.FS) {
	t.Helper()
	want := []string{filepath.Base(probe.PublishedPolicy), filepath.Base(filepath.Dir(probe.ReaderLastRun))}
	if names, _ := m.List(filepath.Dir(probe.PublishedPolicy)); !slices.Equal(names, want) {
		t.Errorf("the folder has %v, want %v", names, want)
	}
}

// treeStamps lists all files of the Mac, with everything that a write changes.
func treeStamps(t *testing.T, m root.FS) string {
	t.Helper()
	var all strings.Builder
	mactest.NoError(t, filepath.WalkDir(m.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime())
		return nil
	}))
	return all.String()
}

// Every user reads what is published. So a new key must be justified in the threat model.
func TestPublishedKeysAreInTheThreatModel(t *testing.T) {
	document, err := os.ReadFile("../../docs/threat-model.md")
	mactest.NoError(t, err)
	_, listed, _ := strings.Cut(string(document), "## What the root reader publishes")
	listed, _, _ = strings.Cut(listed, "## ")
	published := map[string]bool{}
	for _, part := range []reflect.Type{
		reflect.TypeFor[publication](), reflect.TypeFor[publishedRow](), reflect.TypeFor[publishedMDM](), reflect.TypeFor[publishedHistory](), reflect.TypeFor[publishedFailure](),
	} {
		for i := range part.NumField() {
			key, _, _ := strings.Cut(part.Field(i).Tag.Get("plist"), ",")
			if published[key] = true; key == "" || !strings.Contains(listed, "`"+key+"`") {
				t.Errorf("docs/threat-model.md does not list the key %q of %s", key, part.Name())
			}
		}
	}
	for line := range strings.Lines(listed) {
		for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(line, -1) {
			if strings.HasPrefix(line, "- ") && !published[key[1]] {
				t.Errorf("docs/threat-model.md lists the key %q, which is not published", key[1])
			}
		}
	}
}
