//go:build soak && linux

package loop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/mactest"
	"kextwatch/probe/mactest/soak"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// month is the agent on a simulated Mac for 30 days. Its snapshots are real: they read the
// files of that Mac and run its tools. Only the hints are made by the test.
type month struct {
	*testing.T
	rng     *rand.Rand
	home    string
	ran     string // a file with a line for each tool that ran
	mac     root.FS
	sim     *simmac.Mac
	d       *bubble
	stop    func()
	blocked bool // Parallels is
	others  int  // products of other developers so far
}

// monthProber takes real snapshots, and counts them.
type monthProber struct {
	*mac.Prober
	d *bubble
}

func (p monthProber) SnapshotNow(ctx context.Context, now time.Time, how mac.Options) probe.Snapshot {
	p.d.SnapshotNow(ctx, now, how)
	return p.Prober.SnapshotNow(ctx, now, how)
}

// counted is what an agent did in some time.
type counted struct{ polls, processes, alerts int }

// days are stories of one day: what happens, and what the agent may do because of it. A snapshot at
// the start, after each hint, and every 15 seconds while a window is open.
var days = []struct {
	name string
	do   func(m *month) (want counted) // alerts are exact, polls and processes at most
}{
	{"nothing happens", func(*month) counted { return counted{} }},
	{"other programs touch the files", func(m *month) counted {
		for range 20 {
			m.d.hint(probe.Hint{})
			m.d.hint(settled)
			time.Sleep(time.Duration(m.rng.IntN(3600)) * time.Second)
		}
		want := counted{polls: 80}
		if m.blocked { // what keeps a click from working is queried again: at most 5 tools
			want.processes = 20 * 5
		}
		return want
	}},
	{"the Mac sleeps and wakes", func(m *month) counted {
		time.Sleep(8 * time.Hour)
		m.d.hint(probe.Hint{Settled: true, Woke: true})
		return counted{polls: 4, processes: 30}
	}},
	{"kextwatch starts again", func(m *month) counted {
		m.stop()
		m.start()
		return counted{polls: 4, processes: 30}
	}},
	{"a window of Parallels is missed", func(m *month) counted {
		m.blocked = true
		m.must(m.sim.Attempt(time.Now()))
		m.hints()
		time.Sleep(time.Hour)
		return counted{polls: 160, processes: 160, alerts: 5} // opened, 3 reminders, closed
	}},
	{"another product is approved in time", func(m *month) counted {
		m.others++
		k := simmac.Kext{Path: fmt.Sprintf("/Library/Extensions/other%d.kext", m.others), ID: fmt.Sprintf("com.example.other%d", m.others),
			Version: "1", Team: fmt.Sprintf("TEAM%06d", m.others), Archs: []probe.Arch{probe.Intel}}
		m.must(m.sim.AddKext(k))
		m.hints()
		time.Sleep(time.Hour)
		m.must(m.sim.AttemptKext(k.ID, time.Now()))
		m.hints()
		minutes := 1 + m.rng.IntN(13)
		time.Sleep(time.Duration(minutes) * time.Minute)
		m.must(m.sim.AllowKext(k.ID, time.Now()))
		m.hints()
		time.Sleep(10 * time.Second)
		m.must(m.sim.LoadKext(k.ID, time.Now()))
		m.hints()
		return counted{polls: 100, processes: 100, alerts: 1 + 1 + 1} // opened, approved, ready
	}},
}

func (m *month) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// hints are those of one change.
func (m *month) hints() {
	m.d.hint(probe.Hint{})
	time.Sleep(probe.CommitDelay)
	m.d.hint(settled)
}

func (m *month) start() {
	edges := m.d.edges()
	edges.Prober = monthProber{mac.NewProber(m.mac), m.d}
	m.stop = m.d.run(m.T, New(edges, open(m.T, m.home), m.d.set))
}

// countTools replaces each tool of the Mac by a script that notes its name and runs it.
func (m *month) countTools() {
	for _, dir := range []string{"bin", "usr/bin", "usr/sbin", "sbin", "usr/local/bin"} {
		entries, _ := os.ReadDir(filepath.Join(m.mac.Root, dir))
		for _, e := range entries {
			tool := filepath.Join(m.mac.Root, dir, e.Name())
			real := filepath.Join(filepath.Dir(tool), "."+e.Name())
			m.must(os.Rename(tool, real))
			m.must(os.WriteFile(tool, fmt.Appendf(nil, "#!/bin/sh\necho %s >>'%s'\nexec '%s' \"$@\"\n", e.Name(), m.ran, real), 0o755))
		}
	}
}

func (m *month) count() counted {
	now := m.d.now()
	return counted{now.polls, strings.Count(mactest.Content(m.ran), "\n"), len(now.alerts)}
}

// TestSoakMonth runs the agent for 30 days. It polls and runs tools only because of what
// happens, and its alerts are those of each day's story.
func TestSoakMonth(t *testing.T) {
	rng := soak.Random(t)
	dir, home := t.TempDir(), t.TempDir()
	type total struct {
		days int
		counted
	}
	totals := make([]total, len(days))
	synctest.Test(t, func(t *testing.T) {
		m := &month{T: t, rng: rng, home: home, ran: filepath.Join(home, "ran"), mac: root.FS{Root: dir}, d: newBubble()}
		var err error
		m.sim, err = simmac.New(dir, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1", Now: time.Now().Add(-time.Hour)})
		m.must(err)
		m.countTools()
		m.start()
		defer func() { m.stop() }()
		time.Sleep(time.Hour)
		for day := range soak.Count(len(days), 30) {
			began, before, which := time.Now(), m.count(), rng.IntN(len(days))
			if day < len(days) { // each story at least once
				which = day
			}
			want := days[which].do(m)
			time.Sleep(time.Until(began.Add(24 * time.Hour)))
			after := m.count()
			got := counted{after.polls - before.polls, after.processes - before.processes, after.alerts - before.alerts}
			if got.alerts != want.alerts || got.polls > want.polls || got.processes > want.processes {
				t.Errorf("day %d, %s: %+v, want %+v; alerts %+v", day+1, days[which].name, got, want, m.d.now().alerts[before.alerts:])
			}
			sum := &totals[which]
			sum.days++
			sum.polls, sum.processes, sum.alerts = sum.polls+got.polls, sum.processes+got.processes, sum.alerts+got.alerts
		}
	})
	for i, day := range days {
		sum := totals[i]
		soak.Row{Part: "30 days on a simulated Mac", Fault: day.name, Tried: sum.days,
			Happened: fmt.Sprintf("%d snapshots, %d processes, %d alerts, as expected.", sum.polls, sum.processes, sum.alerts)}.Record(t)
	}
}
