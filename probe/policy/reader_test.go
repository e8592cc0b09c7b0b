package policy

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestReaderIsNotInstalled(t *testing.T) {
	for name, m := range map[string]root.FS{"no folder": root.FS{Root: mactest.Root(t)}, "an empty folder": root.FS{Root: mactest.Root(t)}} {
		if name == "an empty folder" {
			mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy)), 0o755))
		}
		mactest.NoError(t, os.Chmod(m.Root, 0o755))
		policy, source := readPublished(m, publishedAt)
		if policy != nil || source.Name != probe.Reader || source.State != probe.Absent || source.Next != "run `sudo kextwatch install --reader`" {
			t.Errorf("%s: %v, %+v", name, policy, source)
		}
	}
}

// touch sets the modification time of a file of the policy, and creates the file
// if it is missing.
func touch(ending string, at time.Time) func(*testing.T, root.FS) {
	return func(t *testing.T, m root.FS) {
		p := filepath.Join(m.Root, probe.KextPolicy+ending)
		f, err := os.OpenFile(p, os.O_CREATE, 0o600)
		mactest.NoError(t, err)
		f.Close()
		mactest.NoError(t, os.Chtimes(p, at, at))
	}
}

// closePolicy closes the folder of the policy, so that stat is refused to others.
func closePolicy(t *testing.T, m root.FS) {
	dir := filepath.Join(m.Root, filepath.Dir(probe.KextPolicy))
	mode := os.FileMode(0o700)
	if os.Geteuid() != 0 {
		mode = 0
	}
	mactest.NoError(t, os.Chmod(dir, mode))
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
}

func runReader(t *testing.T, m root.FS, at time.Time, outcome runOutcome) {
	t.Helper()
	mactest.NoError(t, recordRun(m, at, outcome))
}

// installReaderFiles adds the program and the property list of a reader.
func installReaderFiles(t *testing.T, m root.FS) {
	t.Helper()
	for _, name := range []string{probe.ReaderProgram, probe.ReaderJob} {
		mactest.AddFile(t, m.Root, name, "")
	}
}

// Rows are reliable only while the reader runs and reads changes. An ordinary user
// can check both with stat.
func TestHowOldPublishedRowsAre(t *testing.T) {
	later := func(d time.Duration) time.Time { return publishedAt.Add(d) }
	const minute, day = time.Minute, 24 * time.Hour
	nothing := func(*testing.T, root.FS) {}
	ran := func(at time.Time, then func(*testing.T, root.FS)) func(*testing.T, root.FS) {
		return func(t *testing.T, m root.FS) {
			runReader(t, m, at, runPublished)
			then(t, m)
		}
	}
	earlier := func(then func(*testing.T, root.FS)) func(*testing.T, root.FS) {
		return func(t *testing.T, m root.FS) {
			mactest.NoError(t, os.RemoveAll(filepath.Join(m.Root, filepath.Dir(probe.ReaderLastRun))))
			then(t, m)
		}
	}
	gone := func(t *testing.T, m root.FS) { mactest.Remove(t, m.Root, probe.KextPolicy) }
	for name, tc := range map[string]struct {
		change func(t *testing.T, m root.FS)
		now    time.Time
		readAt time.Time // zero: the rows do not count
		words  string    // then, in the reason
	}{
		"nothing changed":                        {nothing, later(minute), later(minute), ""},
		"nothing changed, it runs for a week":    {ran(later(7*day), nothing), later(7*day + minute), later(7*day + minute), ""},
		"a run is late":                          {nothing, later(10 * minute), later(10 * minute), ""},
		"two runs are missing":                   {nothing, later(10*minute + time.Second), time.Time{}, "has not run since 2026-05-06T05:50:00Z"},
		"it has not run for a week":              {nothing, later(7 * day), time.Time{}, "has not run since 2026-05-06T05:50:00Z"},
		"changed a moment ago":                   {touch("", later(minute)), later(minute), publishedAt, ""},
		"a -wal came a moment ago":               {touch("-wal", later(minute)), later(minute), publishedAt, ""},
		"a -journal came":                        {touch("-journal", later(minute)), later(minute), publishedAt, ""},
		"changed 30 seconds ago":                 {touch("", later(minute)), later(90 * time.Second), publishedAt, ""},
		"changed 31 seconds ago":                 {touch("", later(minute)), later(91 * time.Second), time.Time{}, "has not read it since 2026-05-06T05:50:00Z"},
		"the -wal changed 31 seconds ago":        {touch("-wal", later(minute)), later(91 * time.Second), time.Time{}, "has not read it since 2026-05-06T05:50:00Z"},
		"an old change, it ran a moment ago":     {touch("", later(-10*time.Hour)), later(5 * minute), publishedAt, ""},
		"an old change that was never read":      {touch("", later(-10*time.Hour)), later(11 * minute), time.Time{}, "has not run"},
		"removed, it ran a moment ago":           {gone, later(5 * minute), publishedAt, ""},
		"removed long ago":                       {gone, later(11 * minute), time.Time{}, "has not run"},
		"stat is refused":                        {closePolicy, later(5 * minute), publishedAt, ""},
		"stat is refused, and it runs":           {ran(later(9*minute), closePolicy), later(15 * minute), later(9 * minute), ""},
		"stat is refused, rows of 300 days ago":  {closePolicy, later(300 * day), time.Time{}, "has not run"},
		"the clock was set back a day":           {ran(later(day), nothing), later(minute), time.Time{}, "in the future"},
		"the clock was set back, stat refused":   {ran(later(day), closePolicy), later(minute), time.Time{}, "in the future"},
		"the clock was corrected":                {ran(later(20*time.Second), nothing), publishedAt, publishedAt, ""},
		"the clock was set forward":              {nothing, later(9 * 365 * day), time.Time{}, "has not run"},
		"an earlier reader":                      {earlier(nothing), later(7 * day), later(7 * day), ""},
		"an earlier reader, changed":             {earlier(touch("", later(minute))), later(minute), publishedAt, ""},
		"an earlier reader, changed 31 s ago":    {earlier(touch("", later(minute))), later(91 * time.Second), time.Time{}, "has not read it since 2026-05-06T05:50:00Z"},
		"an earlier reader, stat is refused":     {earlier(closePolicy), later(5 * minute), time.Time{}, "left no record of its runs"},
		"an earlier reader, refused for an hour": {earlier(closePolicy), later(60 * minute), time.Time{}, "earlier version"},
		"no record, stat is refused, a failure":  {earlier(closePolicy), later(time.Second), time.Time{}, "cannot tell whether"},
	} {
		t.Run(name, func(t *testing.T) {
			m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
			mactest.NoError(t, os.Chmod(file, 0o600))
			mactest.NoError(t, os.Chtimes(file, publishedAt, publishedAt))
			publish(t, m)
			tc.change(t, m)
			policy, source := readAsUser(t, m, tc.now)
			if tc.readAt.IsZero() {
				if policy != nil || source.State != probe.Failed || !strings.Contains(source.Reason, tc.words) ||
					!strings.Contains(source.Next, "sudo kextwatch install --reader") {
					t.Errorf("%v, %+v", policy, source)
				}
				return
			}
			if source.State != probe.OK || policy == nil || !policy.ReadAt.Equal(tc.readAt) || len(policy.Rows) != 1 || policy.Source != probe.Reader {
				t.Errorf("%+v, %+v, want it read at %v", policy, source, tc.readAt)
			}
		})
	}
}

// The reason for a reader that does not run contains the cause, if its files show
// it.
func TestWhyTheReaderDoesNotRun(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil        func(t *testing.T, m root.FS)
		reason, next string
		state        probe.ReaderState
	}{
		"switched off": {func(*testing.T, root.FS) {}, "has not run since 2026-05-06T05:50:00Z", "Login Items", probe.ReaderSound},
		"no program":   {func(t *testing.T, m root.FS) { mactest.Remove(t, m.Root, probe.ReaderProgram) }, probe.ReaderProgram + " is missing", installReader, probe.ReaderNoProgram},
		"no plist":     {func(t *testing.T, m root.FS) { mactest.Remove(t, m.Root, probe.ReaderJob) }, probe.ReaderJob + " is missing", installReader, probe.ReaderNoPlist},
		"neither": {func(t *testing.T, m root.FS) {
			mactest.Remove(t, m.Root, probe.ReaderProgram)
			mactest.Remove(t, m.Root, probe.ReaderJob)
		}, "no longer installed", installReader, probe.ReaderAbsent},
		"open to others": {chmodFile(probe.ReaderProgram, 0o777), "can write to", "sudo rm", probe.ReaderUnguarded},
		"open folder":    {chmodFile(filepath.Dir(probe.ReaderJob), 0o777), "can write to", "sudo chmod go-w", probe.ReaderUnguarded},
		"a folder": {func(t *testing.T, m root.FS) {
			mactest.Remove(t, m.Root, probe.ReaderJob)
			mactest.NoError(t, os.Mkdir(filepath.Join(m.Root, probe.ReaderJob), 0o755))
		}, "is not a file", "move it away", probe.ReaderUnguarded},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
			installReaderFiles(t, m)
			publish(t, m)
			tc.spoil(t, m)
			if got := ReadInstallation(m); got.State != tc.state || got.State != probe.ReaderSound && (got.Path == "" || got.Next == "") {
				t.Errorf("%+v", got)
			}
			policy, source := readPublished(m, publishedAt.Add(11*time.Minute))
			if policy != nil || source.State != probe.Failed || !strings.Contains(source.Reason, tc.reason) || !strings.Contains(source.Next, tc.next) {
				t.Errorf("%+v", source)
			}
		})
	}
}

func chmodFile(name string, mode os.FileMode) func(*testing.T, root.FS) {
	return func(t *testing.T, m root.FS) { mactest.NoError(t, os.Chmod(filepath.Join(m.Root, name), mode)) }
}

// A reader that is installed but has never published is not called absent.
func TestAReaderThatPublishedNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil  func(t *testing.T, m root.FS)
		state  probe.SourceState
		reason string
	}{
		"sound":      {func(*testing.T, root.FS) {}, probe.Failed, "has published nothing"},
		"no program": {func(t *testing.T, m root.FS) { mactest.Remove(t, m.Root, probe.ReaderProgram) }, probe.Failed, probe.ReaderProgram + " is missing"},
		"uninstalled": {func(t *testing.T, m root.FS) {
			mactest.Remove(t, m.Root, probe.ReaderProgram)
			mactest.Remove(t, m.Root, probe.ReaderJob)
		}, probe.Absent, "not installed"},
		"only its run": {func(t *testing.T, m root.FS) { runReader(t, m, publishedAt.Add(-time.Minute), runPublished) }, probe.Failed, "has published nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newPublishing(t)
			mactest.NoError(t, os.MkdirAll(filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy)), 0o755))
			installReaderFiles(t, m)
			tc.spoil(t, m)
			policy, source := readPublished(m, publishedAt)
			if policy != nil || source.State != tc.state || !strings.Contains(source.Reason, tc.reason) || source.Next == "" {
				t.Errorf("%+v", source)
			}
		})
	}
}

func TestAnEarlierReaderIsReported(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	installReaderFiles(t, m)
	if got := ReadInstallation(m); got.State != probe.ReaderSound {
		t.Errorf("nothing published: %+v", got)
	}
	publish(t, m)
	if got := ReadInstallation(m); got.State != probe.ReaderSound {
		t.Errorf("%+v", got)
	}
	mactest.Remove(t, m.Root, probe.ReaderLastRun)
	if got := ReadInstallation(m); got.State != probe.ReaderOlder || got.Next != installReader+" again" {
		t.Errorf("%+v", got)
	}
}

// Only root can make a stopped reader look as if it runs.
func TestOddLastRuns(t *testing.T) {
	soon := publishedAt.Add(time.Minute)
	file := func(m root.FS) string { return filepath.Join(m.Root, probe.ReaderLastRun) }
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, m root.FS)
		state probe.SourceState
		words string
	}{
		"as recorded": {func(*testing.T, root.FS) {}, probe.OK, ""},
		"a link": {func(t *testing.T, m root.FS) {
			mactest.NoError(t, os.Rename(file(m), file(m)+".x"))
			mactest.NoError(t, os.Symlink("last-run.x", file(m)))
		}, probe.Failed, "symbolic link"},
		"a dangling link": {func(t *testing.T, m root.FS) {
			mactest.Remove(t, m.Root, probe.ReaderLastRun)
			mactest.NoError(t, os.Symlink("x", file(m)))
		}, probe.Failed, "symbolic link"},
		"a pipe": {func(t *testing.T, m root.FS) {
			mactest.Remove(t, m.Root, probe.ReaderLastRun)
			mactest.NoError(t, syscall.Mkfifo(file(m), 0o600))
		}, probe.Failed, "is not a file"},
		"others may write":               {chmodFile(probe.ReaderLastRun, 0o666), probe.Failed, "can write"},
		"others may write to the folder": {chmodFile(filepath.Dir(probe.ReaderLastRun), 0o777), probe.Failed, "can write"},
		"the folder is a file": {func(t *testing.T, m root.FS) {
			mactest.NoError(t, os.RemoveAll(filepath.Dir(file(m))))
			mactest.AddFile(t, m.Root, filepath.Dir(probe.ReaderLastRun), "")
		}, probe.Failed, "is not a folder"},
		"another word, not the rows of now": {func(t *testing.T, m root.FS) {
			mactest.NoError(t, os.WriteFile(file(m), []byte("\x1b[31mred"), 0o644))
			mactest.NoError(t, os.Chtimes(file(m), publishedAt, publishedAt))
			touch("", soon)(t, m)
		}, probe.Failed, "could not write"},
		"another word, the rows of now": {func(t *testing.T, m root.FS) {
			mactest.NoError(t, os.WriteFile(file(m), bytes.Repeat([]byte("x"), 1e6), 0o644))
			mactest.NoError(t, os.Chtimes(file(m), publishedAt, publishedAt))
		}, probe.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
			publish(t, m)
			tc.spoil(t, m)
			policy, source := readPublished(m, soon)
			if source.State != tc.state || (policy != nil) != (tc.state == probe.OK) || !strings.Contains(source.Reason, tc.words) {
				t.Errorf("%v, %+v", policy, source)
			}
			if source.State != probe.OK && (source.Next == "" || source.Reason != probe.Printable(source.Reason)) {
				t.Errorf("not clean: %+v", source)
			}
		})
	}
}

// If stat is refused, it is not known whether the rows are still current. So a
// later failure is reported.
func TestAFailureCountsWhereStatIsRefused(t *testing.T) {
	m, _ := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	pub, _, err := loadPublication(m)
	mactest.NoError(t, err)
	pub.Failure = &publishedFailure{publishedAt, probe.Denied, "is closed", "open it"}
	putPublication(t, m, pub)
	if policy, source := readAsUser(t, m, publishedAt); policy == nil {
		t.Errorf("the database is still the same: %+v", source)
	}
	closePolicy(t, m)
	policy, source := readAsUser(t, m, publishedAt)
	if policy != nil || source != (probe.Source{Name: probe.Reader, State: probe.Denied, Reason: "is closed", Next: "open it"}) {
		t.Errorf("%v, %+v", policy, source)
	}
}

// putPublication writes any content as a file that root published.
func putPublication(t testing.TB, m root.FS, content any) {
	t.Helper()
	data, err := plist.Marshal(content, plist.BinaryFormat)
	mactest.NoError(t, err)
	mactest.AddFile(t, m.Root, probe.PublishedPolicy, string(data))
}

func TestOddPublications(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("DELETE", mactest.BlockedRow)...)
	publish(t, m)
	good, _, err := loadPublication(m)
	mactest.NoError(t, err)
	whole, err := os.ReadFile(filepath.Join(m.Root, probe.PublishedPolicy))
	mactest.NoError(t, err)
	with := func(change func(p *publication)) []byte {
		p := good
		change(&p)
		data, err := plist.Marshal(p, plist.BinaryFormat)
		mactest.NoError(t, err)
		return data
	}
	mactest.NoError(t, os.Chtimes(file, publishedAt, publishedAt)) // so that it is not the database of now
	for name, tc := range map[string]struct {
		data  []byte
		state probe.SourceState
		words string
	}{
		"as written":         {whole, probe.OK, ""},
		"empty":              {nil, probe.Damaged, "damaged"},
		"cut short":          {whole[:len(whole)/2], probe.Damaged, "damaged"},
		"zeros at the end":   {append(bytes.Clone(whole[:len(whole)-40]), make([]byte, 40)...), probe.Damaged, "damaged"},
		"too large":          {append(bytes.Clone(whole), make([]byte, publishedLimit)...), probe.Damaged, "too large"},
		"another type":       {[]byte("<plist><string>x</string></plist>"), probe.Damaged, "damaged"},
		"an empty list":      {[]byte("<plist><dict/></plist>"), probe.Failed, "another version"},
		"a later format":     {with(func(p *publication) { p.Format = 2 }), probe.Failed, "another version"},
		"no rows and no why": {with(func(p *publication) { p.ReadAt = nil }), probe.Failed, "holds no policy"},
		"read in the year 1": {with(func(p *publication) { p.ReadAt = &time.Time{} }), probe.Failed, "holds no policy"},
		"too many rows":      {with(func(p *publication) { p.Rows = make([]publishedRow, probe.MaxRows+1) }), probe.Damaged, "more than 10000 rows"},
		"too many records":   {with(func(p *publication) { p.History = make([]publishedHistory, probe.MaxRows+1) }), probe.Damaged, "more than 10000 rows"},
		"a state of its own": {with(func(p *publication) {
			p.Failure = &publishedFailure{State: "fine", Reason: "\x1b[31mred", Next: "do\nit"}
		}), probe.Failed, "[31mred"},
		"a failure called ok": {with(func(p *publication) { p.Failure = &publishedFailure{State: probe.OK, Reason: "r", Next: "n"} }), probe.Failed, "r"},
		"an endless failure": {with(func(p *publication) {
			p.Failure = &publishedFailure{State: probe.Busy, Reason: strings.Repeat("x", 1e6), Next: "n"}
		}), probe.Busy, "xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			mactest.AddFile(t, m.Root, probe.PublishedPolicy, string(tc.data))
			policy, source := readPublished(m, publishedAt)
			if source.State != tc.state || (policy != nil) != (tc.state == probe.OK) || !strings.Contains(source.Reason, tc.words) {
				t.Errorf("%v, %+v; want %s: …%s…", policy, source, tc.state, tc.words)
			}
			if source.State != probe.OK && (source.Next == "" || source.Reason != probe.Printable(source.Reason) || source.Next != probe.Printable(source.Next)) {
				t.Errorf("not clean: %+v", source)
			}
		})
	}
}

func TestPublishedTextsAndTimesAreLimited(t *testing.T) {
	m, _ := newPublishing(t)
	never, at := time.Time{}, time.Date(2026, 5, 6, 5, 45, 3, 0, time.UTC)
	late := time.Date(30_000, 1, 1, 0, 0, 0, 0, time.UTC)
	long := strings.Repeat("x", probe.MaxText+1)
	putPublication(t, m, publication{
		Format: publishedFormat, ReadAt: &at,
		Rows: []publishedRow{{TeamID: long, BundleID: "b", Developer: long[1:]}},
		MDM:  []publishedMDM{{BundleID: long}},
		History: []publishedHistory{
			{Path: long, LastSeen: &late}, {BundleID: "b", LastSeen: &at}, {LastSeen: &never},
		},
	})
	policy, source := readPublished(m, at)
	if source.State != probe.OK {
		t.Fatalf("%+v", source)
	}
	if r := policy.Rows[0]; r.TeamID != probe.TooLong || r.Developer != long[1:] || policy.MDM[0].BundleID != probe.TooLong || policy.History[0].Path != probe.TooLong {
		t.Error("texts are longer than the limit")
	}
	if h := policy.History; !h[0].LastSeen.IsZero() || h[1].LastSeen != at || !h[2].LastSeen.IsZero() {
		t.Errorf("%+v", h)
	}
}

func TestTimeOf(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0)} {
		if got := timeOf(&at); !got.IsZero() {
			t.Errorf("%v became %v", at, got)
		}
	}
	for _, at := range []time.Time{time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
		if got := timeOf(&at); !got.Equal(at) {
			t.Errorf("%v became %v", at, got)
		}
	}
}

func TestRecent(t *testing.T) {
	now := publishedAt
	for _, tc := range []struct {
		ago  time.Duration
		want bool
	}{{-probe.ClockJump - 1, false}, {-probe.ClockJump, true}, {0, true}, {readerOverdue, true}, {readerOverdue + 1, false}} {
		if got := Recent(now.Add(-tc.ago), now); got != tc.want {
			t.Errorf("%v ago: %v", tc.ago, got)
		}
	}
}

func FuzzDecodePublication(f *testing.F) {
	m, _ := newPublishing(f, mactest.ApplePolicy("DELETE", mactest.BlockedRow, historyRow,
		`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', '', 1, 'A-UUID')`)...)
	publish(f, m)
	pub, _, err := loadPublication(m)
	mactest.NoError(f, err)
	pub.Failure = &publishedFailure{publishedAt, probe.Busy, "r", "n"}
	for _, format := range []int{plist.BinaryFormat, plist.XMLFormat} {
		data, err := plist.Marshal(pub, format)
		mactest.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	// Only the owner of the Mac's root can write this file. It may have all rows of the
	// database, so it may cost more than a file of another program.
	hostile.FuzzReaders(f, 2, func(t *testing.T, data []byte) {
		pub, err := decodePublication(data)
		if err != nil {
			return
		}
		policy := pub.policy(timeOf(pub.ReadAt))
		if len(policy.Rows) > probe.MaxRows || len(policy.MDM) > probe.MaxRows || len(policy.History) > probe.MaxRows {
			t.Error("more rows than the limit")
		}
		for _, r := range policy.Rows {
			if len(r.TeamID) > probe.MaxText || len(r.BundleID) > probe.MaxText || len(r.Developer) > probe.MaxText {
				t.Error("a text is longer than the limit")
			}
		}
		for _, h := range policy.History {
			if _, err := h.LastSeen.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
		if pub.Failure != nil && pub.Failure.source().State == probe.OK {
			t.Error("a failure with the state ok")
		}
	})
}
