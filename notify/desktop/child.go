package desktop

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"kextwatch/probe/tool"
)

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

// inWords is an error whose program said why it failed, in its own words, as
// one line without the prefixes that kextwatch puts before its errors and hints.
func inWords(err error) error {
	exit, ok := errors.AsType[*tool.ExitError](err)
	if !ok {
		return err
	}
	var said []string
	for line := range strings.Lines(cut(plain(string(exit.Stderr)), maxBody)) {
		line = strings.TrimPrefix(line, "kextwatch: error: ")
		line = strings.TrimPrefix(line, "kextwatch: hint: ")
		said = append(said, strings.TrimSpace(line))
	}
	if len(said) == 0 {
		return err
	}
	return fmt.Errorf("%s (%s)", strings.Join(said, "; "), exit.State)
}
