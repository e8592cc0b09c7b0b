package desktop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// child is a program to run that is killed, with all it started, when ctx
// ends. It is told where the session is and what to look tools up in, and
// nothing else of this process's environment.
func child(ctx context.Context, path, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.Env = environment(path, os.LookupEnv)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// searchPath is the PATH of a child: the system's folders beneath root, so
// that no program from a folder the user can write to is run.
func searchPath(root string) (string, error) {
	if !filepath.IsAbs(root) || strings.ContainsRune(root, filepath.ListSeparator) {
		return "", fmt.Errorf("tools cannot be looked up beneath %q; name the folder from /, without a colon", root)
	}
	var dirs []string
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		dirs = append(dirs, filepath.Join(root, dir))
	}
	return strings.Join(dirs, string(filepath.ListSeparator)), nil
}

// environment is all that a child needs: where the session is. The character
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

// words is what a child said on standard error, as one line without the
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
