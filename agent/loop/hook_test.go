package loop

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// hooked is a Mac with a program that is run for each event.
type hooked struct {
	t    *testing.T
	hook *Hook
	root string
	log  *mactest.Buffer
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mac")
	if err := os.MkdirAll(filepath.Join(dir, "Library", "Scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &hooked{t: t, root: dir, log: &mactest.Buffer{}}
	h.hook = NewHook(root.FS{Root: dir}, slog.New(slog.NewTextHandler(h.log, nil)))
	return h
}

// script writes a program of the Mac; $out is a file beside it.
func (h *hooked) script(text string) (name string) {
	h.t.Helper()
	name = "/Library/Scripts/hook.sh"
	text = "#!/bin/sh\nout='" + h.out() + "'\n" + text
	if err := os.WriteFile(h.root+name, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
	return name
}

func (h *hooked) out() string { return filepath.Join(h.root, "Library", "Scripts", "out") }

func (h *hooked) output() string {
	data, _ := os.ReadFile(h.out())
	return string(data)
}

func (h *hooked) start() {
	ctx, cancel := context.WithCancel(h.t.Context())
	over := make(chan struct{})
	go func() { h.hook.Run(ctx); close(over) }()
	h.t.Cleanup(func() { cancel(); <-over })
}

func TestHookGetsOnlyTheEvent(t *testing.T) {
	h := newHooked(t)
	t.Setenv("SECRET", "x")
	name := h.script(`{ cat; echo "$# $PWD"; echo "secret:$SECRET home:$HOME"; } >"$out"`)
	h.start()
	h.hook.offer(name, `{"event":"window-opened"}`)
	want := "{\"event\":\"window-opened\"}\n0 /\nsecret: home:\n"
	mactest.Eventually(t, "the program has run", func() bool { return h.output() == want })
}

func TestHookWithoutAProgram(t *testing.T) {
	h := newHooked(t)
	h.hook.offer("", "{}")
	if len(h.hook.queue.values) > 0 {
		t.Error("a run was queued without a program")
	}
}

// A program that hangs is killed with its children, and the next event is handled.
func TestHookThatHangs(t *testing.T) {
	h := newHooked(t)
	h.hook.limit = 300 * time.Millisecond
	name := h.script(`read -r event
[ "$event" = hang ] || { echo next >>"$out"; exit; }
sleep 1000 &
echo $! >>"$out"
wait`)
	h.start()
	h.hook.offer(name, "hang")
	h.hook.offer(name, "next")
	mactest.Eventually(t, "the next one has run", func() bool { return strings.HasSuffix(h.output(), "next\n") })
	if !strings.Contains(h.log.String(), tool.ErrTimeout.Error()) {
		t.Errorf("the log does not name the time limit:\n%s", h.log)
	}
	mactest.WantGone(t, strings.Fields(h.output())[0])
}

// A background process of the program is killed with it, even if it keeps the
// standard error open.
func TestHookThatForks(t *testing.T) {
	h := newHooked(t)
	name := h.script(`sleep 1000 &
echo $! >>"$out"`)
	h.start()
	h.hook.offer(name, "{}")
	mactest.Eventually(t, "it has started something", func() bool { return strings.HasSuffix(h.output(), "\n") })
	mactest.WantGone(t, strings.TrimSpace(h.output()))
	mactest.Eventually(t, "the log says so", func() bool { return strings.Contains(h.log.String(), "left a process running") })
}

// A process in a session of its own is out of reach. It survives, and does not delay
// the next event, although it keeps the standard error open.
func TestHookThatLeavesItsGroup(t *testing.T) {
	setsid, err := exec.LookPath("setsid")
	if err != nil {
		mactest.Missing(t, "setsid")
	}
	h := newHooked(t)
	name := h.script(`read -r event
[ "$event" = leave ] || { echo next >>"$out"; exit; }
exec '` + setsid + `' sh -c 'echo $$ >>"'"$out"'"; exec sleep 1000' &
until [ -s "$out" ]; do :; done`)
	h.start()
	h.hook.offer(name, "leave")
	h.hook.offer(name, "next")
	mactest.Eventually(t, "the next one has run", func() bool { return strings.HasSuffix(h.output(), "next\n") })
	pid, err := strconv.Atoi(strings.Fields(h.output())[0])
	mactest.NoError(t, err)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it did not survive: %v", err)
	}
}

func TestHookThatFails(t *testing.T) {
	h := newHooked(t)
	name := h.script(`printf 'no \033[2J such thing\n' >&2; yes | head -c 100000 >&2; exit 3`)
	h.start()
	h.hook.offer(name, "{}")
	mactest.Eventually(t, "the log says so", func() bool { return strings.Contains(h.log.String(), "exit status 3: no [2J such thing y") })
	if strings.ContainsFunc(strings.TrimSuffix(h.log.String(), "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) || len(h.log.String()) > 1000 {
		t.Errorf("log %q", h.log)
	}
}

// The loop never waits; the newest events say where things stand.
func TestHookThatIsTooSlow(t *testing.T) {
	h := newHooked(t)
	name := h.script(`cat >>"$out"`)
	for i := range hookQueue + 5 {
		h.hook.offer(name, strconv.Itoa(i))
	}
	if n := strings.Count(h.log.String(), "an event was dropped"); n != 5 {
		t.Errorf("%d dropped, want 5:\n%s", n, h.log)
	}
	h.start()
	var want string
	for i := 5; i < hookQueue+5; i++ {
		want += strconv.Itoa(i) + "\n"
	}
	mactest.Eventually(t, "all that waited have run, in order", func() bool { return h.output() == want })
}

// A program that others than the user and root could replace is not run.
func TestHookThatOthersCouldReplace(t *testing.T) {
	for says, spoil := range map[string]func(h *hooked) error{
		"users other than its owner can write to ROOT/Library/Scripts: ":       func(h *hooked) error { return os.Chmod(h.root+"/Library/Scripts", 0o777) },
		"users other than its owner can write to ROOT/Library: ":               func(h *hooked) error { return os.Chmod(h.root+"/Library", 0o1777) },
		"users other than its owner can write to ROOT/Library/Scripts/hook.sh": func(h *hooked) error { return os.Chmod(h.root+"/Library/Scripts/hook.sh", 0o775) },
		"hook.sh is not a program":                                             func(h *hooked) error { return os.Chmod(h.root+"/Library/Scripts/hook.sh", 0o644) },
		"hook.sh: no such file":                                                func(h *hooked) error { return os.Remove(h.root + "/Library/Scripts/hook.sh") },
		"ROOT/Library/Scripts is a symbolic link": func(h *hooked) error {
			if err := os.Rename(h.root+"/Library/Scripts", h.root+"/Scripts"); err != nil {
				return err
			}
			return os.Symlink(h.root+"/Scripts", h.root+"/Library/Scripts")
		},
		"hook.sh is a symbolic link": func(h *hooked) error {
			if err := os.Rename(h.root+"/Library/Scripts/hook.sh", h.root+"/Library/Scripts/real.sh"); err != nil {
				return err
			}
			return os.Symlink("real.sh", h.root+"/Library/Scripts/hook.sh")
		},
		"hook.sh is not a program: ": func(h *hooked) error {
			if err := os.Remove(h.root + "/Library/Scripts/hook.sh"); err != nil {
				return err
			}
			return os.Mkdir(h.root+"/Library/Scripts/hook.sh", 0o755)
		},
	} {
		h := newHooked(t)
		name := h.script(`echo >"$out"`)
		if _, err := TrustedProgram(h.hook.mac, name); err != nil {
			t.Fatalf("refused a program that is fine: %v", err)
		}
		if err := spoil(h); err != nil {
			t.Fatal(err)
		}
		err := h.hook.Call(t.Context(), HookCall{name, "{}"})
		if want := strings.ReplaceAll(says, "ROOT", h.root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if h.output() != "" {
			t.Errorf("%s: it was run", says)
		}
	}
}

// A path cannot leave the Mac.
func TestHookOutsideOfTheMac(t *testing.T) {
	h := newHooked(t)
	h.script("exit 0")
	if path, err := TrustedProgram(h.hook.mac, "/../../../Library/Scripts/hook.sh"); err != nil || path != h.root+"/Library/Scripts/hook.sh" {
		t.Errorf("%s, %v", path, err)
	}
}
