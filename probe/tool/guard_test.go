package tool

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// over returns a context in which no program starts: a permitted program gives
// context.Canceled.
func over(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// On a Mac with Homebrew, /usr/local/bin belongs to a user. Root must not run its
// programs.
func TestRootRunsOnlyProgramsOfMacOS(t *testing.T) {
	for _, path := range []string{
		"/usr/local/bin/prlctl", "/Applications/Parallels Desktop.app/Contents/MacOS/prlctl", "/Library/Scripts/hook.sh",
		"/Users/me/bin/osascript", "/opt/homebrew/bin/log", "/tmp/ps", "/private/var/tmp/ps", "/System/Volumes/Data/usr/local/bin/prlctl",
		"/usr/bin/../local/bin/prlctl", "/usr/bin/../../Users/me/x", "/usr/bin", "/usr/bin/", "/usr/binaries/log", "/", "/bin/",
	} {
		for _, root := range []string{"/", "//", "/./", "/usr/..", "", "/proc/self/root", "/no/such/folder"} {
			for how, err := range everyWay(t, Runner{Root: root}, Spec{Path: path}) {
				if !errors.Is(err, ErrAsRoot) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s of %s beneath %q: %v", how, path, root, err)
				}
			}
		}
		for name, tc := range map[string]struct {
			Runner
			Spec
		}{
			"an ordinary user": {Runner{Root: "/", UID: 501}, Spec{Path: path}},
			"a simulated Mac":  {Runner{Root: t.TempDir()}, Spec{Path: path}},
			"kextwatch itself": {Runner{Root: "/"}, Spec{Path: path, Own: true}},
		} {
			for how, err := range everyWay(t, tc.Runner, tc.Spec) {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s, %s of %s: %v", name, how, path, err)
				}
			}
		}
	}
	for how, err := range everyWay(t, Runner{Root: "/"}, Spec{Path: "/bin/sh"}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s of a program of the system: %v", how, err)
		}
	}
	for how, err := range everyWay(t, Runner{Root: "/"}, Spec{Path: "/usr/sbin/no-such-program"}) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a missing program of the system: %v", how, err)
		}
	}
}

func everyWay(t *testing.T, r Runner, s Spec) map[string]error {
	_, run := r.Run(over(t), s)
	return map[string]error{"run": run, "stream": r.Stream(over(t), s, nil)}
}

// A link in a protected folder is allowed only if its target is.
func TestTargetOfALink(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	was := protected
	protected = []string{dir + "/usr/bin", dir + "/bin"}
	t.Cleanup(func() { protected = was })
	for _, folder := range []string{"usr/bin", "usr/local/bin", "bin"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, script := range map[string]string{"usr/bin/real": "echo $0", "usr/local/bin/real": "echo planted"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"usr/bin/out":       "../local/bin/real",
		"usr/bin/absolute":  dir + "/usr/local/bin/real",
		"usr/bin/twice":     "out",
		"usr/bin/within":    dir + "/bin/again",
		"bin/again":         "../usr/bin/real",
		"usr/bin/dangling":  "nothing",
		"usr/local/bin/in":  "../../bin/real",
		"usr/bin/itself":    "itself",
		"usr/bin/elsewhere": "/tmp",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]error{
		"usr/bin/real": nil, "usr/bin/within": nil, "bin/again": nil,
		"usr/bin/out": ErrAsRoot, "usr/bin/absolute": ErrAsRoot, "usr/bin/twice": ErrAsRoot, "usr/local/bin/in": ErrAsRoot,
		"usr/bin/elsewhere": ErrAsRoot, "usr/bin/dangling": fs.ErrNotExist,
	} {
		out, err := Runner{Root: "/"}.Run(t.Context(), Spec{Path: filepath.Join(dir, name)})
		if !errors.Is(err, want) || err == nil && string(out.Stdout) != dir+"/usr/bin/real\n" {
			t.Errorf("%s: %q, %v, want %v", name, out.Stdout, err, want)
		}
	}
	if _, err := (Runner{Root: "/"}).Run(t.Context(), Spec{Path: dir + "/usr/bin/itself"}); err == nil {
		t.Error("a link to itself was run")
	}
}

func TestIsSystem(t *testing.T) {
	for path, want := range map[string]bool{
		"/System/Library/Frameworks/x": true, "/System/iOSSupport/usr/bin/x": true,
		"/System/Volumes/Data/usr/local/bin/x": false, "/System/volumes/Data/x": false, "/SystemX/y": false, "/System": false,
	} {
		if got := isSystem(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
