package mac

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

// queryStory is a Mac whose database nobody can read, with a clock. Its osascript
// counts the queries.
type queryStory struct {
	*snapshotStory
	now   time.Time
	moves int
}

const (
	frameworkQueried = "osascript"
	parallelsInfo    = probe.ParallelsApp + "/Contents/Info.plist"
)

func newQueryStory(t *testing.T) *queryStory {
	t.Helper()
	s := &queryStory{snapshotStory: newSnapshotStory(t, "10.15.7", ""), now: snapshotAt}
	mactest.AddFile(t, s.m.Root, probe.KextPolicy, "not a database")
	for _, name := range append(probe.KextPolicyFiles[:], parallelsInfo) {
		if _, err := os.Stat(filepath.Join(s.m.Root, name)); err == nil {
			s.move(name)
		}
	}
	s.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, false)+"]", "[]"))
	return s
}

// answers sets the framework's answer.
func (s *queryStory) answers(text string) { s.does("cat <<'END'\n" + text + "\nEND\n") }

func (s *queryStory) does(script string) {
	s.t.Helper()
	mactest.AddTool(s.t, s.m.Root, probe.OsascriptTool, "echo "+frameworkQueried+" >>'"+filepath.Join(s.m.Root, "queried")+"'\n"+script)
}

// move changes the modification time of a file to a time long ago.
func (s *queryStory) move(name string) {
	s.t.Helper()
	s.moves++
	at := time.Now().Add(-24*time.Hour + time.Duration(s.moves)*time.Minute)
	mactest.NoError(s.t, os.Chtimes(filepath.Join(s.m.Root, name), at, at))
}

// want takes a snapshot later than the last one and checks the number of queries.
func (s *queryStory) want(after string, later time.Duration, fresh bool, queries int) probe.Snapshot {
	s.t.Helper()
	log := filepath.Join(s.m.Root, "queried")
	mactest.NoError(s.t, os.RemoveAll(log))
	s.now = s.now.Add(later)
	snap := s.prober.Snapshot(s.t.Context(), s.now, Options{Fresh: fresh})
	data, err := os.ReadFile(log)
	if err != nil && !root.NotExist(err) {
		s.t.Fatal(err)
	}
	if got := strings.Count(string(data), frameworkQueried); got != queries {
		s.t.Errorf("%s: queried %d times, want %d", after, got, queries)
	}
	return snap
}

func (s *queryStory) wantIn(after string, in time.Duration, asks bool) {
	s.t.Helper()
	if gotIn, got := s.prober.NextQuery(s.now); gotIn != in && asks || got != asks {
		s.t.Errorf("%s: the next asking in %v, %t; want %v, %t", after, gotIn, got, in, asks)
	}
}

func TestFrameworkQueriedOnlyAfterPossibleChange(t *testing.T) {
	s := newQueryStory(t)
	snap := s.want("the first snapshot", 0, false, 1)
	if snap.Policy == nil || snap.Policy.Source != probe.Framework || len(snap.Policy.Rows) != 2 || snap.Sources[2] != (probe.Source{Name: probe.Framework, State: probe.OK}) {
		t.Errorf("%+v, %+v", snap.Policy, snap.Sources)
	}
	first := s.now
	snap = s.want("nothing", 24*time.Hour, false, 0)
	if snap.Policy == nil || !snap.Policy.ReadAt.Equal(first) || len(snap.Policy.Rows) != 2 {
		t.Errorf("between two queries: %+v", snap.Policy)
	}
	s.wantIn("nothing", 0, false)
	s.want("somebody asks", time.Second, true, 1)
	s.want("nothing", time.Second, false, 0)
	s.prober.framework.Report()
	s.want("a line of the log", time.Second, false, 1)
	s.want("nothing", time.Second, false, 0)
	for _, name := range []string{probe.KextPolicy, parallelsInfo} {
		s.move(name)
		s.want(name+" moved", time.Second, false, 1)
		s.want("nothing", time.Second, false, 0)
	}
	mactest.AddFile(t, s.m.Root, probe.KextPolicyFiles[1], "")
	s.move(probe.KextPolicyFiles[1])
	s.want("a -wal came", 10*time.Minute, false, 1)
	mactest.Remove(t, s.m.Root, probe.KextPolicyFiles[1])
	s.want("a -wal went", 10*time.Minute, false, 1)
	mactest.AddFile(t, s.m.Root, probe.PolicyFolder+"/ExecPolicy", "")
	mactest.AddFile(t, s.m.Root, probe.KextPolicy+"-shm", "")
	s.want("another database moved", time.Second, false, 0)
	s.wantIn("nothing", 0, false)
}

// Queries that a user asks for do not count as queries without a change.
func TestFrameworkQueriedAtOnceAfterManyRequests(t *testing.T) {
	s := newQueryStory(t)
	for range 6 {
		s.want("somebody asks", time.Second, true, 1)
	}
	s.move(probe.KextPolicy)
	s.want("a file moved", time.Second, false, 1)
	for range 6 {
		s.prober.framework.Report()
		s.want("a line of the log", time.Second, false, 1)
	}
	s.move(probe.KextPolicy)
	s.want("a file moved", time.Second, false, 1)
}

// Something logs five refusals a second. The first one is queried for at once, and each
// answer that differs ends the pauses. The rest cannot start a tool for each line.
func TestFrameworkInAStormOfRefusals(t *testing.T) {
	s := newQueryStory(t)
	s.want("the first snapshot", 0, false, 1)
	storm := func(seconds int, moves bool) (queries int) {
		for range 5 * seconds {
			if moves { // macOS notes each attempt in its database
				s.move(probe.KextPolicy)
			}
			s.now = s.now.Add(200 * time.Millisecond)
			before := s.prober.framework.LastQuery()
			s.prober.Snapshot(t.Context(), s.now, Options{Requery: true})
			if s.prober.framework.LastQuery() != before {
				queries++
			}
		}
		return queries
	}
	s.now = s.now.Add(time.Minute)
	s.prober.framework.Report()
	s.want("the first line", 0, false, 1)
	if n := storm(20, false); n < 5 || n > 12 {
		t.Errorf("in 20 s: queried %d times", n)
	}
	if n := storm(120, false); n > 5 {
		t.Errorf("in the next two minutes: queried %d times", n)
	}
	if _, planned := s.prober.NextQuery(s.now); !planned {
		t.Error("the last line is forgotten")
	}
	s.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "[]"))
	s.want("the next query is due", 2*time.Minute, false, 1)
	s.prober.framework.Report()
	s.want("a line after another answer", 200*time.Millisecond, false, 1)
	s.prober.framework.Report()
	s.want("a line after a calm time", 10*time.Minute, false, 1)
	if n := storm(140, true); n < 5 || n > 15 {
		t.Errorf("while the database changes: queried %d times", n)
	}
	s.want("somebody asks", 200*time.Millisecond, true, 1)
}

func TestCanceledFrameworkQueryIsNotCached(t *testing.T) {
	s := newQueryStory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if snap := s.prober.Snapshot(ctx, s.now, Options{}); snap.Policy != nil || snap.Sources[2] != framework.NotYet {
		t.Errorf("%+v, %+v", snap.Policy, snap.Sources)
	}
	s.wantIn("broken off", 0, false)
	s.want("the next snapshot", 0, false, 1)
}

func TestFrameworkWithoutADatabase(t *testing.T) {
	s := newQueryStory(t)
	mactest.Remove(t, s.m.Root, probe.KextPolicy)
	s.want("the first snapshot", 0, false, 1)
	s.wantIn("the file is missing", 0, false)
	mactest.AddFile(t, s.m.Root, probe.KextPolicy, "not a database")
	s.move(probe.KextPolicy)
	s.want("there is one", time.Second, false, 1)
}

// An answer may miss a commit that became visible shortly after the query.
func TestFrameworkQueriedAgainAfterRecentFileChange(t *testing.T) {
	s := newQueryStory(t)
	s.want("the first snapshot", 0, false, 1)
	ahead := time.Now().Add(time.Second) // the move is to be less than CommitDelay ago whenever this runs
	for time.Now().Before(ahead) {
		mactest.NoError(t, os.Chtimes(filepath.Join(s.m.Root, probe.KextPolicy), time.Now(), time.Now()))
		s.want("a file just moved", time.Second, false, 1)
		if _, planned := s.prober.NextQuery(s.now); planned {
			break
		}
	}
	s.wantIn("a file just moved", probe.CommitDelay, true)
	s.want("the next snapshot", time.Second, false, 1)
}

// An hour without changes, with a snapshot every minute.
func TestFrameworkInAnIdleHour(t *testing.T) {
	hour := func(s *queryStory) (queries int) {
		for range 60 {
			s.now = s.now.Add(time.Minute)
			before := s.prober.framework.LastQuery()
			s.prober.Snapshot(t.Context(), s.now, Options{})
			if s.prober.framework.LastQuery() != before {
				queries++
			}
		}
		return queries
	}
	s := newQueryStory(t)
	s.want("the first snapshot", 0, false, 1)
	if n := hour(s); n != 0 {
		t.Errorf("queried %d times", n)
	}
	mactest.Remove(t, s.m.Root, probe.PolicyFolder)
	mactest.AddUnreadable(t, s.m.Root, probe.PolicyFolder)
	s.want("stat is refused from now on", 0, false, 1)
	if n := hour(s); n != 4 {
		t.Errorf("where stat is refused: queried %d times", n)
	}
	s.does("exit 1")
	s.want("no answer from now on", 0, true, 1)
	if n := hour(s); n != 5 {
		t.Errorf("where it does not answer: queried %d times", n)
	}
}

// If a query itself changes the files, the queries must become rare.
func TestFrameworkQueriesSlowDownWithoutNewAnswers(t *testing.T) {
	s := newQueryStory(t)
	s.want("the first snapshot", 0, true, 1)
	queried := 0
	for range 20 * 60 {
		s.move(probe.KextPolicy)
		if wanted, asks := s.prober.NextQuery(s.now); asks && wanted > framework.SlowestBusy {
			t.Fatalf("the next look in %v", wanted)
		}
		before := s.prober.framework.LastQuery()
		s.now = s.now.Add(time.Second)
		s.prober.Snapshot(t.Context(), s.now, Options{})
		if s.prober.framework.LastQuery() != before {
			queried++
		}
	}
	if queried != 27 {
		t.Errorf("queried %d times in 20 minutes of moves for nothing", queried)
	}
	s.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "[]"))
	s.move(probe.KextPolicy)
	snap := s.want("something new", framework.SlowestBusy, false, 1)
	if !snap.Policy.Rows[0].Allowed {
		t.Errorf("%+v", snap.Policy)
	}
	s.move(probe.KextPolicy)
	s.want("something moved after something new", time.Second, false, 1)
}

func TestFrameworkWithoutStat(t *testing.T) {
	s := newQueryStory(t)
	mactest.Remove(t, s.m.Root, probe.PolicyFolder)
	mactest.AddUnreadable(t, s.m.Root, probe.PolicyFolder)
	s.want("the first snapshot", 0, false, 1)
	s.wantIn("the first snapshot", 15*time.Minute, true)
	s.want("14 minutes", 14*time.Minute, false, 0)
	s.wantIn("14 minutes", time.Minute, true)
	snap := s.want("15 minutes", time.Minute, false, 1)
	if snap.Policy == nil || !snap.Policy.ReadAt.Equal(s.now) {
		t.Errorf("%+v", snap.Policy)
	}
	s.want("Parallels was updated", time.Minute, false, 0)
	s.move(parallelsInfo)
	s.want("Parallels was updated", time.Minute, false, 1)
	s.want("the clock was set back", -time.Hour, false, 1)
}

// A query that hangs occupies two processes until the time limit of the tool.
func TestFailingFrameworkIsQueriedLessOften(t *testing.T) {
	s := newQueryStory(t)
	s.does("kill -SEGV $$")
	snap := s.want("the first snapshot", 0, false, 1)
	if snap.Policy != nil || snap.Sources[2].State != probe.Failed {
		t.Errorf("%+v, %+v", snap.Policy, snap.Sources)
	}
	for _, pause := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		s.wantIn("a failure", pause, true)
		snap = s.want("too early", pause-time.Second, false, 0)
		if snap.Policy != nil || snap.Sources[2].State != probe.Failed {
			t.Errorf("the failure is forgotten: %+v, %+v", snap.Policy, snap.Sources)
		}
		s.want(fmt.Sprint(pause, " after a failure"), time.Second, false, 1)
	}
	s.want("somebody asks at once", 59*time.Second, true, 0)
	s.wantIn("somebody queried at once", time.Second, true)
	s.want("somebody queried at once", time.Second, false, 1)
	s.want("too early", 59*time.Second, false, 0)
	s.move(probe.KextPolicy)
	s.want("a file moved", 0, false, 0)
	s.wantIn("a file moved", time.Second, true)
	s.want("a file moved a minute after a failure", time.Second, false, 1)
	s.want("somebody asks", time.Minute, true, 1)
	s.answers(mactest.FrameworkAnswer("["+fmt.Sprintf(mactest.ParallelsItem, true)+"]", "[]"))
	if snap = s.want("it answers again", 15*time.Minute, false, 1); snap.Policy == nil || !snap.Policy.Rows[0].Allowed {
		t.Errorf("%+v", snap.Policy)
	}
	s.wantIn("it answers again", 0, false)
	s.want("nothing", 24*time.Hour, false, 0)

	tooltest.ShortLimit(t, 200*time.Millisecond)
	s.does("sleep 30 & wait")
	if snap = s.want("a hang", time.Second, true, 1); snap.Policy != nil || snap.Sources[2].State != probe.Timeout {
		t.Errorf("%+v, %+v", snap.Policy, snap.Sources)
	}
	s.wantIn("a hang", time.Minute, true)
	s.answers(mactest.FrameworkAnswer("["+mactest.SantaItem+"]", "[]"))
	s.want("it answers again", time.Minute, false, 1)

	// A failed query must not return the earlier answer.
	s.does("exit 1")
	s.move(probe.KextPolicy)
	if snap = s.want("a failure after an answer", time.Second, false, 1); snap.Policy != nil {
		t.Errorf("an answer from before: %+v", snap.Policy)
	}
}

// A framework that this macOS does not have is not queried again.
func TestMissingFrameworkIsNotPolled(t *testing.T) {
	for name, break_ := range map[string]func(s *queryStory){
		"no class": func(s *queryStory) { s.answers(`{"protocol":1,"state":"unsupported","reason":"no class"}`) },
		"no tool":  func(s *queryStory) { mactest.Remove(s.t, s.m.Root, probe.OsascriptTool) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newQueryStory(t)
			break_(s)
			s.prober.Snapshot(t.Context(), s.now, Options{Fresh: true})
			s.wantIn("the first snapshot", 0, false)
			s.want("nothing", 24*time.Hour, false, 0)
		})
	}
}

// Two snapshots share no memory.
func TestFrameworkAnswersShareNoMemory(t *testing.T) {
	s := newQueryStory(t)
	first := s.want("the first snapshot", 0, false, 1)
	first.Policy.Rows[0] = probe.PolicyRow{}
	if second := s.want("the next snapshot", 0, false, 0); second.Policy.Rows[0].BundleID == "" {
		t.Errorf("%+v", second.Policy.Rows)
	}
}
