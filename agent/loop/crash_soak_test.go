//go:build soak && linux && amd64

package loop

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mactest/soak"
)

// fault is one way in which saving fails, at the point at which it begins.
type fault struct {
	name  string
	calls string // the names of the calls that can fail like this; empty: all
	begin func(c fileCall, rng *rand.Rand) tampering
	then  func(c fileCall, nth int) tampering // the nth call after the first one; nil: they succeed
	power bool                                // what was not synced is lost, and the Mac starts again
	late  time.Duration                       // from a kill to the start of the next agent
}

func (f fault) hits(c fileCall) bool {
	return f.calls == "" || slices.Contains(strings.Fields(f.calls), c.name)
}

func failing(errno syscall.Errno) func(fileCall, *rand.Rand) tampering {
	return func(fileCall, *rand.Rand) tampering { return tampering{fails: errno} }
}

func killing(t tampering) func(fileCall, *rand.Rand) tampering {
	return func(fileCall, *rand.Rand) tampering { return t }
}

func torn(c fileCall, rng *rand.Rand) tampering {
	return tampering{short: 1 + rng.Uint64N(max(1, c.size-1)), killAfter: true}
}

// forCalls lets calls fail, except those that need no space and no right to write.
func forCalls(n int, errno syscall.Errno) func(fileCall, int) tampering {
	return func(c fileCall, nth int) tampering {
		if nth > n || c.name == "close" || c.name == "remove" {
			return tampering{}
		}
		return tampering{fails: errno}
	}
}

const forever = 1 << 30

// faults are all ways in which saving can fail.
var faults = []fault{
	{name: "killed before a call", begin: killing(tampering{killBefore: true})},
	{name: "killed after a call", begin: killing(tampering{killAfter: true})},
	{name: "killed after a call, started 3 minutes later", begin: killing(tampering{killAfter: true}), late: 3 * time.Minute},
	{name: "killed in the middle of a write", calls: "write", begin: torn},
	{name: "power failure: unsynced text is lost or zeros", begin: killing(tampering{killAfter: true}), power: true},
	{name: "one call finds no space (ENOSPC)", calls: "open write fsync rename mkdir", begin: failing(syscall.ENOSPC)},
	{name: "one call fails (EIO)", calls: "open write fsync close rename chmod truncate mkdir", begin: failing(syscall.EIO)},
	{name: "one call finds a read-only disk (EROFS)", calls: "open rename chmod mkdir", begin: failing(syscall.EROFS)},
	{name: "no descriptor is free (EMFILE)", calls: "open", begin: failing(syscall.EMFILE)},
	{name: "a short write, then no space", calls: "write",
		begin: func(c fileCall, rng *rand.Rand) tampering {
			return tampering{short: 1 + rng.Uint64N(max(1, c.size-1))}
		},
		then: func(c fileCall, nth int) tampering {
			if nth == 1 {
				return tampering{fails: syscall.ENOSPC}
			}
			return tampering{}
		}},
	{name: "no space for 20 calls", calls: "open write", begin: failing(syscall.ENOSPC), then: forCalls(20, syscall.ENOSPC)},
	{name: "read-only until the agent ends", calls: "open", begin: failing(syscall.EROFS), then: forCalls(forever, syscall.EROFS)},
	{name: "no space for 3 calls, then killed", calls: "write fsync rename", begin: failing(syscall.ENOSPC),
		then: func(c fileCall, nth int) tampering {
			if nth > 12 {
				return tampering{killBefore: true}
			}
			return forCalls(3, syscall.ENOSPC)(c, nth)
		}},
}

// lifeOf is the variable of the environment that makes TestSoakLife one life of an agent:
// the number of the story, the home and the diary.
const lifeOf = "KEXTWATCH_SOAK_LIFE"

// TestSoakLife is the process of an agent that TestSoakCrash tampers with.
func TestSoakLife(t *testing.T) {
	args := strings.Split(os.Getenv(lifeOf), "\n")
	if len(args) != 3 {
		t.Skip("only TestSoakCrash runs this")
	}
	n, _ := strconv.Atoi(args[0])
	synctest.Test(t, func(t *testing.T) { stories[n].live(t, args[1], args[2], 0) })
}

// setup is a story, and what its agent finds.
type setup struct {
	story   int
	rotates bool // the history is about to be rotated when the story begins
}

// trial is one story with one fault.
type trial struct {
	setup
	fault int
	point int // the number of the call at which the fault begins
}

// At each call that saves something, the agent is killed, loses power, or the call fails.
// Whatever happened: the next agent knows each window, no alert comes twice, and the history
// has each event once.
func TestSoakCrash(t *testing.T) {
	rng := soak.Random(t)
	var all []trial
	expected := map[setup]lifetime{}
	for s := range stories {
		for _, rotates := range []bool{false, true} {
			set := setup{s, rotates}
			l := newLifetime(t, trial{setup: set})
			var calls []fileCall
			l.run(t, func(c fileCall) tampering { calls = append(calls, c); return tampering{} })
			expected[set] = l.done(t)
			for f, fault := range faults {
				for point, c := range calls {
					if fault.hits(c) {
						all = append(all, trial{set, f, point})
					}
				}
			}
			t.Logf("%s: %d calls, %d alerts", stories[s].name, len(calls), len(l.alerts))
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(len(all), soak.Count(100, 5200))]
	tried := make([]int, len(faults))
	again := make([]repeated, len(faults))
	seeds := rng.Uint64()
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan int)
	for range 2 {
		workers.Go(func() {
			for i := range next {
				f := all[i].fault
				r, hit := try(t, all[i], expected[all[i].setup], rand.New(rand.NewPCG(seeds, uint64(i))))
				mu.Lock()
				if hit {
					tried[f]++
				}
				again[f].reminders += r.reminders
				again[f].alerts += r.alerts
				mu.Unlock()
			}
		})
	}
	for i := range all {
		if t.Failed() {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	for f, fault := range faults {
		soak.Row{Part: "What is saved", Fault: fault.name, Tried: tried[f], Happened: again[f].String()}.Record(t)
	}
}

// lifetime is what the agents of one home did, as their user and the next agent see it.
type lifetime struct {
	trial
	home, diary string

	killed bool
	synced int64 // size of the history at its last sync
	saved  bool  // the memory was saved after the last failure

	alerts, warnings []string
	lastPoll         time.Duration
	ended            string         // the missing facts at the end
	events           map[string]int // of the history, without reminders and those of the agent itself
	unreadable       int            // lines of the history
	sequence         []int64
	left             []string // files in the folder
	verdict          any      // of the published status
}

// newLifetime makes the home of a trial.
func newLifetime(t *testing.T, tr trial) *lifetime {
	folder, err := os.MkdirTemp(memoryDisk(), "soak")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	l := &lifetime{trial: tr, home: filepath.Join(folder, "home"), diary: filepath.Join(folder, "diary")}
	if tr.rotates {
		line := store.Event{Schema: 1, Seq: 1, Event: approval.AgentStarted, Text: strings.Repeat("x", 16<<10)}
		var text strings.Builder
		for text.Len() < 1<<20-2000 {
			text.WriteString(line.Line() + "\n")
			line.Seq++
		}
		os.MkdirAll(l.places().State, 0o700)
		if err := os.WriteFile(l.places().History, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// memoryDisk is a folder whose disk is memory. It is empty on a system without such a
// folder. Only the calls count here, not the time that a disk needs to sync.
func memoryDisk() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (l *lifetime) places() store.Places { return store.PlacesIn(l.home) }

// run runs the first agent, and tampers with its calls.
func (l *lifetime) run(t *testing.T, tamper func(fileCall) tampering) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestSoakLife$")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", fmt.Sprintf("%s=%d\n%s\n%s", lifeOf, l.story, l.home, l.diary))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	tr := tracer{folder: l.places().State, tamper: func(c fileCall) tampering {
		what := tamper(c)
		switch {
		case what.fails != 0 || what.short > 0:
			l.saved = false
		case what.killBefore: // the call does not happen
		case c.name == "rename" && strings.Contains(c.path, "memory.plist"):
			l.saved = true
		case c.name == "fsync" && c.path == l.places().History:
			if info, err := os.Stat(c.path); err == nil {
				l.synced = info.Size()
			}
		}
		return what
	}}
	l.saved = true
	status := tr.run(t, cmd)
	l.killed = status.Signaled()
	if !l.killed && status.ExitStatus() != 0 {
		t.Errorf("%s: the agent ended with %d: %s", l.trial, status.ExitStatus(), &out)
	}
}

func (tr trial) String() string {
	return fmt.Sprintf("%s, %s at call %d, rotating %v", stories[tr.story].name, faults[tr.fault].name, tr.point, tr.rotates)
}

// done reads what is left.
func (l *lifetime) done(t *testing.T) lifetime {
	data, _ := os.ReadFile(l.diary)
	l.alerts, l.warnings, l.ended = nil, nil, ""
	for line := range strings.Lines(string(data)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		at, text, _ := strings.Cut(rest, "\t")
		switch kind {
		case "alert":
			l.alerts = append(l.alerts, text)
		case "warning":
			l.warnings = append(l.warnings, text)
		case "poll":
			n, _ := strconv.Atoi(at)
			l.lastPoll = time.Duration(n)
		case "end":
			l.ended = text
		}
	}
	l.events, l.unreadable, l.sequence = map[string]int{}, 0, nil
	files, _ := filepath.Glob(l.places().History + "*")
	slices.Reverse(files) // oldest first
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for line := range bytes.Lines(data) {
			e, ok := store.ParseEvent(string(line))
			switch {
			case !ok:
				l.unreadable++
				continue
			case e.Event != approval.WindowReminder && !strings.HasPrefix(string(e.Event), "agent-"):
				name := fmt.Sprint(e.Event, " ", e.Product, " ", e.Verdict)
				if e.OpenedAt != nil {
					name += e.OpenedAt.Format(" 15:04:05")
				}
				l.events[name]++
			}
			l.sequence = append(l.sequence, e.Seq)
		}
	}
	entries, _ := os.ReadDir(l.places().State)
	l.left = nil
	for _, e := range entries {
		l.left = append(l.left, e.Name())
	}
	if data, err := os.ReadFile(l.places().Status); err == nil && bytes.Contains(data, []byte("</plist>")) {
		l.verdict = readAny(t, l.places().Status)["Verdict"]
	}
	return *l
}

var windowForm = regexp.MustCompile(`^(\w+).*Until (?:about )?(\d\d:\d\d)`)

// repeated counts the alerts that came twice although nothing is wrong.
type repeated struct {
	reminders int // the agent was killed after it posted a reminder and before it saved that
	alerts    int // nothing could be saved since the alert
}

func (r repeated) String() string {
	text := "No window lost, no first alert twice, no event hidden."
	if r.alerts > 0 {
		text = fmt.Sprintf("No window lost. %d alerts came again at the next start, because nothing could be saved after them.", r.alerts)
	}
	if r.reminders > 0 {
		text += fmt.Sprintf(" %d reminders came again: the agent was killed before it saved that they were posted.", r.reminders)
	}
	return text
}

// reminder is in the title of an alert that may come again after a crash.
const reminder = " left to click Allow"

// try runs a trial and compares what its agents did with what they should do. tried is false if
// the fault never began.
func try(t *testing.T, tr trial, want lifetime, rng *rand.Rand) (again repeated, tried bool) {
	f, s := faults[tr.fault], stories[tr.story]
	l := newLifetime(t, tr)
	defer os.RemoveAll(filepath.Dir(l.home))
	n, since := -1, -1 // since the fault began
	l.run(t, func(c fileCall) tampering {
		n++
		switch {
		case since < 0 && n >= tr.point && f.hits(c): // two runs differ by a few calls
			since = 0
			return f.begin(c, rng)
		case since >= 0 && f.then != nil:
			since++
			return f.then(c, since)
		}
		return tampering{}
	})
	if since < 0 {
		return again, false
	}
	first := l.done(t)
	from := s.end
	if l.killed {
		from = first.lastPoll + f.late
	}
	if f.power {
		l.losePower(rng)
		at := from
		s.steps = slices.Clone(s.steps)
		i := slices.IndexFunc(s.steps, func(s step) bool { return s.at > at })
		if i < 0 {
			i = len(s.steps)
		}
		s.steps = slices.Insert(s.steps, i, step{at, func(s *probe.Snapshot) {
			s.Mac.BootSession, s.Mac.BootedAt, s.Loaded.Kexts = "after the power failure", began.Add(at), nil
		}})
	}
	if from <= s.end {
		synctest.Test(t, func(t *testing.T) { s.live(t, l.home, l.diary, from) })
	}
	last := l.done(t)
	wrong := func(format string, args ...any) {
		if !t.Failed() {
			t.Errorf("%s: %s\nfirst agent, killed %v: %q\nboth: %q\nwarnings %q, files %q, gaps %s", tr, fmt.Sprintf(format, args...), l.killed, first.alerts, last.alerts, last.warnings, last.left, last.ended)
		}
	}
	excused := !l.saved && f.then != nil || !l.saved && !l.killed
	if len(last.warnings) > len(first.warnings) {
		wrong("the next agent could not read what was saved")
	}
	if !f.power {
		seen := map[string]bool{}
		for _, alert := range last.alerts {
			if m := windowForm.FindStringSubmatch(alert); m != nil {
				seen[m[1]+m[2]] = true
			}
		}
		for _, alert := range want.alerts {
			if m := windowForm.FindStringSubmatch(alert); m != nil && !seen[m[1]+m[2]] {
				wrong("the window of %q was not announced", alert)
			}
		}
	}
	slices.Sort(last.alerts)
	for _, alert := range slices.Compact(slices.Clone(last.alerts)) {
		switch n := count(last.alerts, alert) - max(1, count(want.alerts, alert)); {
		case n <= 0:
		case l.killed && strings.Contains(alert, reminder):
			again.reminders += n
		case excused:
			again.alerts += n
		default:
			wrong("%d times too often: %q", n, alert)
		}
	}
	if !l.killed && !slices.Equal(first.alerts, want.alerts) {
		wrong("other alerts than without the fault")
	}
	if excused {
		return again, true
	}
	if !f.power && f.late == 0 && !maps.Equal(last.events, want.events) {
		wrong("the history has %v, want %v", last.events, want.events)
	}
	for name, n := range first.events { // what a power failure took from the history is still in the memory
		if last.events[name] != n && (f.power || f.late > 0) {
			wrong("%q is in the history %d times, and was there %d times", name, last.events[name], n)
		}
	}
	for i, seq := range last.sequence {
		if i > 0 && seq <= last.sequence[i-1] {
			wrong("number %d follows %d in the history", seq, last.sequence[i-1])
		}
	}
	if last.unreadable > 1 {
		wrong("%d lines of the history cannot be read", last.unreadable)
	}
	if !f.power && f.late == 0 && last.verdict != want.verdict {
		wrong("the status says %v, want %v", last.verdict, want.verdict)
	}
	for _, name := range last.left {
		if strings.HasPrefix(name, ".") || strings.Contains(name, "damaged") {
			wrong("%s is left", name)
		}
	}
	if last.ended != "[]" {
		wrong("at the end: %s", last.ended)
	}
	return again, true
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// losePower cuts what was written to the history after its last sync at a random place, or
// replaces it by zeros.
func (l *lifetime) losePower(rng *rand.Rand) {
	info, err := os.Stat(l.places().History)
	if err != nil || info.Size() <= l.synced {
		return
	}
	keep := l.synced + rng.Int64N(info.Size()-l.synced+1)
	os.Truncate(l.places().History, keep)
	if rng.IntN(2) == 0 {
		os.Truncate(l.places().History, info.Size())
	}
}
