package loop

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// The load history names a path on a file server that does not answer. The agent
// still announces the window of Parallels, and the extension counts as installed.
func TestLoopAnnouncesDespiteABlockedPath(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	began := time.Now().Add(-time.Hour)
	sim, err := simmac.New(dir, simmac.Options{MacOS: "12.7.6", Parallels: "16.5.1", Now: began})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	const dead = "/Library/Extensions/dead.kext"
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, probe.KextPolicy))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, boot_uuid, created_at, last_seen, flags)
		VALUES (?, 'TEAM', 'com.example.dead', '', datetime('now', '-2 hours'), datetime('now', '-2 hours'), 0)`, dead)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	wait := make(chan struct{})
	defer close(wait)
	m := root.FS{Root: dir, Files: &root.Files{Before: func(path string) {
		if strings.Contains(path, "dead.kext") {
			<-wait
		}
	}}}
	prober := mac.NewProber(m)
	d := newBubble()
	st, warnings := store.Open(store.PlacesIn(home), time.Now())
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	edges := d.edges()
	edges.Prober = lookProber{d, prober}
	l := New(edges, st, nil)
	over := make(chan struct{})
	go func() {
		l.Run(t.Context())
		close(over)
	}()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		d.mu.Lock()
		announced := slices.ContainsFunc(d.lines, func(e store.Event) bool { return e.Event == approval.WindowOpened })
		d.mu.Unlock()
		if announced {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatal("no window was announced")
		}
	}
	d.clicks <- notify.Quit
	<-over
	snap := l.status.Facts
	if !slices.ContainsFunc(snap.Kexts, func(k probe.Kext) bool { return k.Path == dead && k.Unread }) {
		t.Errorf("kexts %+v, want the one on the file server among them", snap.Kexts)
	}
	if !slices.ContainsFunc(snap.Gaps, func(g probe.Gap) bool { return strings.Contains(g.Err, "did not answer in time") }) {
		t.Errorf("gaps %+v, want one about it", snap.Gaps)
	}
}

// lookProber takes the snapshots of a real prober.
type lookProber struct {
	*bubble
	prober *mac.Prober
}

func (p lookProber) SnapshotNow(ctx context.Context, now time.Time, how mac.Options) probe.Snapshot {
	return p.prober.SnapshotNow(ctx, now, how)
}
func (p lookProber) Answers() <-chan struct{} { return p.prober.Answers() }
func (p lookProber) Wait()                    { p.prober.Wait() }
