package mac

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// OpenURL opens a pane of System Settings (System Preferences up to macOS 12)
// by its x-apple.systempreferences URL. Success means that macOS took the
// request, not that the pane is visible. Errors say how to get there by hand.
func OpenURL(ctx context.Context, m root.FS, url string) error {
	if !strings.HasPrefix(url, "x-apple.systempreferences:") {
		return fmt.Errorf("%q is not a pane of System Settings", probe.Printable(url))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, url); err != nil {
		return fmt.Errorf("opening the pane: %w; open System Settings (System Preferences up to macOS 12) from the Apple menu instead", err)
	}
	return nil
}

// OpenSettings opens System Settings (System Preferences up to macOS 12),
// whose bundle ID has not changed with its name.
func OpenSettings(ctx context.Context, m root.FS) error {
	if _, err := tool.Query(ctx, m, probe.OpenTool, "-b", "com.apple.systempreferences"); err != nil {
		return fmt.Errorf("opening System Settings: %w", err)
	}
	return nil
}

// OpenFile opens a file in the program for its kind. Its path is absolute and
// one of this machine, as for a file that kextwatch wrote.
func OpenFile(ctx context.Context, m root.FS, file string) error {
	if !filepath.IsAbs(file) {
		return fmt.Errorf("opening %q: the path has to be absolute", probe.Printable(file))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, file); err != nil {
		return fmt.Errorf("opening %s: %w; open it by hand instead", probe.Printable(file), err)
	}
	return nil
}

// OpenText opens a file in the user's text editor. Its path is absolute and
// one of this machine, as for a file that kextwatch wrote. Errors name it, so
// that it can be opened by hand.
func OpenText(ctx context.Context, m root.FS, file string) error {
	if !filepath.IsAbs(file) {
		return fmt.Errorf("opening %q: the path has to be absolute", probe.Printable(file))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, "-t", file); err != nil {
		return fmt.Errorf("opening a text editor: %w; open %s by hand instead", err, probe.Printable(file))
	}
	return nil
}
