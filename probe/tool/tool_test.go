package tool

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// farTooLong is longer than every limit here, and still ends.
const farTooLong = 30 * time.Second

// program writes a script and returns how to run it.
func program(t *testing.T, script string) (Runner, Spec) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "tool")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Runner{Root: dir, UID: os.Geteuid()}, Spec{Path: path}
}

func shortGrace(t *testing.T) {
	was := grace
	grace = 100 * time.Millisecond
	t.Cleanup(func() { grace = was })
}

func TestRun(t *testing.T) {
	t.Setenv("HOME", "/secret")
	for name, tc := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"as it is":       {func(*Spec) {}, "0||PATH=/usr/bin:/bin:/usr/sbin:/sbin|C|/"},
		"arguments":      {func(s *Spec) { s.Args = []string{"a b", "$(id)", "'"} }, "3|a b|$(id)|'||PATH=/usr/bin:/bin:/usr/sbin:/sbin|C|/"},
		"standard input": {func(s *Spec) { s.Stdin = strings.NewReader("text") }, "0|text|PATH=/usr/bin:/bin:/usr/sbin:/sbin|C|/"},
		"environment":    {func(s *Spec) { s.Env = []string{"PATH=/bin", "LC_ALL=x"} }, "0||PATH=/bin|x|/"},
		"no output":      {func(s *Spec) { s.NoStdout = true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := program(t, `printf '%s|' "$#" "$@"; echo "$(cat)|PATH=$PATH|$LC_ALL|$(pwd)$HOME"; echo said >&2`)
			tc.change(&s)
			out, err := r.Run(t.Context(), s)
			if err != nil || strings.TrimSpace(string(out.Stdout)) != tc.want || string(out.Stderr) != "said\n" {
				t.Errorf("%q, %q, %v, want %q", out.Stdout, out.Stderr, err, tc.want)
			}
		})
	}
	// An empty environment is not the agent's own.
	r, s := program(t, `/usr/bin/env | /bin/grep HOME; exit 0`)
	s.Env = []string{}
	if out, err := r.Run(t.Context(), s); err != nil || len(out.Stdout) > 0 {
		t.Errorf("%q, %v", out.Stdout, err)
	}
}

func TestProgramsThatCannotBeRun(t *testing.T) {
	r, s := program(t, `exit 0`)
	for name, tc := range map[string]struct {
		path string
		want error // nil: any
		says string
	}{
		"absent":         {filepath.Join(r.Root, "absent"), fs.ErrNotExist, "absent: file does not exist"},
		"not executable": {filepath.Join(r.Root, "text"), fs.ErrPermission, "text"},
		"a relative one": {"sh", nil, `"sh" is not an absolute path`},
	} {
		if err := os.WriteFile(filepath.Join(r.Root, "text"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := r.Run(t.Context(), Spec{Path: tc.path})
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Name = "/usr/bin/tool"
	s.Path += "s"
	if _, err := r.Run(t.Context(), s); err == nil || !strings.HasPrefix(err.Error(), "/usr/bin/tool: ") {
		t.Errorf("named by its name: %v", err)
	}
}

// The error of a program that fails contains its cleaned message. The output is
// returned too.
func TestRunFails(t *testing.T) {
	r, s := program(t, `echo out; printf 'no such\033[31m thing\n' >&2; exit 3`)
	out, err := r.Run(t.Context(), s)
	exit, ok := errors.AsType[*ExitError](err)
	if !ok || exit.Code != 3 || string(exit.Stderr) != "no such\x1b[31m thing\n" || err.Error() != s.Path+": exit status 3: no such[31m thing" {
		t.Errorf("%v", err)
	}
	if string(out.Stdout) != "out\n" {
		t.Errorf("printed %q", out.Stdout)
	}
	r, s = program(t, `kill -TERM $$`)
	if _, err := r.Run(t.Context(), s); err == nil || !strings.HasSuffix(err.Error(), ": signal: terminated") {
		t.Errorf("%v", err)
	}
}

func TestRunHangs(t *testing.T) {
	shortGrace(t)
	r, s := program(t, `echo begun; trap '' TERM INT HUP; sleep 60`)
	s.Limit = 300 * time.Millisecond
	start := time.Now()
	if _, err := r.Run(t.Context(), s); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > farTooLong {
		t.Errorf("ended after %v", took)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	r, s := program(t, `sleep 60`)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("nobody wants it any more")
	time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
	if _, err := r.Run(ctx, s); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestRunPrintsTooMuch(t *testing.T) {
	for name, script := range map[string]string{
		"stdout":          `while :; do echo 0123456789012345678901234567890123456789012345678901234567890123; done`,
		"stderr":          `while :; do echo 0123456789012345678901234567890123456789012345678901234567890123; done >&2`,
		"and fails":       `yes | head -c 100000; exit 3`,
		"and ends":        `yes | head -c 100000`,
		"in one go":       `head -c 100000 /dev/zero`,
		"and leaves more": `yes & yes >&2`,
	} {
		t.Run(name, func(t *testing.T) {
			shortGrace(t)
			r, s := program(t, script)
			s.Output = 4096
			if out, err := r.Run(t.Context(), s); !errors.Is(err, ErrTooMuch) || out.Stdout != nil {
				t.Errorf("%v", err)
			}
		})
	}
	r, s := program(t, `head -c 4096 /dev/zero; head -c 4096 /dev/zero >&2`)
	s.Output = 4096
	if out, err := r.Run(t.Context(), s); err != nil || len(out.Stdout) != 4096 || len(out.Stderr) != 4096 {
		t.Errorf("at the limit: %d and %d bytes, %v", len(out.Stdout), len(out.Stderr), err)
	}
	r, s = program(t, `head -c 100000 /dev/zero`)
	s.Output, s.NoStdout = 4096, true
	if _, err := r.Run(t.Context(), s); err != nil {
		t.Errorf("discarded output: %v", err)
	}
}

// alive returns a pipe that a program, and every process that it starts, holds
// open. The channel is closed when it was open and no process holds it open any
// more.
func alive(t *testing.T) (path string, dead <-chan struct{}) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.Open(path)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			f.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}()
	return path, done
}

// However a program ends, no process of its group survives, whether it holds the
// output open or not.
func TestNothingSurvives(t *testing.T) {
	for name, tc := range map[string]struct {
		end             string
		silent, holding error // what Run says of a child that does not, or does, hold the output open
	}{
		"ends":             {"exit 0", nil, ErrLeftRunning},
		"fails":            {"exit 1", &ExitError{}, &ExitError{}},
		"hangs":            {"sleep 60", ErrTimeout, ErrTimeout},
		"floods":           {"yes", ErrTooMuch, ErrTooMuch},
		"loses its caller": {"exec 4>&-; sleep 60", context.Canceled, context.Canceled},
	} {
		for redirect, want := range map[string]error{">/dev/null 2>&1": tc.silent, "": tc.holding} {
			for _, how := range []string{"run", "stream"} {
				if how == "stream" && (name == "hangs" || name == "floods") {
					continue // neither ends a stream
				}
				t.Run(strings.Join([]string{how, name, redirect}, " "), func(t *testing.T) {
					shortGrace(t)
					path, dead := alive(t)
					begun, ready := alive(t)
					r, s := program(t, `exec 3>'`+path+`' 4>'`+begun+`'; sleep 60 4>&- `+redirect+` & `+tc.end)
					s.Limit = farTooLong
					if name == "hangs" {
						s.Limit = 3 * time.Second // enough to start
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if name == "loses its caller" {
						go func() { <-ready; cancel() }()
					}
					var err error
					if how == "run" {
						_, err = r.Run(ctx, s)
					} else if err = r.Stream(ctx, s, func([]byte) {}); want == nil {
						want = ErrEnded
					}
					if _, exit := want.(*ExitError); exit && !isExit(err) || !exit && !errors.Is(err, want) {
						t.Errorf("%v, want %v", err, want)
					}
					select {
					case <-dead:
					case <-time.After(farTooLong):
						t.Error("a process that it started is still alive")
					}
				})
			}
		}
	}
}

func TestStream(t *testing.T) {
	r, s := program(t, `echo one; echo two; printf three`)
	var got []string
	err := r.Stream(t.Context(), s, func(line []byte) { got = append(got, string(line)) })
	if !errors.Is(err, ErrEnded) || strings.Join(got, " ") != "one two" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestStreamFails(t *testing.T) {
	r, s := program(t, `i=0; while [ $i -lt 1000 ]; do echo 'no such thing' >&2; i=$((i+1)); done; exit 3`)
	err := r.Stream(t.Context(), s, nil)
	exit, ok := errors.AsType[*ExitError](err)
	if !ok || exit.Code != 3 || len(exit.Stderr) != streamError {
		t.Errorf("fails: %v", err)
	}
	s.Path += "s"
	if err := r.Stream(t.Context(), s, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	r, s = program(t, `trap '' TERM INT HUP; echo begun; while :; do sleep 60; done`)
	ctx, cancel := context.WithCancel(t.Context())
	if err := r.Stream(ctx, s, func([]byte) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
