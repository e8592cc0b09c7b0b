package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/fleet"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// The file for fleet tools is written when something changed, and at the heartbeat, so
// that a reader can tell an agent that has nothing to say from one that is gone.
func TestFleetFileIsWrittenWhenItChanges(t *testing.T) {
	m := root.FS{Root: mactest.Root(t), UID: os.Geteuid()}
	folder := filepath.Join(m.Root, probe.FleetStates, fmt.Sprint(m.UID))
	path := filepath.Join(folder, probe.FleetState)
	s := &Store{broken: map[string]string{}, Fleet: FleetFile{Mac: m, Version: "1.2"}}
	now := time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)
	st := approval.Status{At: now, Verdict: approval.Approved, Products: []approval.Product{{ID: "team", Name: "macFUSE", Verdict: approval.Approved}}}
	// publish reports whether the file was written.
	publish := func() bool {
		t.Helper()
		os.Remove(path)
		st.At = now
		if err := s.PublishForFleets(st, now); err != nil {
			t.Fatal(err)
		}
		_, err := os.Lstat(path)
		return err == nil
	}
	if publish() || s.Fleet.Due(now) != 0 {
		t.Error("without the folder: something was written, or will be")
	}
	mactest.NoError(t, os.MkdirAll(folder, 0o755))
	st.Facts.Pending = true
	if publish() {
		t.Error("written while a tool still answers")
	}
	st.Facts.Pending = false
	if !publish() || s.Fleet.Due(now) != fleet.Heartbeat {
		t.Errorf("not written at first, or the next time is in %v", s.Fleet.Due(now))
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v; want a file that everyone may read", info, err)
	}
	now = now.Add(fleet.Heartbeat - time.Minute)
	if publish() || s.Fleet.Due(now) != time.Minute {
		t.Errorf("written without news, or the next time is in %v", s.Fleet.Due(now))
	}
	st.Verdict, st.Products[0].Verdict = approval.RestartPending, approval.RestartPending
	if !publish() {
		t.Error("a change was not written")
	}
	now = now.Add(fleet.Heartbeat)
	if s.Fleet.Due(now) != time.Minute || !publish() {
		t.Error("no heartbeat")
	}
	now = now.Add(-48 * time.Hour) // the clock was wrong
	if !publish() {
		t.Error("a time in the future was kept")
	}
	mactest.NoError(t, os.RemoveAll(folder))
	if publish() || s.Fleet.Due(now) != 0 {
		t.Error("the folder is gone, and its file is due")
	}
}

// A folder that another user controls gets nothing, and is reported once.
func TestFleetFileInTheWrongHands(t *testing.T) {
	m := root.FS{Root: mactest.Root(t), UID: os.Geteuid()}
	folder := filepath.Join(m.Root, probe.FleetStates, fmt.Sprint(m.UID))
	mactest.NoError(t, os.MkdirAll(folder, 0o755))
	mactest.NoError(t, os.Chmod(folder, 0o777))
	s := &Store{broken: map[string]string{}, Fleet: FleetFile{Mac: m}}
	now := time.Now()
	st := approval.Status{At: now, Verdict: approval.Approved}
	if err := s.PublishForFleets(st, now); err == nil || !strings.Contains(err.Error(), "users other than its owner") {
		t.Errorf("%v", err)
	}
	if err := s.PublishForFleets(st, now); !errors.Is(err, ErrReported) {
		t.Errorf("the second time: %v", err)
	}
	if names, _ := os.ReadDir(folder); len(names) > 0 || s.Fleet.Due(now) != fleet.Heartbeat {
		t.Errorf("the folder has %v; the next try is in %v", names, s.Fleet.Due(now))
	}
	mactest.NoError(t, os.Chmod(folder, 0o755))
	if err := s.PublishForFleets(st, now); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}
