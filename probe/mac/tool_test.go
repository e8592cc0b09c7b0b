package mac

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const testTool = "/usr/bin/tool"

// farTooLong is far beyond any limit here, yet not for ever.
const farTooLong = 30 * time.Second

func setToolLimit(t *testing.T, to time.Duration) {
	limit, grace := toolLimit, toolGrace
	toolLimit, toolGrace = to, 100*time.Millisecond
	t.Cleanup(func() { toolLimit, toolGrace = limit, grace })
}

func TestTool(t *testing.T) {
	m := bareMac(t)
	addTool(t, m, testTool, `printf '%s|' "$#" "$@"; env | while IFS== read -r name value; do [ $name = LC_ALL ] && echo $value; [ $name = HOME ] && echo leaked; done; pwd`)
	t.Setenv("HOME", "/secret")
	out, err := m.tool(t.Context(), testTool, "a b", "$(id)", "'")
	if err != nil || string(out) != "3|a b|$(id)|'|C\n/\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestToolAbsent(t *testing.T) {
	m := bareMac(t)
	if _, err := m.tool(t.Context(), testTool); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	addFile(t, m, testTool, "not executable")
	if _, err := m.tool(t.Context(), testTool); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not executable: %v", err)
	}
}

func TestNoToolsRunsNothing(t *testing.T) {
	m := bareMac(t)
	addTool(t, m, testTool, `echo ran`)
	m.NoTools = true
	if out, err := m.tool(t.Context(), testTool); !errors.Is(err, errNoTools) || out != nil {
		t.Errorf("%q, %v", out, err)
	}
}

func TestToolFails(t *testing.T) {
	m := bareMac(t)
	addTool(t, m, testTool, `echo out; printf 'no such\033[31m thing\n' >&2; exit 3`)
	_, err := m.tool(t.Context(), testTool)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.HasSuffix(err.Error(), "no such[31m thing") {
		t.Errorf("%v", err)
	}
}

func TestToolHangs(t *testing.T) {
	setToolLimit(t, 300*time.Millisecond)
	m := bareMac(t)
	addTool(t, m, testTool, `echo begun; trap '' TERM INT HUP; sleep 60`)
	start := time.Now()
	if _, err := m.tool(t.Context(), testTool); !errors.Is(err, errToolStuck) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > farTooLong {
		t.Errorf("ended after %v", took)
	}
}

func TestToolEndsWithItsContext(t *testing.T) {
	m := bareMac(t)
	addTool(t, m, testTool, `sleep 60`)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := m.tool(ctx, testTool); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestToolPrintsTooMuch(t *testing.T) {
	for _, stream := range []string{"1", "2"} {
		m := bareMac(t)
		addTool(t, m, testTool, `while :; do echo 0123456789012345678901234567890123456789012345678901234567890123; done >&`+stream)
		limit := toolOutput
		toolOutput = 4096
		_, err := m.tool(t.Context(), testTool)
		toolOutput = limit
		if !errors.Is(err, errTooMuch) {
			t.Errorf("stream %s: %v", stream, err)
		}
	}
}

// A process that the tool left behind holds its output open; it must neither
// be waited for nor survive.
func TestToolLeavesSomethingBehind(t *testing.T) {
	for name, end := range map[string]string{
		"ends":  "exit 0",
		"fails": "exit 1",
		"hangs": "sleep 60",
	} {
		t.Run(name, func(t *testing.T) {
			setToolLimit(t, 3*time.Second) // enough for it to begin
			m := bareMac(t)
			fifo := filepath.Join(m.Root, "alive")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			// Reading ends when nobody holds the other end any more.
			dead := make(chan error, 1)
			go func() {
				f, err := os.Open(fifo)
				if err == nil {
					_, err = io.Copy(io.Discard, f)
					f.Close()
				}
				dead <- err
			}()
			addTool(t, m, testTool, `exec 3>'`+fifo+`'; sleep 60 & echo printed; `+end)
			start := time.Now()
			if out, err := m.tool(t.Context(), testTool); err == nil {
				t.Errorf("no error, %q", out)
			}
			if took := time.Since(start); took > farTooLong {
				t.Errorf("ended after %v", took)
			}
			select {
			case err := <-dead:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(farTooLong):
				t.Error("what it started is still alive")
			}
		})
	}
}
