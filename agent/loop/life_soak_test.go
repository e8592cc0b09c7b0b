//go:build soak && linux && amd64

package loop

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// step is what happens on a Mac, at a time after the start of the story.
type step struct {
	at time.Duration
	do func(*probe.Snapshot)
}

// story is what happens on a Mac in the time of one test.
type story struct {
	name  string
	steps []step
	end   time.Duration
}

var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // the time in a new bubble

func row(team, bundle, developer string) probe.PolicyRow {
	return probe.PolicyRow{TeamID: team, BundleID: bundle, Developer: developer}
}

// tries is a load attempt of a product that macOS blocks.
func tries(r probe.PolicyRow, path string, at time.Duration) step {
	return step{at, func(s *probe.Snapshot) {
		rows, history := s.Policy.Rows[:0], s.Policy.History[:0]
		for _, other := range s.Policy.Rows {
			if other.BundleID != r.BundleID {
				rows = append(rows, other)
			}
		}
		for _, other := range s.Policy.History {
			if other.BundleID != r.BundleID {
				history = append(history, other)
			}
		}
		s.Policy.Rows = append(rows, r)
		s.Policy.History = append(history, probe.LoadRecord{TeamID: r.TeamID, BundleID: r.BundleID, Path: path, LastSeen: began.Add(at)})
	}}
}

func allows(bundle string, at time.Duration) step {
	return step{at, func(s *probe.Snapshot) {
		for i, r := range s.Policy.Rows {
			if r.BundleID == bundle {
				s.Policy.Rows[i].Allowed = true
			}
		}
	}}
}

func loads(at time.Duration) step {
	return step{at, func(s *probe.Snapshot) {
		s.Loaded.Kexts = []probe.LoadedKext{{BundleID: s.Kexts[0].BundleID, Version: s.Kexts[0].Version}}
	}}
}

var (
	parallels  = row(probe.ParallelsTeamID, "com.parallels.kext.hypervisor", "Parallels International GmbH")
	virtualBox = row("VB5E2TV963", "org.virtualbox.kext.VBoxDrv", "Oracle America, Inc.")
)

const virtualBoxPath = "/Library/Application Support/VirtualBox/VBoxDrv.kext"

func onMacOS(version, build string) step {
	return step{0, func(s *probe.Snapshot) {
		s.Mac.OS = probe.OSVersion{Version: version, Build: build}
		s.Mac.BootedAt = began.Add(-time.Hour)
	}}
}

// stories have windows that are missed, reopened, approved, overlap, and end with a restart.
var stories = []story{
	{"a window is missed, opens again and is approved", []step{
		onMacOS("10.15.7", "19H2026"),
		tries(parallels, "", time.Minute),
		tries(parallels, "", 40*time.Minute),
		allows(parallels.BundleID, 45*time.Minute),
		loads(45*time.Minute + time.Second),
		{50 * time.Minute, func(s *probe.Snapshot) { s.Apps[0].Version = "16.5.2" }},
	}, time.Hour},
	{"an approval needs a restart", []step{
		onMacOS("12.7.6", "21H1320"),
		{0, func(s *probe.Snapshot) {
			s.Apps[0].Version, s.Apps[0].Build, s.Kexts[0].Version = "18.3.4", "53639", "18.3.4 53639"
		}},
		tries(parallels, "", time.Minute),
		allows(parallels.BundleID, 8*time.Minute),
		{20 * time.Minute, func(s *probe.Snapshot) { s.Mac.BootSession, s.Mac.BootedAt = "S2", began.Add(20*time.Minute) }},
		loads(22 * time.Minute),
	}, 40 * time.Minute},
	{"the windows of two products overlap", []step{
		onMacOS("10.15.7", "19H2026"),
		{0, func(s *probe.Snapshot) {
			s.Kexts = append(s.Kexts, probe.Kext{BundleID: virtualBox.BundleID, TeamID: virtualBox.TeamID, Version: "6.1.50", Path: virtualBoxPath})
		}},
		tries(virtualBox, virtualBoxPath, time.Minute),
		tries(parallels, "", 12*time.Minute),
		allows(virtualBox.BundleID, 20*time.Minute),
	}, 45 * time.Minute},
}

// diary is a bubble that writes down what a user would notice. Each line is one write, so
// it survives the death of the process.
type diary struct {
	*bubble
	file *os.File
}

func (d diary) note(kind, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	fmt.Fprintf(d.file, "%s\t%d\t%s\n", kind, time.Since(began), text)
}

func (d diary) SnapshotNow(ctx context.Context, now time.Time, how mac.Options) probe.Snapshot {
	d.note("poll", "")
	return d.bubble.SnapshotNow(ctx, now, how)
}

func (d diary) Post(_ context.Context, alert notify.Alert) error {
	d.note("alert", "%s: %s", alert.Title, alert.Body)
	return nil
}

// live runs the agent in its home during a story, from a time on. Call it in a bubble.
func (s story) live(t *testing.T, home, diaryFile string, from time.Duration) {
	f, err := os.OpenFile(diaryFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := diary{newBubble(), f}
	time.Sleep(from)
	next := 0
	for ; next < len(s.steps) && s.steps[next].at <= from; next++ {
		d.change(s.steps[next].do)
	}
	st, warnings := store.Open(store.PlacesIn(home), time.Now())
	for _, w := range warnings {
		d.note("warning", "%s", w)
	}
	edges := d.edges()
	edges.Prober, edges.Poster, edges.Events = d, d, nil
	stop := d.run(t, New(edges, st, nil))
	for _, step := range s.steps[next:] {
		time.Sleep(time.Until(began.Add(step.at)))
		d.change(step.do)
		d.hint(settled)
	}
	time.Sleep(time.Until(began.Add(s.end)))
	synctest.Wait()
	d.note("end", "%v", st.Gaps())
	stop()
}
