package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/store"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
)

// logIn opens a log in a folder of its own, with an output whose warnings are also in it.
func logIn(t *testing.T, l logging) (*slog.Logger, *cli.Output, store.Places, *bytes.Buffer) {
	t.Helper()
	stderr, p := &bytes.Buffer{}, store.PlacesIn(t.TempDir())
	s := &cli.Output{Stdout: &bytes.Buffer{}, Stderr: stderr}
	return l.open(p, s), s, p, stderr
}

func TestLogGoesToItsFile(t *testing.T) {
	log, s, p, stderr := logIn(t, logging{})
	log.Info("kextwatch started", "version", "1.2\n3")
	log.Debug("below the level")
	s.Warn("do this", "the disk is %s", "full")
	data, err := os.ReadFile(p.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 2 || !strings.HasSuffix(lines[0], `"level":"INFO","msg":"kextwatch started","version":"1.2\n3"}`) ||
		!strings.HasSuffix(lines[1], `"level":"WARN","msg":"the disk is full"}`) {
		t.Errorf("log\n%s", data)
	}
	if stderr.String() != "kextwatch: warning: the disk is full\nkextwatch: hint: do this\n" {
		t.Errorf("standard error, which is not a terminal:\n%s", stderr)
	}
	if info, _ := os.Stat(p.LogFile); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestLogLevelShowsTheLogOnStandardError(t *testing.T) {
	log, _, p, stderr := logIn(t, logging{level: slog.LevelDebug, shown: true})
	log.Debug("asked for")
	if data, _ := os.ReadFile(p.LogFile); !strings.Contains(stderr.String(), `level=DEBUG msg="asked for"`) || !strings.Contains(string(data), `"level":"DEBUG","msg":"asked for"`) {
		t.Errorf("standard error %q, file %q", stderr, data)
	}
}

// A log that cannot be written is reported once. It is written again as soon
// as that is possible.
func TestLogThatCannotBeWritten(t *testing.T) {
	log, _, p, stderr := logIn(t, logging{})
	for _, spoil := range []func() error{
		func() error { return os.Mkdir(p.LogFile, 0o700) },
		func() error { return syscall.Mkfifo(p.LogFile, 0o600) },
		func() error { return os.Symlink("/dev/null", p.LogFile) },
	} {
		stderr.Reset()
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		log.Info("one")
		log.Info("two")
		if n := strings.Count(stderr.String(), "cannot write the log"); n != 1 {
			t.Errorf("reported %d times: %s", n, stderr)
		}
		if err := os.Remove(p.LogFile); err != nil {
			t.Fatal(err)
		}
		log.Info("three")
		if data, err := os.ReadFile(p.LogFile); err != nil || !strings.Contains(string(data), "three") {
			t.Errorf("%v: %q", err, data)
		}
		os.Remove(p.LogFile)
	}
}

// The agent rotates launchd.log at each start, because launchd never does.
func TestCrashesAreRotated(t *testing.T) {
	p := store.PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Crashes, strings.Repeat("panic\n", int(p.Logged().Size/6)+1))
	logging{}.open(p, &cli.Output{Stderr: t.Output()})
	if _, err := os.Stat(p.Crashes); err == nil {
		t.Error("launchd.log was not renamed")
	}
	if _, err := os.Stat(p.Crashes + ".1"); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	r := store.Rotation{Path: filepath.Join(t.TempDir(), "log"), Size: 100, Files: 3}
	for i := range 40 {
		if err := r.Append(fmt.Sprintf("line %02d of some length\n", i)); err != nil { // 24 bytes: five fill a file
			t.Fatal(err)
		}
	}
	var all string
	for i := r.Files - 1; i >= 0; i-- {
		data, err := os.ReadFile(r.File(i))
		if err != nil || len(data) > 124 {
			t.Fatalf("%v, %d bytes", err, len(data))
		}
		all += string(data)
	}
	if !strings.HasPrefix(all, "line 25") || !strings.HasSuffix(all, "line 39 of some length\n") || strings.Count(all, "\n") != 15 {
		t.Errorf("kept\n%s", all)
	}
	if _, err := os.Stat(r.File(3)); err == nil {
		t.Error("the log has a fourth file, want at most three")
	}
}

func TestEventsInTheLog(t *testing.T) {
	var out bytes.Buffer
	closes := time.Date(2026, 5, 6, 6, 15, 0, 0, time.UTC)
	log := slog.New(slog.NewTextHandler(&out, nil))
	store.LogEvent(log, store.Event{Event: approval.VerdictChanged, Text: "beside others"})
	store.LogEvent(log, store.Event{Event: approval.WindowOpened, Product: "Parallels Desktop", Verdict: approval.BlockedOpen, ClosesAt: &closes, Text: "Blocked."})
	store.LogEvent(log, store.Event{Event: approval.SourceLost, Text: "Lost."})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 ||
		!strings.HasSuffix(lines[0], `level=INFO msg=Blocked. event=window-opened product="Parallels Desktop" verdict=blocked-open closes_at=2026-05-06T06:15:00.000Z`) ||
		!strings.HasSuffix(lines[1], "level=WARN msg=Lost. event=source-lost") {
		t.Errorf("log\n%s", out.String())
	}
}

// followedLog collects the lines of a log that is followed.
type followedLog struct {
	reader logReader
	lines  []string
}

func follow(r store.Rotation) *followedLog {
	f := &followedLog{reader: logReader{files: r}}
	f.reader.show = func(line string) { f.lines = append(f.lines, line) }
	return f
}

// No line of a log is lost, doubled or out of order through rotations, or when
// the file is truncated or removed.
func TestFollowingALogThroughItsRotation(t *testing.T) {
	r := store.Rotation{Path: filepath.Join(t.TempDir(), "log"), Size: 100, Files: 3}
	var want []string
	write := func(n int) {
		for range n {
			line := fmt.Sprintf("line %02d of some length", len(want))
			want = append(want, line)
			if err := r.Append(line + "\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(13) // three files
	f := follow(r)
	defer f.reader.close()
	if err := f.reader.more(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		write(9) // at most two rotations between two polls
		if err := f.reader.more(); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(f.lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(f.lines, "\n"), strings.Join(want, "\n"))
	}

	f.lines = nil
	if err := os.Truncate(r.Path, 0); err != nil {
		t.Fatal(err)
	}
	write(1)
	if err := f.reader.more(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.Path); err != nil {
		t.Fatal(err)
	}
	if err := f.reader.more(); err != nil {
		t.Fatal(err)
	}
	write(1)
	if err := f.reader.more(); err != nil || strings.Join(f.lines, "\n") != strings.Join(want[len(want)-2:], "\n") {
		t.Errorf("%v: after it was truncated and removed: %q", err, f.lines)
	}

	f.lines = nil
	if err := os.Rename(r.Path, filepath.Join(filepath.Dir(r.Path), "kept")); err != nil {
		t.Fatal(err)
	}
	if err := f.reader.more(); err != nil {
		t.Fatal(err)
	}
	write(1)
	if err := f.reader.more(); err != nil || strings.Join(f.lines, "\n") != want[len(want)-1] {
		t.Errorf("%v: after it was renamed by hand: %q", err, f.lines)
	}
}

// logs neither waits for a FIFO nor follows a link.
func TestReadingALogThatIsNotAFile(t *testing.T) {
	for name, place := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		r := store.Rotation{Path: filepath.Join(t.TempDir(), "log"), Size: 100, Files: 3}
		if err := place(r.Path); err != nil {
			t.Fatal(err)
		}
		f := follow(r)
		if err := f.reader.more(); err == nil || len(f.lines) > 0 {
			t.Errorf("%s: error %v, lines %q; want an error", name, err, f.lines)
		}
		f.reader.close()
	}
}

// A line is shown when it is complete. A very long line is shown in pieces.
func TestFollowingHalfALine(t *testing.T) {
	r := store.Rotation{Path: filepath.Join(t.TempDir(), "log"), Size: 1 << 20, Files: 3}
	mactest.WriteFile(t, r.Path, "a\nhalf")
	f := follow(r)
	defer f.reader.close()
	if err := f.reader.more(); err != nil || strings.Join(f.lines, "|") != "a" {
		t.Fatalf("%v %q", err, f.lines)
	}
	file, err := os.OpenFile(r.Path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString(" a line\n" + strings.Repeat("x", 3*logLine))
	if err := f.reader.more(); err != nil || len(f.lines) < 4 || f.lines[1] != "half a line" || len(f.reader.rest) > logLine {
		t.Errorf("%v: %d lines, %d bytes kept", err, len(f.lines), len(f.reader.rest))
	}
}

func TestLogLines(t *testing.T) {
	for line, want := range map[string]struct{ text, json string }{
		`{"time":"2026-05-06T05:50:00.123456Z","level":"INFO","msg":"kextwatch started","version":"1.2","pid":70000,"root":"/"}`: {
			`time=2026-05-06T05:50:00.123Z level=INFO msg="kextwatch started" version=1.2 pid=70000 root=/`,
			`{"time":"2026-05-06T05:50:00.123456Z","level":"INFO","msg":"kextwatch started","version":"1.2","pid":70000,"root":"/"}`,
		},
		// Control characters, as JSON escapes them and as it does not: ESC, DEL, the C1 control CSI, a change of direction.
		`{"level":"WARN","msg":"a \"b\" \u001b[2J","one":"` + "\x7f\u009b2J\u202e\U000e0001" + `","two":""}`: {
			`level=WARN msg="a \"b\" \x1b[2J" one="\x7f\u009b2J\u202e\U000e0001" two=""`,
			`{"level":"WARN","msg":"a \"b\" \u001b[2J","one":"\u007f\u009b2J\u202e\udb40\udc01","two":""}`,
		},
		// A line of an agent before this format.
		`time=2026-05-06T05:50:00.000Z level=INFO msg="kextwatch started" version=1.2`: {
			`time=2026-05-06T05:50:00.000Z level=INFO msg="kextwatch started" version=1.2`,
			`{"msg":"time=2026-05-06T05:50:00.000Z level=INFO msg=\"kextwatch started\" version=1.2"}`,
		},
		"panic:\t\x1b[31msomething": {"panic: [31msomething", `{"msg":"panic: [31msomething"}`},
		// An incomplete line, and objects that slog did not write.
		`{"time":"2026-05-06T05:50:00Z","level":"INFO","msg":"kext`: {`{"time":"2026-05-06T05:50:00Z","level":"INFO","msg":"kext`, `{"msg":"{\"time\":\"2026-05-06T05:50:00Z\",\"level\":\"INFO\",\"msg\":\"kext"}`},
		`{"level":"LOUD","msg":"x"}`:                                {`{"level":"LOUD","msg":"x"}`, `{"level":"LOUD","msg":"x"}`},
		`{"a":  1}`:                                                 {`{"a":  1}`, `{"a":1}`},
		`{"msg":"x"} {"msg":"y"}`:                                   {`{"msg":"x"} {"msg":"y"}`, `{"msg":"{\"msg\":\"x\"} {\"msg\":\"y\"}"}`},
	} {
		if got := textLine(line); got != want.text {
			t.Errorf("%s as text: %s, want %s", line, got, want.text)
		}
		if got := jsonLine(line); got != want.json {
			t.Errorf("%s as JSON: %s, want %s", line, got, want.json)
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add(`{"time":"2026-05-06T05:50:00Z","level":"INFO","msg":"x \n y","a":{"b":[1]}}`)
	f.Add(`{"msg":"` + "\u009b\x7f\xff" + `"}`)
	f.Add("\x1b]0;evil\x07")
	f.Add(`level=INFO a="`)
	hostile.Fuzz(f, func(t *testing.T, line string) {
		text, object := textLine(line), jsonLine(line)
		if strings.ContainsFunc(text+object, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("unprintable characters in %q, %q", text, object)
		}
		if err := json.Unmarshal([]byte(object), new(map[string]json.RawMessage)); err != nil {
			t.Errorf("%q: %v", object, err)
		}
	})
}

// kextwatch logs -f shows a new line and ends with a signal.
func TestProgramLogsFollow(t *testing.T) {
	home := t.TempDir()
	p := store.PlacesIn(home)
	mactest.WriteFile(t, p.LogFile, "level=INFO msg=first\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	prog := thisProgram(t)
	cmd := exec.CommandContext(ctx, prog[0], "logs", "-f", "--home", home)
	var out mactest.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	mactest.Eventually(t, "the first line", func() bool { return strings.Contains(out.String(), "first") })
	if err := (store.Rotation{Path: p.LogFile, Size: 1, Files: 3}).Append("level=INFO msg=second\n"); err != nil { // rotates
		t.Fatal(err)
	}
	mactest.Eventually(t, "the second line", func() bool { return strings.Contains(out.String(), "second") })
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); errors.As(err, new(*exec.ExitError)) {
		t.Errorf("ended with %v: %s", err, out.String())
	}
}

// A full disk leaves no partial line.
func TestRotationOnAFullDisk(t *testing.T) {
	r := store.Rotation{Path: filepath.Join(t.TempDir(), "log"), Size: 1 << 20, Files: 3}
	if err := r.Append("a line\n"); err != nil {
		t.Fatal(err)
	}
	err := mactest.OnFullDisk(t, 20, func() error { return r.Append("a line that is too long for it\n") })
	if data, _ := os.ReadFile(r.Path); err == nil || string(data) != "a line\n" {
		t.Errorf("error %v, file %q; want an error and the line that was there", err, data)
	}
}
