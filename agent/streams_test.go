package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/probe/mactest"
)

// fullPipe is a pipe full of filler bytes. Writes block until a reader reads.
func fullPipe(t *testing.T) (r, w *os.File, filler int64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	line := append(bytes.Repeat([]byte("x"), 15), '\n')
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var full error
	err = raw.Write(func(fd uintptr) (done bool) { // Go's pipes do not block
		for full == nil {
			var n int
			if n, full = syscall.Write(int(fd), line); n > 0 {
				filler += int64(n)
			}
		}
		return true
	})
	if err != nil || !errors.Is(full, syscall.EAGAIN) {
		t.Fatal(err, full)
	}
	return r, w, filler
}

// onStreams is an agent in its own process, with streams that nobody reads.
type onStreams struct {
	t      *testing.T
	cmd    *exec.Cmd
	places store.Places
	daemon daemon
}

func startOnStreams(t *testing.T, stdout, stderr *os.File, args ...string) onStreams {
	t.Helper()
	root, _ := simulated(t, "12.7.6")
	a := onStreams{t: t, places: store.PlacesIn(filepath.Join(root, "Users", "me")), daemon: policyDaemon(t, root)}
	a.cmd = thisProgram(t).command(t, append([]string{"run", "--root", root, "--headless"}, args...)...)
	if stdout != nil {
		a.cmd.Stdout = stdout
	}
	if stderr != nil {
		a.cmd.Stderr = stderr
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.cmd.Process.Kill(); a.cmd.Wait() })
	mactest.Eventually(t, "the agent has looked", func() bool { return a.looked() })
	return a
}

func (a onStreams) looked() bool {
	m, err := store.ReadMemory(a.places.Memory)
	return err == nil && m.Memory.OS.Known()
}

// wantEvent waits until the agent's history has an event.
func (a onStreams) wantEvent(name approval.EventName) {
	a.t.Helper()
	mactest.Eventually(a.t, string(name), func() bool { return strings.Contains(mactest.Content(a.places.History), `"event":"`+string(name)+`"`) })
}

// wantEnd sends SIGTERM and expects the agent to exit with 0.
func (a onStreams) wantEnd() {
	a.t.Helper()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		a.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			a.t.Errorf("the agent ended with %v, want 0", err)
		}
	case <-time.After(mactest.Patience):
		a.t.Error("SIGTERM does not end the agent")
	}
}

// A reader of the events or the log that stops reading must neither block the agent
// nor prevent its end.
func TestRunWithAStoppedReader(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"standard output", "standard error"} {
		t.Run(stream, func(t *testing.T) {
			_, w, _ := fullPipe(t)
			args, stdout, stderr := []string{"--events", "-"}, w, (*os.File)(nil)
			if stream == "standard error" {
				args, stdout, stderr = []string{"--log-level", "debug"}, nil, w
			}
			agent := startOnStreams(t, stdout, stderr, args...)
			agent.daemon.block(time.Now())
			agent.wantEvent(approval.WindowOpened)
			agent.wantEnd()
			agent.wantEvent(approval.AgentStopped)
			if log := mactest.Content(agent.places.LogFile); !strings.Contains(log, stream) {
				t.Errorf("the log does not say that %s was lost:\n%s", stream, log)
			}
		})
	}
}

// Unread lines arrive later, complete and in order.
func TestRunWithAReaderThatGoesOn(t *testing.T) {
	r, w, filler := fullPipe(t)
	agent := startOnStreams(t, w, nil, "--events", "-")
	w.Close()
	agent.daemon.block(time.Now())
	agent.wantEvent(approval.WindowOpened)
	if _, err := io.CopyN(io.Discard, r, filler); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(r)
		got <- string(all)
	}()
	agent.wantEnd()
	if got, want := <-got, mactest.Content(agent.places.History); got != want {
		t.Errorf("read\n%s\nwant the whole history\n%s", got, want)
	}
}

// A reader of the events or the log that exits must not end the agent.
func TestRunWithAReaderThatIsGone(t *testing.T) {
	for _, stream := range []string{"standard output", "standard error"} {
		t.Run(stream, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			args, stdout, stderr := []string{"--events", "-"}, w, (*os.File)(nil)
			if stream == "standard error" {
				args, stdout, stderr = []string{"--log-level", "debug"}, nil, w
			}
			agent := startOnStreams(t, stdout, stderr, args...)
			w.Close()
			agent.daemon.block(time.Now())
			agent.wantEvent(approval.WindowOpened)
			agent.wantEnd()
			if n := strings.Count(mactest.Content(agent.places.LogFile), "cannot write to "+stream); n != 1 {
				t.Errorf("the log says %d times that %s is gone, want once:\n%s", n, stream, mactest.Content(agent.places.LogFile))
			}
		})
	}
}

// A named pipe has no reader, then one, then another. The agent does not wait for
// them, and each gets complete lines in order.
func TestRunWithANamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "events")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	agent := startOnStreams(t, nil, nil, "--events", pipe)
	agent.daemon.block(time.Now())
	agent.wantEvent(approval.WindowOpened)

	next := func(lines *bufio.Scanner) approval.EventName {
		for lines.Scan() {
			e, ok := store.ParseEvent(lines.Text())
			if !ok {
				t.Fatalf("not an event: %q", lines.Text())
			}
			if e.Event != approval.VerdictChanged && e.Event != approval.NotificationFailed {
				return e.Event
			}
		}
		return ""
	}
	first, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	lines := bufio.NewScanner(first)
	for _, want := range []approval.EventName{approval.AgentStarted, approval.WindowOpened} {
		if got := next(lines); got != want {
			t.Errorf("the first reader gets %q, want %q", got, want)
		}
	}
	first.Close()
	agent.daemon.commit(`UPDATE kext_policy SET allowed = 1`)
	agent.wantEvent(approval.ApprovedEvent)
	second, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := next(bufio.NewScanner(second)); got != approval.ApprovedEvent {
		t.Errorf("the second reader gets %q, want %q", got, approval.ApprovedEvent)
	}
	agent.wantEnd()
}

func TestRunWithANamedPipeThatNobodyReads(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "events")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	startOnStreams(t, nil, nil, "--events", pipe).wantEnd()
}

// Every other command ends when its output pipe is closed, as usual.
func TestOtherCommandsEndWithTheirPipe(t *testing.T) {
	root, _ := simulated(t, "12.7.6")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := thisProgram(t).command(t, "status", "--root", root)
	cmd.Stdout = w
	err = cmd.Run()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE {
		t.Errorf("it ended with %v, want SIGPIPE", err)
	}
}
