package mac

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

func TestReaderIsNotInstalled(t *testing.T) {
	for name, m := range map[string]Mac{"no folder": bareMac(t), "an empty folder": bareMac(t)} {
		if name == "an empty folder" {
			noError(t, os.MkdirAll(filepath.Join(m.Root, filepath.Dir(publishedPath)), 0o755))
		}
		noError(t, os.Chmod(m.Root, 0o755))
		policy, source := m.readPublished(publishedAt)
		if policy != nil || source.Name != probe.Reader || source.State != probe.Absent || source.Next != "run `sudo kextwatch install --reader`" {
			t.Errorf("%s: %v, %+v", name, policy, source)
		}
	}
}

// An ordinary user sees by stat alone whether the rows are those of now.
func TestHowOldPublishedRowsAre(t *testing.T) {
	later := func(minutes int) time.Time { return publishedAt.Add(time.Duration(minutes) * time.Minute) }
	touch := func(file string, at time.Time) func(*testing.T, Mac) {
		return func(t *testing.T, m Mac) {
			p := filepath.Join(m.Root, kextPolicyPath+file)
			f, err := os.OpenFile(p, os.O_CREATE, 0o600)
			noError(t, err)
			f.Close()
			noError(t, os.Chtimes(p, at, at))
		}
	}
	closed := func(t *testing.T, m Mac) {
		dir := filepath.Join(m.Root, filepath.Dir(kextPolicyPath))
		mode := os.FileMode(0o700)
		if os.Geteuid() != 0 {
			mode = 0
		}
		noError(t, os.Chmod(dir, mode))
		t.Cleanup(func() { os.Chmod(dir, 0o700) })
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, m Mac)
		now    time.Time
		readAt time.Time // zero: the reader does not run
	}{
		"nothing changed":                           {func(*testing.T, Mac) {}, later(1), later(1)},
		"nothing changed for a week":                {func(*testing.T, Mac) {}, later(7 * 24 * 60), later(7 * 24 * 60)},
		"changed a moment ago":                      {touch("", later(60)), later(60), publishedAt},
		"a -wal came a moment ago":                  {touch("-wal", later(60)), later(60), publishedAt},
		"a -journal came":                           {touch("-journal", later(60)), later(60), publishedAt},
		"changed ten minutes ago":                   {touch("", later(60)), later(70), publishedAt},
		"changed eleven minutes ago":                {touch("", later(60)), later(71), time.Time{}},
		"the -wal changed eleven minutes ago":       {touch("-wal", later(60)), later(71), time.Time{}},
		"an old change, read a moment ago":          {touch("", later(-600)), later(5), publishedAt},
		"an old change that was never read":         {touch("", later(-600)), later(30), time.Time{}},
		"removed, read a moment ago":                {func(t *testing.T, m Mac) { remove(t, m, kextPolicyPath) }, later(5), publishedAt},
		"removed long ago":                          {func(t *testing.T, m Mac) { remove(t, m, kextPolicyPath) }, later(30), time.Time{}},
		"stat is refused":                           {closed, later(5), publishedAt},
		"stat is refused, and it was read long ago": {closed, later(600), publishedAt},
	} {
		t.Run(name, func(t *testing.T) {
			m, file := newPublishing(t, applePolicy("DELETE", blockedRow)...)
			noError(t, os.Chmod(file, 0o600))
			noError(t, os.Chtimes(file, publishedAt, publishedAt))
			publish(t, m)
			tc.change(t, m)
			policy, source := readAsUser(t, m, tc.now)
			if tc.readAt.IsZero() {
				if policy != nil || source.State != probe.Failed || !strings.Contains(source.Reason, "2026-05-06T05:50:00Z") ||
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

// Where stat is refused nobody knows whether the rows still count, so a
// failure since then is the answer.
func TestAFailureCountsWhereStatIsRefused(t *testing.T) {
	m, _ := newPublishing(t, applePolicy("DELETE", blockedRow)...)
	publish(t, m)
	pub, _, err := m.loadPublication()
	noError(t, err)
	pub.Failure = &publishedFailure{publishedAt, probe.Denied, "is closed", "open it"}
	putPublication(t, m, pub)
	if policy, source := readAsUser(t, m, publishedAt); policy == nil {
		t.Errorf("the database is still the same: %+v", source)
	}
	dir := filepath.Join(m.Root, filepath.Dir(kextPolicyPath))
	mode := os.FileMode(0o700)
	if os.Geteuid() != 0 {
		mode = 0
	}
	noError(t, os.Chmod(dir, mode))
	defer os.Chmod(dir, 0o700)
	policy, source := readAsUser(t, m, publishedAt)
	if policy != nil || source != (probe.Source{Name: probe.Reader, State: probe.Denied, Reason: "is closed", Next: "open it"}) {
		t.Errorf("%v, %+v", policy, source)
	}
}

// putPublication is a file that root published, of whatever content.
func putPublication(t testing.TB, m Mac, content any) {
	t.Helper()
	data, err := plist.Marshal(content, plist.BinaryFormat)
	noError(t, err)
	addFile(t, m, publishedPath, string(data))
}

func TestOddPublications(t *testing.T) {
	m, file := newPublishing(t, applePolicy("DELETE", blockedRow)...)
	publish(t, m)
	good, _, err := m.loadPublication()
	noError(t, err)
	whole, err := os.ReadFile(filepath.Join(m.Root, publishedPath))
	noError(t, err)
	with := func(change func(p *publication)) []byte {
		p := good
		change(&p)
		data, err := plist.Marshal(p, plist.BinaryFormat)
		noError(t, err)
		return data
	}
	noError(t, os.Chtimes(file, publishedAt, publishedAt)) // so that it is not the database of now
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
		"too many rows":      {with(func(p *publication) { p.Rows = make([]publishedRow, rowLimit+1) }), probe.Damaged, "more than 10000 rows"},
		"too many records":   {with(func(p *publication) { p.History = make([]publishedHistory, rowLimit+1) }), probe.Damaged, "more than 10000 rows"},
		"a state of its own": {with(func(p *publication) {
			p.Failure = &publishedFailure{State: "fine", Reason: "\x1b[31mred", Next: "do\nit"}
		}), probe.Failed, "[31mred"},
		"a failure called ok": {with(func(p *publication) { p.Failure = &publishedFailure{State: probe.OK, Reason: "r", Next: "n"} }), probe.Failed, "r"},
		"an endless failure": {with(func(p *publication) {
			p.Failure = &publishedFailure{State: probe.Busy, Reason: strings.Repeat("x", 1e6), Next: "n"}
		}), probe.Busy, "xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			addFile(t, m, publishedPath, string(tc.data))
			policy, source := m.readPublished(publishedAt)
			if source.State != tc.state || (policy != nil) != (tc.state == probe.OK) || !strings.Contains(source.Reason, tc.words) {
				t.Errorf("%v, %+v; want %s: …%s…", policy, source, tc.state, tc.words)
			}
			if source.State != probe.OK && (source.Next == "" || source.Reason != printable(source.Reason) || source.Next != printable(source.Next)) {
				t.Errorf("unfit to be shown: %+v", source)
			}
		})
	}
}

func TestPublishedTextsAndTimesAreLimited(t *testing.T) {
	m, _ := newPublishing(t)
	never, at := time.Time{}, time.Date(2026, 5, 6, 5, 45, 3, 0, time.UTC)
	late := time.Date(30_000, 1, 1, 0, 0, 0, 0, time.UTC)
	long := strings.Repeat("x", textLimit+1)
	putPublication(t, m, publication{
		Format: publishedFormat, ReadAt: &at,
		Rows: []publishedRow{{TeamID: long, BundleID: "b", Developer: long[1:]}},
		MDM:  []publishedMDM{{PayloadUUID: long}},
		History: []publishedHistory{
			{Path: long, CreatedAt: &never, LastSeen: &late}, {BundleID: "b", LastSeen: &at}, {},
		},
	})
	policy, source := m.readPublished(at)
	if source.State != probe.OK {
		t.Fatalf("%+v", source)
	}
	if r := policy.Rows[0]; r.TeamID != tooLong || r.Developer != long[1:] || policy.MDM[0].PayloadUUID != tooLong || policy.History[0].Path != tooLong {
		t.Error("texts without limit")
	}
	if h := policy.History; !h[0].CreatedAt.IsZero() || !h[0].LastSeen.IsZero() || h[1].LastSeen != at || !h[2].LastSeen.IsZero() {
		t.Errorf("%+v", h)
	}
}

func TestTimeOf(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0)} {
		if got := timeOf(&at); !got.IsZero() {
			t.Errorf("%v became %v", at, got)
		}
	}
}

func FuzzDecodePublication(f *testing.F) {
	m, _ := newPublishing(f, applePolicy("DELETE", blockedRow, historyRow,
		`INSERT INTO kext_policy_mdm VALUES ('4C6364ACXT', '', 1, 'A-UUID')`)...)
	publish(f, m)
	pub, _, err := m.loadPublication()
	noError(f, err)
	pub.Failure = &publishedFailure{publishedAt, probe.Busy, "r", "n"}
	for _, format := range []int{plist.BinaryFormat, plist.XMLFormat} {
		data, err := plist.Marshal(pub, format)
		noError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pub, err := decodePublication(data)
		if err != nil {
			return
		}
		policy := pub.policy(timeOf(pub.ReadAt))
		if len(policy.Rows) > rowLimit || len(policy.MDM) > rowLimit || len(policy.History) > rowLimit {
			t.Error("rows without limit")
		}
		for _, r := range policy.Rows {
			if len(r.TeamID) > textLimit || len(r.BundleID) > textLimit || len(r.Developer) > textLimit {
				t.Error("a text without limit")
			}
		}
		for _, h := range policy.History {
			if _, err := h.LastSeen.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
		if pub.Failure != nil && pub.Failure.source().State == probe.OK {
			t.Error("a failure that is none")
		}
	})
}
