package desktop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"kextwatch/notify"
)

// Poster posts alerts through short-lived children.
type Poster struct {
	Program string // kextwatch itself; it is run as "Program post [--urgent]"
	Root    string // absolute; the tools of the desktop are looked up beneath it, on a Mac in use it is "/"
}

var _ notify.Poster = Poster{}

// Post hands the alert over. After 5 seconds the child is killed with all that
// it started, and the error is an os.ErrDeadlineExceeded.
func (p Poster) Post(ctx context.Context, alert notify.Alert) error {
	if err := p.post(ctx, alert); err != nil {
		return fmt.Errorf("posting a notification: %w", err)
	}
	return nil
}

func (p Poster) post(ctx context.Context, alert notify.Alert) error {
	path, err := p.searchPath()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, postLimit, silent(postLimit))
	defer cancel()
	args := []string{"post"}
	if alert.Urgent {
		args = append(args, "--urgent")
	}
	alert = clean(alert, runtime.GOOS) // the title must be one line
	said := &head{}
	cmd := exec.CommandContext(ctx, p.Program, args...)
	cmd.Dir = "/"
	cmd.Env = environment(path, os.LookupEnv)
	cmd.Stdin = strings.NewReader(alert.Title + "\n" + alert.Body)
	cmd.Stderr = said // standard output is dropped: beeep may ring its bell there
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; kextwatch was moved or removed while it ran, start it again", err)
	case len(said.text) > 0:
		return fmt.Errorf("%s (%w)", said.words(), err)
	}
	return err
}

// searchPath is the PATH of the child: the system's folders beneath Root, so
// that no program from a folder the user can write to is run.
func (p Poster) searchPath() (string, error) {
	if !filepath.IsAbs(p.Root) || strings.ContainsRune(p.Root, filepath.ListSeparator) {
		return "", fmt.Errorf("tools cannot be looked up beneath %q; name the folder from /, without a colon", p.Root)
	}
	var dirs []string
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		dirs = append(dirs, filepath.Join(p.Root, dir))
	}
	return strings.Join(dirs, string(filepath.ListSeparator)), nil
}

// environment is all that the child needs: where the session is. The character
// set is for notify-send, which cannot read an umlaut without one.
func environment(path string, lookup func(string) (string, bool)) []string {
	env := []string{"PATH=" + path, "LC_CTYPE=C.UTF-8"}
	for _, name := range []string{"HOME", busVariable, "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY"} {
		if value, ok := lookup(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// head keeps the first 4 KiB of what is written to it.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), 4<<10-len(h.text))]...)
	return len(p), nil
}

// words is what the child said on standard error, as one line without the
// prefixes that kextwatch puts before its errors and hints.
func (h *head) words() string {
	var lines []string
	for line := range strings.Lines(plain(string(h.text))) {
		line = strings.TrimPrefix(line, "kextwatch: error: ")
		line = strings.TrimPrefix(line, "kextwatch: hint: ")
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "; ")
}
