package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// asReader makes this test binary the reader itself.
const asReader = "-as-reader"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asReader {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
	}
	os.Exit(m.Run())
}

func simulated(t *testing.T) (root.FS, *simmac.Mac) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(dir, simmac.Options{MacOS: "12.7.6", Parallels: "16.5.1"})
	if err != nil {
		t.Fatal(err)
	}
	return root.FS{Root: dir, NoTools: true}, sim
}

// reads runs the reader on a simulated Mac. Its clock jumps.
func reads(t *testing.T, ctx context.Context, m root.FS, args ...string) (code int, stderr string) {
	t.Helper()
	now := time.Now()
	clock := probe.Clock{
		Now: func() time.Time { return now },
		After: func(d time.Duration) <-chan time.Time {
			now = now.Add(d)
			passed := make(chan time.Time, 1)
			passed <- now
			return passed
		},
	}
	var out bytes.Buffer
	code = run(ctx, args, m, clock, &out)
	return code, out.String()
}

func TestReaderPublishes(t *testing.T) {
	m, sim := simulated(t)
	published := filepath.Join(m.Root, probe.PublishedPolicy)
	var before []byte
	for i, args := range [][]string{nil, {"read-policy"}} { // installed jobs pass it
		if err := sim.Attempt(time.Now().Add(time.Duration(i-2) * time.Minute)); err != nil {
			t.Fatal(err)
		}
		if code, stderr := reads(t, t.Context(), m, args...); code != 0 || stderr != "" {
			t.Fatalf("%q: exit %d, %s", args, code, stderr)
		}
		after, err := os.ReadFile(published)
		if err != nil || bytes.Equal(before, after) {
			t.Errorf("%q: nothing was published (%v)", args, err)
		}
		before = after
	}
}

// A flag could lead root to another Mac, another time or another file.
func TestReaderTakesNoOrders(t *testing.T) {
	m, _ := simulated(t)
	for _, args := range [][]string{
		{"--root", m.Root}, {"read-policy", "--root", m.Root}, {"--root=" + m.Root}, {"read-policy", "read-policy"},
		{"--json"}, {"--help"}, {"--version"}, {"version"}, {"-h"}, {""}, {"--"},
	} {
		code, stderr := reads(t, t.Context(), m, args...)
		lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
		if code != 64 || len(lines) != 2 || !strings.HasPrefix(lines[0], "kextwatch-reader: error: unexpected argument ") ||
			!strings.HasPrefix(lines[1], "kextwatch-reader: hint: ") || !strings.HasSuffix(lines[1], " "+version) {
			t.Errorf("%q: exit %d, said\n%s", args, code, stderr)
		}
	}
	if _, err := os.Lstat(filepath.Join(m.Root, probe.PublishedPolicy)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it published: %v", err)
	}
}

func TestReaderReportsWhyItCannotPublish(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil      func(m root.FS) error
		says, hint string
	}{
		"a damaged database": {func(m root.FS) error {
			return os.Truncate(filepath.Join(m.Root, probe.KextPolicy), 5000)
		}, "KextPolicy is damaged", "restart the Mac"},
		"a link": {func(m root.FS) error {
			file := filepath.Join(m.Root, probe.PublishedPolicy)
			return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.Symlink("precious", file))
		}, "policy.plist is a symbolic link", "install --reader again"},
		"not a Mac": {func(m root.FS) error {
			return os.RemoveAll(filepath.Join(m.Root, "Library"))
		}, "no such file", "install --reader again"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := simulated(t)
			if err := tc.spoil(m); err != nil {
				t.Fatal(err)
			}
			code, stderr := reads(t, t.Context(), m)
			said, hint, _ := strings.Cut(stderr, "\n")
			if code != 69 || !strings.HasPrefix(said, "kextwatch-reader: error: ") || !strings.Contains(said, tc.says) ||
				!strings.HasPrefix(hint, "kextwatch-reader: hint: ") || !strings.Contains(hint, tc.hint) {
				t.Errorf("exit %d, said\n%s", code, stderr)
			}
		})
	}
}

// launchd ends it with SIGTERM, for example when it is uninstalled.
func TestReaderStopsWhenToldTo(t *testing.T) {
	m, _ := simulated(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if code, stderr := reads(t, ctx, m); code != 0 || stderr != "" {
		t.Errorf("exit %d, said\n%s", code, stderr)
	}
	left, _ := filepath.Glob(filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy), "*"))
	if len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// A process of its own. Only a refused argument is safe on the Mac at hand,
// since main reads nothing but "/".
func TestProgramReaderRefusesArguments(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, asReader, "--root", t.TempDir())
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), `unexpected argument "--root"`) {
		t.Errorf("%v: %s", err, out)
	}
}
