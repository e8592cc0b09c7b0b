package policy

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// commitTime is the last_seen of a commit of writeKept.
func commitTime(i int) time.Time {
	return time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
}

// writeKept writes rows with a connection that it keeps until the test ends, as macOS does,
// and calls each after every commit. It begins the -wal again after so many pages.
func writeKept(t testing.TB, file string, pages, commits int, each func(i int)) {
	t.Helper()
	db, err := sql.Open("sqlite", fmt.Sprintf("%s?_pragma=synchronous(off)&_pragma=wal_autocheckpoint(%d)", file, pages))
	mactest.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	for i := range commits {
		_, err := db.Exec(`UPDATE kext_load_history_v3 SET last_seen = ?`, commitTime(i).Format(time.DateTime))
		mactest.NoError(t, err)
		each(i)
	}
}

// A -wal is written from its start again and again, and never becomes shorter. After every
// commit, the rows are the newest, and the old frames are not copied.
func TestALongLogIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	m, file := newPolicy(t, mactest.ApplePolicy("WAL", mactest.BlockedRows(1)...)...)
	longest, shortest := 0, 1<<30
	writeKept(t, file, 100, 350, func(i int) {
		policy, source := ReadDatabase(t.Context(), m, commitTime(0))
		if source.State != probe.OK || len(policy.History) != 1 || !policy.History[0].LastSeen.Equal(commitTime(i)) {
			t.Fatalf("after commit %d: %+v, %+v", i, source, policy)
		}
		if i > 150 {
			c, err := copyDatabase(t.Context(), m)
			mactest.NoError(t, err)
			longest, shortest = max(longest, len(c[1])), min(shortest, len(c[1]))
		}
	})
	if longest < 300_000 || shortest > 100_000 {
		t.Errorf("of a long -wal, %d to %d bytes were copied", shortest, longest)
	}
}

// Whatever is in a -wal, SQLite finds the same rows in the part that is copied as in all of it.
func TestTheRestOfALogHasNoRows(t *testing.T) {
	t.Parallel()
	_, file := newPolicy(t, mactest.ApplePolicy("WAL", mactest.BlockedRows(3)...)...)
	random := rand.New(rand.NewPCG(1, 2))
	cut, broken := 0, 0
	writeKept(t, file, 100, 250, func(i int) {
		if i < 90 || i%3 > 0 {
			return
		}
		var whole databaseCopy
		for at, ending := range []string{"", "-wal"} {
			data, err := os.ReadFile(file + ending)
			mactest.NoError(t, err)
			whole[at] = data
		}
		for range 4 {
			wal := bytes.Clone(whole[1])
			switch random.IntN(4) {
			case 0: // as it is
			case 1: // a byte is damaged
				wal[random.IntN(len(wal))] ^= 1 << random.IntN(8)
			case 2: // the salt of a frame is damaged
				wal[walHeaderSize+random.IntN(len(wal)/4120)*4120+frameSalt+random.IntN(saltSize)] ^= 0xff
			case 3: // the end is missing
				wal = wal[:random.IntN(len(wal))]
			}
			end := walEnd(bytes.NewReader(wal), wal[:min(len(wal), headerSize)], int64(len(wal)))
			if end < int64(len(wal)) {
				cut++
			}
			want, wantErr := rowsIn(t.Context(), databaseCopy{bytes.Clone(whole[0]), bytes.Clone(wal)})
			got, err := rowsIn(t.Context(), databaseCopy{bytes.Clone(whole[0]), wal[:end:end]})
			if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("after commit %d, %d of %d bytes: %+v, %v; want %+v, %v", i, end, len(wal), got, err, want, wantErr)
			}
			if want != nil && !want.History[0].LastSeen.Equal(commitTime(i)) {
				broken++
			}
		}
	})
	if cut < 50 || broken < 10 {
		t.Errorf("%d logs were cut, %d had lost rows", cut, broken)
	}
}

func rowsIn(ctx context.Context, c databaseCopy) (*probe.Policy, error) {
	var found *probe.Policy
	err := inCopy(ctx, c, func(c *connection) (err error) {
		found, err = readPolicy(ctx, c)
		return err
	})
	return found, err
}

// What is no -wal of SQLite is read as a whole.
func TestWhatIsNoLogIsNotCut(t *testing.T) {
	header := func(magic, page uint32) []byte {
		data := make([]byte, 3*(frameHeaderSize+512)+walHeaderSize)
		for i, v := range []uint32{magic, 0, page, 0, 7, 7} {
			copy(data[4*i:], []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		}
		return data
	}
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{
		"a log with other salts":  {header(walMagic, 512), walHeaderSize},
		"in the other byte order": {header(walMagic+1, 512), walHeaderSize},
		"another magic":           {header(walMagic+2, 512), 1640},
		"page of 0 bytes":         {header(walMagic, 0), 1640},
		"page of 513 bytes":       {header(walMagic, 513), 1640},
		"page of 128 KiB":         {header(walMagic, 128<<10), 1640},
		"page above the file":     {header(walMagic, 64<<10), 1640},
		"only a header":           {header(walMagic, 512)[:walHeaderSize], walHeaderSize},
		"part of a header":        {header(walMagic, 512)[:20], 20},
		"part of a frame":         {header(walMagic, 512)[:100], 100},
		"nothing":                 {nil, 0},
	} {
		if got := walEnd(bytes.NewReader(tt.data), tt.data[:min(len(tt.data), headerSize)], int64(len(tt.data))); got != int64(tt.want) {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// BenchmarkReadLongLog reads a database whose writer keeps its connection, after so many
// commits. After 1,050, SQLite has begun the -wal again.
func BenchmarkReadLongLog(b *testing.B) {
	for _, commits := range []int{1, 500, 950, 1050} {
		b.Run(fmt.Sprint(commits), func(b *testing.B) {
			m, file := newPolicy(b, mactest.ApplePolicy("WAL", mactest.BlockedRows(10)...)...)
			writeKept(b, file, 1000, commits, func(int) {})
			for b.Loop() {
				if policy, source := ReadDatabase(b.Context(), m, time.Now()); source.State != probe.OK || len(policy.Rows) != 10 {
					b.Fatalf("%+v", source)
				}
			}
		})
	}
}
