package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/simmac"
)

// program is the argv that starts kextwatch.
type program []string

// thisProgram is this test binary under the name that makes it kextwatch.
func thisProgram(tb testing.TB) program {
	tb.Helper()
	return programNamed(tb, "kextwatch")
}

// programNamed is this test binary under one of the names in programs.
func programNamed(tb testing.TB, as string) program {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	name := filepath.Join(tb.TempDir(), as)
	if err := os.Link(self, name); err != nil {
		data, err := os.ReadFile(self)
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	return program{name}
}

func (p program) command(tb testing.TB, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(tb.Context(), p[0], append(p[1:], args...)...)
	cmd.Env = append(os.Environ(), "DISPLAY=", "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=")
	return cmd
}

// status returns the answer of `kextwatch status --json` and its exit code.
func (p program) status(tb testing.TB, root string) (view.Document, int) {
	tb.Helper()
	cmd := p.command(tb, "status", "--root", root, "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, _ := cmd.Output()
	var doc view.Document
	if err := json.Unmarshal(out, &doc); err != nil {
		tb.Fatalf("status: %v in %q; %s", err, out, &stderr)
	}
	return doc, cmd.ProcessState.ExitCode()
}

// running is an agent in its own process.
type running struct {
	cmd    *exec.Cmd
	events chan store.Event
	stderr bytes.Buffer
}

// start starts the agent without an icon.
func (p program) start(tb testing.TB, root string) *running {
	tb.Helper()
	r := &running{cmd: p.command(tb, "run", "--root", root, "--headless", "--events", "-"), events: make(chan store.Event, 1024)}
	r.cmd.Stderr = &r.stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		r.cmd.Process.Kill()
		r.cmd.Wait()
	})
	go r.read(out)
	r.want(tb, approval.AgentStarted)
	return r
}

// run starts the agent without an icon and waits for its first snapshot.
func (p program) run(tb testing.TB, root string) *running {
	tb.Helper()
	r := p.start(tb, root)
	status := filepath.Join(root, "Users", "me", "Library", "Application Support", probe.AgentLabel, "memory.plist")
	mactest.Eventually(tb, "the agent has looked", func() bool {
		m, err := store.ReadMemory(status)
		return err == nil && m.Memory.OS.Known()
	})
	return r
}

func (r *running) read(out io.Reader) {
	defer close(r.events)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if e, ok := store.ParseEvent(lines.Text()); ok {
			r.events <- e
		}
	}
}

// want waits for an event and ignores others.
func (r *running) want(tb testing.TB, name approval.EventName) store.Event {
	tb.Helper()
	return r.wantWithin(tb, mactest.Patience, name)
}

func (r *running) wantWithin(tb testing.TB, patience time.Duration, name approval.EventName) store.Event {
	tb.Helper()
	late := time.After(patience)
	for {
		select {
		case e, ok := <-r.events:
			if !ok {
				tb.Fatalf("the agent ended before %s; %s", name, &r.stderr)
			}
			if e.Event == name {
				return e
			}
		case <-late:
			tb.Fatalf("no %s after %v", name, patience)
		}
	}
}

// end sends a signal and returns the exit code and the last events.
func (r *running) end(tb testing.TB, signal os.Signal) (int, []approval.EventName) {
	tb.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		tb.Fatal(err)
	}
	var last []approval.EventName
	for e := range r.events {
		last = append(last, e.Event)
	}
	r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode(), last
}

// simulated makes a Mac that has been up for an hour, with Parallels not yet
// asked for approval.
func simulated(tb testing.TB, macOS string) (root string, sim *simmac.Mac) {
	tb.Helper()
	root = filepath.Join(tb.TempDir(), "mac")
	parallels := "18.3.4"
	if strings.HasPrefix(macOS, "10.") {
		parallels = "16.5.1"
	}
	sim, err := simmac.New(root, simmac.Options{MacOS: macOS, Parallels: parallels, Now: time.Now().Add(-time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	return root, sim
}

// daemon acts as syspolicyd on the database: it keeps its connection open.
type daemon struct {
	tb testing.TB
	db *sql.DB
}

func policyDaemon(tb testing.TB, root string) daemon {
	tb.Helper()
	db := openPolicy(tb, root, "&_pragma=synchronous(off)")
	tb.Cleanup(func() { db.Close() })
	return daemon{tb, db}
}

// openPolicy opens the policy database of a Mac for a writer with one connection.
func openPolicy(tb testing.TB, root, pragmas string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+policyFile(root)+"?_pragma=busy_timeout(5000)"+pragmas)
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func policyFile(root string) string {
	return filepath.Join(root, "private/var/db/SystemPolicyConfiguration/KextPolicy")
}

const hypervisorPath = "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_hypervisor.kext"

// hypervisor is a kext of Parallels Desktop.
var hypervisor = simmac.Kext{Path: hypervisorPath, ID: "com.parallels.kext.hypervisor", Team: probe.ParallelsTeamID}

// block commits the rows of a refused load attempt of Parallels Desktop.
func (d daemon) block(at time.Time) {
	d.tb.Helper()
	d.blockKext(hypervisor, at)
}

// blockKext commits the rows of a refused load attempt.
func (d daemon) blockKext(k simmac.Kext, at time.Time) {
	d.tb.Helper()
	d.commit(fmt.Sprintf(`INSERT OR IGNORE INTO kext_policy VALUES ('%s', '%s', 0, 'A developer', 4)`, k.Team, k.ID),
		fmt.Sprintf(`INSERT OR REPLACE INTO kext_load_history_v3 (path, team_id, bundle_id, created_at, last_seen, flags)
			VALUES ('%s', '%s', '%s', '%s', '%[4]s', 53)`, k.Path, k.Team, k.ID, at.UTC().Format(time.DateTime)))
}

func (d daemon) commit(statements ...string) {
	d.tb.Helper()
	tx, err := d.db.Begin()
	if err != nil {
		d.tb.Fatal(err)
	}
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			d.tb.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		d.tb.Fatal(err)
	}
}

// journey tests the main job with a real process: a commit of another process opens a
// window, a later attempt reopens it, and an approval ends it.
func journey(t *testing.T, p program) {
	root, _ := simulated(t, "12.7.6")
	syspolicyd := policyDaemon(t, root)
	agent := p.run(t, root)

	began := time.Now().Add(-time.Second)
	syspolicyd.block(time.Now())
	e := agent.want(t, approval.WindowOpened)
	if e.OpenedAt.Before(began.Truncate(time.Second)) || e.ClosesAt.Sub(*e.OpenedAt) != approval.WindowLength || e.TeamID != "4C6364ACXT" {
		t.Errorf("event %+v, want a window of 30 minutes that opened now", e)
	}
	if doc, code := p.status(t, root); doc.Verdict != approval.BlockedOpen || code != 1 || doc.Products[0].Window.MinutesLeft != 30 {
		t.Errorf("status %s, exit %d, window %+v; want blocked-open, 1, 30 minutes", doc.Verdict, code, doc.Products[0].Window)
	}
	syspolicyd.commit(`UPDATE kext_policy SET allowed = 1`)
	agent.want(t, approval.ApprovedEvent)
	agent.want(t, approval.RestartNeeded)

	code, last := agent.end(t, syscall.SIGTERM)
	if code != 0 || !slices.Contains(last, approval.AgentStopped) {
		t.Errorf("SIGTERM: exit %d after %q, want 0 and agent-stopped; %s", code, last, &agent.stderr)
	}
	again := p.run(t, root)
	syspolicyd.commit(`UPDATE kext_policy SET allowed = 0`)
	again.want(t, approval.VerdictChanged)
	if code, _ := again.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit %d, want 0", code)
	}
}

func TestProgramJourney(t *testing.T) {
	t.Parallel()
	journey(t, thisProgram(t))
}

// A closed window and a later attempt, in WAL mode.
func TestProgramReopenedWindow(t *testing.T) {
	root, _ := simulated(t, "12.7.6")
	syspolicyd := policyDaemon(t, root)
	syspolicyd.block(time.Now().Add(-50 * time.Minute))
	agent := thisProgram(t).run(t, root)
	agent.want(t, approval.BlockedNoWindow)
	syspolicyd.commit(fmt.Sprintf(`UPDATE kext_load_history_v3 SET last_seen = '%s' WHERE team_id = '4C6364ACXT'`, time.Now().UTC().Format(time.DateTime)))
	if e := agent.want(t, approval.WindowReopened); e.Verdict != approval.BlockedOpen {
		t.Errorf("event %+v, want blocked-open", e)
	}
}

// With no writer, a snapshot changes nothing in Apple's folder, in either journal
// mode.
func TestProgramLeavesThePolicyFolderAlone(t *testing.T) {
	for _, macOS := range []string{"10.15.7", "12.7.6"} {
		root, _ := simulated(t, macOS)
		dir := filepath.Dir(policyFile(root))
		before := footprint(t, dir)
		p := thisProgram(t)
		agent := p.run(t, root)
		p.status(t, root)
		agent.end(t, syscall.SIGTERM)
		if after := footprint(t, dir); after != before {
			t.Errorf("macOS %s: before\n%s\nafter\n%s", macOS, before, after)
		}
	}
}

func footprint(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range append([]string{"."}, names(entries)...) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v %d %v %s\n", name, info.Mode(), info.Size(), info.ModTime(), inode(info))
	}
	return b.String()
}

func names(entries []os.DirEntry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// inode holds everything that stat returns except the time of the last access.
func inode(info os.FileInfo) string {
	stat := reflect.ValueOf(info.Sys()).Elem()
	var all []string
	for i := range stat.NumField() {
		if name := stat.Type().Field(i).Name; !strings.HasPrefix(name, "Atim") {
			all = append(all, fmt.Sprintf("%s:%v", name, stat.Field(i)))
		}
	}
	return strings.Join(all, " ")
}
