//go:build compare && desktop && linux

package main

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// rounds is the number of windows that each contestant has to announce.
var rounds = flag.Int("rounds", 30, "TestCompare: `N` approval windows for each contestant and journal mode")

const (
	settling = 4 * time.Second        // from the start or a change until nothing happens any more
	idleFor  = 20 * time.Second       // how long nothing happens before the first window
	slot     = 450 * time.Millisecond // from a commit to the next one, to another database

	// A block stays longer than the slowest contestant sleeps, and then nothing is blocked for
	// longer than a second, because macOS notes attempts by the second. It ends when no
	// other contestant is busy with its commit.
	blockedFor = 7 * slot / 2
	clearFor   = 7 * slot / 2
)

// turn returns the slot of a lane in a round. Whose turn comes when the processor has just
// worked for another contestant is faster than the first one after a rest, so the two
// contestants change places: in every second round with one journal, and in two of four
// with the other.
func (g group) turn(lane, round int) int {
	n := len(g.contestants)
	contestant, journal := lane%n, lane/n
	return journal*n + (contestant+round>>journal)%n
}

// group is contestants that run at the same time.
type group struct {
	contestants []contestant
	rounds      int
}

// kextwatchAndPipe and sleeping are kextwatch and what a person could use instead. The
// script that sleeps runs alone: it starts sqlite3 each second, which would keep that
// program in the caches of the processor for the pipe.
var kextwatchAndPipe = []contestant{
	{"kextwatch run --headless", func(t *testing.T, root, _ string) []string {
		return append(finishedProgram(t), "run", "--headless", "--events", "-", "--root", root)
	}},
	{"inotifywait | sqlite3 | notify-send", func(_ *testing.T, _, file string) []string {
		return []string{"sh", "-c", fmt.Sprintf(`b=0; inotifywait -q -m -e modify,create,delete "%s" | while read -r _; do n=$(sqlite3 "%s" "%s"); [ "$n" -gt "$b" ] && notify-send "Parallels needs your approval"; b=$n; done`,
			filepath.Dir(file), file, blockedQuery)}
	}},
}

var sleeping = []contestant{
	{"sqlite3, notify-send, sleep 1", func(_ *testing.T, _, file string) []string {
		return []string{"sh", "-c", fmt.Sprintf(`b=0; while :; do n=$(sqlite3 "%s" "%s"); [ "$n" -gt "$b" ] && notify-send "Parallels needs your approval"; b=$n; sleep 1; done`,
			file, blockedQuery)}
	}},
}

type contestant struct {
	name string
	args func(t *testing.T, root, file string) []string // the command, for a Mac and its policy database
}

const blockedQuery = "select count(*) from kext_policy where allowed=0 and team_id='4C6364ACXT'"

// finishedProgram is the program that make compare built: memory and times are those
// that a user has.
func finishedProgram(t *testing.T) program {
	t.Helper()
	path := os.Getenv("KEXTWATCH_PROGRAM")
	if path == "" {
		t.Fatal("KEXTWATCH_PROGRAM is empty: run make compare or make hanging")
	}
	return program{path}
}

// How kextwatch compares with two scripts: the time from a commit to the notification,
// and what it costs while nothing happens. Each contestant has a Mac, a session bus and
// a notification service of its own. Those of a group get their commits in turn, so that
// other load on this machine hits all of them.
func TestCompare(t *testing.T) {
	rows := make([][]*lane, len(writers))
	for _, g := range []group{{kextwatchAndPipe, *rounds}, {sleeping, max(1, *rounds/3)}} {
		for i, l := range g.run(t) {
			writer := i / len(g.contestants)
			rows[writer] = append(rows[writer], l)
		}
	}
	synced := timeToSync(t)
	printComparison(rows)
	fmt.Printf("\nkextwatch saves its memory before it posts; to save a file of this size takes %s on this disk\n", milliseconds(synced))
	for _, lanes := range rows {
		ours, pipe := lanes[0], lanes[1]
		if ours.missed() > 0 {
			t.Errorf("kextwatch missed %d of %d windows, %s", ours.missed(), len(ours.alerts), ours.writer)
		}
		later := 0
		for round, alert := range ours.alerts {
			if alert-synced > pipe.alerts[round] {
				later++
			}
		}
		all := len(ours.alerts)
		fmt.Printf("%s: without saving, kextwatch is faster than the pipe in %d of %d rounds\n", ours.writer, all-later, all)
		if float64(later) > float64(all)/2+math.Sqrt(float64(all)) { // by chance in one of 40 runs
			t.Errorf("the pipe is faster in %d of %d rounds, %s", later, all, ours.writer)
		}
	}
}

// run runs the contestants of a group with each writer, and ends them.
func (g group) run(t *testing.T) (lanes []*lane) {
	for _, w := range writers {
		for _, c := range g.contestants {
			lanes = append(lanes, newLane(t, c, w))
		}
	}
	time.Sleep(settling)
	for _, l := range lanes {
		l.cost = costOf(l.session)
	}
	time.Sleep(idleFor)
	for _, l := range lanes {
		l.cost = costOf(l.session).since(l.cost)
	}
	var all sync.WaitGroup
	start := time.Now()
	for i, l := range lanes {
		all.Go(func() {
			for round := range g.rounds {
				time.Sleep(time.Until(start.Add(time.Duration(g.turn(i, round))*slot + time.Duration(round)*(blockedFor+clearFor))))
				l.round()
			}
		})
	}
	all.Wait()
	time.Sleep(settling) // the last change has started processes that end soon
	for _, l := range lanes {
		now := costOf(l.session)
		l.cost.memory, l.cost.own = now.memory, now.own
		endSession(l.session)
	}
	return lanes
}

// timeToSync returns the median of the time that the disk of the contestants needs to save a
// file as large as a memory. The pipe saves nothing.
func timeToSync(t *testing.T) time.Duration {
	t.Helper()
	file := filepath.Join(t.TempDir(), "memory.plist")
	var took []time.Duration
	for range 20 {
		start := time.Now()
		mactest.NoError(t, root.WriteFile(file, make([]byte, 16<<10), 0o600))
		took = append(took, time.Since(start))
	}
	return quantile(took, 0.5)
}

// lane is a contestant with its Mac.
type lane struct {
	contestant, writer string
	session            int // the ID of the session in which all its processes run
	write              func(do func(daemon))
	cost               cost

	mu             sync.Mutex
	waiting        bool      // for the first notification and the first event since a commit
	posted, opened time.Time // when they came; zero if they did not yet

	alerts []time.Duration // from each commit to its notification; never: missed
	events []time.Duration // from the commits to the lines of the events
}

const never = time.Duration(math.MaxInt64)

func (l *lane) missed() (n int) {
	for _, alert := range l.alerts {
		if alert == never {
			n++
		}
	}
	return n
}

// newLane starts a contestant on a Mac whose policy database has this writer.
func newLane(t *testing.T, c contestant, w writer) *lane {
	t.Helper()
	root, _ := simulated(t, w.macOS)
	l := &lane{contestant: c.name, writer: w.name, write: w.start(t, root)}
	l.write(func(d daemon) { d.commit(`SELECT * FROM kext_policy`) }) // opens a write-ahead log
	bus := desk.StartBus(t)
	notifications := desk.StartNotifications(t, bus, false)
	go func() {
		for {
			select {
			case <-notifications.Posted():
				l.note(&l.posted)
			case <-t.Context().Done():
				return
			}
		}
	}()
	args := c.args(t, root, policyFile(root))
	cmd := program(args[:1]).command(t, args[1:]...)
	cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.session = startSession(t, cmd)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if e, ok := store.ParseEvent(lines.Text()); ok && (e.Event == approval.WindowOpened || e.Event == approval.WindowReopened) {
				l.note(&l.opened)
			}
		}
	}()
	return l
}

// startSession starts a command in a session of its own, and ends all its processes
// with the test. It returns the ID of the session.
func startSession(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	session := cmd.Process.Pid
	t.Cleanup(func() {
		endSession(session)
		cmd.Wait()
	})
	return session
}

// endSession kills all processes of a session. It returns how many there were.
func endSession(session int) int {
	all := processesOf(session)
	for _, p := range all {
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	return len(all)
}

// note sets one of the times of a lane, once for each commit.
func (l *lane) note(at *time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting && at.IsZero() {
		*at = time.Now()
	}
}

// round opens an approval window, and takes it away after a while.
func (l *lane) round() {
	l.mu.Lock()
	l.waiting, l.posted, l.opened = true, time.Time{}, time.Time{}
	l.mu.Unlock()
	var committed time.Time
	l.write(func(d daemon) {
		d.block(time.Now())
		committed = time.Now()
	})
	time.Sleep(time.Until(committed.Add(blockedFor)))
	l.mu.Lock()
	l.waiting = false
	alert := never
	if !l.posted.IsZero() {
		alert = l.posted.Sub(committed)
	}
	l.alerts = append(l.alerts, alert)
	if !l.opened.IsZero() {
		l.events = append(l.events, l.opened.Sub(committed))
	}
	l.mu.Unlock()
	l.write(func(d daemon) {
		d.commit(`DELETE FROM kext_policy WHERE team_id = '4C6364ACXT'`, `DELETE FROM kext_load_history_v3 WHERE team_id = '4C6364ACXT'`)
	})
}

// longLog is how many commits the writer with a write-ahead log made before the first window:
// SQLite has begun the log again after 1,000 pages, and half of the file is old. A log that
// has just begun would be the best case.
const longLog = 1_500

// writers are the two ways in which macOS writes the policy database.
var writers = []writer{
	{"write-ahead log, connection kept", "12.7.6", func(t *testing.T, root string) func(func(daemon)) {
		d := policyDaemon(t, root)
		for i := range longLog {
			d.commit(fmt.Sprintf(`PRAGMA user_version = %d`, i))
		}
		return func(do func(daemon)) { do(d) }
	}},
	{"rollback journal, opened each time", "10.15.7", func(t *testing.T, root string) func(func(daemon)) {
		return func(do func(daemon)) {
			db := openPolicy(t, root, "")
			defer db.Close()
			do(daemon{t, db})
		}
	}},
}

type writer struct {
	name, macOS string // this macOS writes so
	start       func(t *testing.T, root string) (write func(do func(daemon)))
}

func printComparison(rows [][]*lane) {
	fmt.Printf("nothing happened for %v before the first window\n", idleFor)
	for _, lanes := range rows {
		fmt.Printf("\n%s\n", lanes[0].writer)
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "\tnotification p50\tp90\tp99\tworst\tmissed\tevent p50\tidle CPU\twake-ups\tprocesses\tmemory\tof its own\t")
		for _, l := range lanes {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d of %d\t%s\t%.1f s/h\t%.1f/s\t%d\t%.1f MB\t%.1f MB\t\n", l.contestant,
				milliseconds(quantile(l.alerts, 0.5)), milliseconds(quantile(l.alerts, 0.9)),
				milliseconds(quantile(l.alerts, 0.99)), milliseconds(quantile(l.alerts, 1)), l.missed(), len(l.alerts), milliseconds(quantile(l.events, 0.5)),
				l.cost.cpu.Seconds()*float64(time.Hour/idleFor), float64(l.cost.wakeups)/idleFor.Seconds(),
				l.cost.processes, float64(l.cost.memory)/1e6, float64(l.cost.own)/1e6)
		}
		table.Flush()
	}
}

// milliseconds returns a dash for the time of something that never came.
func milliseconds(d time.Duration) string {
	if d == never {
		return "–"
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}

// quantile returns the value below which this part of the values is. It is the longest
// possible time without values.
func quantile(values []time.Duration, part float64) time.Duration {
	if len(values) == 0 {
		return never
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(part*float64(len(sorted))))-1]
}

// cost is what the processes of a session have used.
type cost struct {
	cpu       time.Duration // includes that of processes that have ended
	wakeups   int           // of the processes that still run
	processes int
	memory    int // resident, in bytes; pages that processes share count for each
	own       int // the part of it that is not pages of files, such as those of the program
}

func (c cost) since(before cost) cost {
	c.cpu, c.wakeups = c.cpu-before.cpu, c.wakeups-before.wakeups
	return c
}

func costOf(session int) cost {
	const tick = time.Second / 100 // USER_HZ
	var c cost
	for _, p := range processesOf(session) {
		c.processes++
		pages := fieldsOf(p.dir + "/statm")
		c.memory += atoi(pages[1]) * os.Getpagesize()
		c.own += (atoi(pages[1]) - atoi(pages[2])) * os.Getpagesize()
		c.cpu += time.Duration(atoi(p.stat[12])+atoi(p.stat[13])) * tick // of children that have ended
		tasks, _ := filepath.Glob(p.dir + "/task/*")
		for _, task := range tasks {
			c.cpu += time.Duration(atoi(fieldsOf(task + "/schedstat")[0]))
			for line := range strings.Lines(mactest.Content(task + "/status")) {
				if n, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
					c.wakeups += atoi(strings.TrimSpace(n))
				}
			}
		}
	}
	return c
}

// process is a running process.
type process struct {
	pid  int
	dir  string   // in /proc
	stat []string // the fields of its stat that follow its name
}

func processesOf(session int) []process {
	var all []process
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		text := mactest.Content(dir + "/stat")
		stat := strings.Fields(text[strings.LastIndex(text, ")")+1:])
		if len(stat) > 13 && stat[3] == strconv.Itoa(session) && stat[0] != "Z" {
			all = append(all, process{atoi(filepath.Base(dir)), dir, stat})
		}
	}
	return all
}

// fieldsOf returns the fields of a file in /proc; empty ones if its process has ended.
func fieldsOf(file string) []string {
	return append(strings.Fields(mactest.Content(file)), "", "", "")
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
