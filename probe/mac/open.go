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
// by its x-apple.systempreferences URL. No error means that macOS accepted the
// request, not that the pane is visible. The error says how to open the pane by
// hand.
func OpenURL(ctx context.Context, m root.FS, url string) error {
	if !strings.HasPrefix(url, "x-apple.systempreferences:") {
		return fmt.Errorf("%q is not a pane of System Settings", probe.Printable(url))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, url); err != nil {
		return fmt.Errorf("opening the pane: %w; open System Settings (System Preferences up to macOS 12) from the Apple menu instead", err)
	}
	return nil
}

// OpenContact opens an address for help, in the user's program for web pages, mails or calls.
// The address comes from a profile or from the user's settings, so every address that is not
// for that is refused: see probe.IsContactURL.
func OpenContact(ctx context.Context, m root.FS, url string) error {
	if !probe.IsContactURL(url) {
		return fmt.Errorf("%q is not an address for help", probe.Printable(url))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, url); err != nil {
		return fmt.Errorf("opening %s: %w; open it by hand instead", url, err)
	}
	return nil
}

// OpenSettings opens System Settings (System Preferences up to macOS 12). Both have
// the same bundle ID.
func OpenSettings(ctx context.Context, m root.FS) error {
	if _, err := tool.Query(ctx, m, probe.OpenTool, "-b", "com.apple.systempreferences"); err != nil {
		return fmt.Errorf("opening System Settings: %w", err)
	}
	return nil
}

// OpenFile opens a file in the default program for its type. The path must be
// absolute and is a path of this machine. The error names the file.
func OpenFile(ctx context.Context, m root.FS, file string) error {
	if !filepath.IsAbs(file) {
		return fmt.Errorf("opening %q: the path must be absolute", probe.Printable(file))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, file); err != nil {
		return fmt.Errorf("opening %s: %w; open it by hand instead", probe.Printable(file), err)
	}
	return nil
}

// OpenText opens a file in the user's text editor. The path must be absolute and is
// a path of this machine. The error names the file, so that the user can open it
// by hand.
func OpenText(ctx context.Context, m root.FS, file string) error {
	if !filepath.IsAbs(file) {
		return fmt.Errorf("opening %q: the path must be absolute", probe.Printable(file))
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, "-t", file); err != nil {
		return fmt.Errorf("opening a text editor: %w; open %s by hand instead", err, probe.Printable(file))
	}
	return nil
}
