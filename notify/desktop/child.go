package desktop

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// searched are the tools that beeep looks up in PATH.
var searched = []string{"terminal-notifier", "osascript", "notify-send", "kdialog"}

// searchPath returns the PATH of a child: the system's folders beneath the Mac's root.
// So the child runs no program from a folder that the user can write to. The kernel
// follows a link without regard to the root, so a folder in which one of these tools
// is a link is left out.
func searchPath(m root.FS) (string, error) {
	if !filepath.IsAbs(m.Root) || strings.ContainsRune(m.Root, filepath.ListSeparator) {
		return "", fmt.Errorf("invalid root folder %q for tools: use an absolute path without a colon", m.Root)
	}
	var dirs []string
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		path, err := m.Resolve(dir)
		leads := func(tool string) bool {
			found, err := m.Resolve(filepath.Join(dir, tool))
			return err != nil || found != filepath.Join(path, tool)
		}
		if err == nil && !strings.ContainsRune(path, filepath.ListSeparator) && !slices.ContainsFunc(searched, leads) {
			dirs = append(dirs, path)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator)), nil
}

// environment returns the variables of a child: those of the desktop session, and
// the character set, without which notify-send cannot read an umlaut.
func environment(path string, lookup func(string) (string, bool)) []string {
	env := []string{"PATH=" + path, "LC_CTYPE=C.UTF-8"}
	for _, name := range []string{"HOME", busVariable, "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY"} {
		if value, ok := lookup(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// withMessage replaces the error of a failed program by the message that the program
// wrote to standard error, as one line and without kextwatch's own prefixes.
func withMessage(err error) error {
	exit, ok := errors.AsType[*tool.ExitError](err)
	if !ok {
		return err
	}
	var messages []string
	for line := range strings.Lines(cut(lines(string(exit.Stderr)), maxBody)) {
		line = strings.TrimPrefix(line, "kextwatch: error: ")
		line = strings.TrimPrefix(line, "kextwatch: hint: ")
		messages = append(messages, strings.TrimSpace(line))
	}
	if len(messages) == 0 {
		return err
	}
	return errors.New(strings.Join(messages, "; "))
}
