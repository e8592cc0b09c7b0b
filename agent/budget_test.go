package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kextwatch/probe/mactest"
)

// These tests count; they measure no time. A change may raise a budget if it names
// here what that bought.

// sizes are the budgets of the programs that people run, in bytes, as make build and
// make darwin write them. The largest part is SQLite: 2 MB of code in each.
var sizes = []struct {
	name, folder, tags string
	env                []string
	most               int64
}{
	// Two rows have 50 KB for tools that are queried in the background, and for an
	// alert's child that is started before the alert. Three rows have 450 KB for facts
	// that contradict "all is well": a Parallels Desktop at another place, refusals in
	// the log, the kernel collection, and what to do about each. The same three have
	// 600 KB for the kexts of every vendor, on Intel and Apple silicon: the search, what
	// their executables say, the boot policy, the table of products with the words of
	// each, the guide and its page, upgrade-check, doctor --facts, and their simulation.
	// And 50 KB for what a person does with that: copy the steps, or try again as root.
	// The same three have 100 KB for a way out: what install refuses, the job that an
	// administrator installed, what helps if the pane is empty, the starts of the Mac in the
	// report, and answers that fit the terminal. And 50 KB for Apple's labels in eleven
	// languages, with their sources, and for the texts that quote them. And 50 KB for the
	// demo: the installation, the dialog on the desktop, the click on the icon, and what to
	// try next. And 50 KB for pages that are read later: times that stay true, when
	// something was blocked, words instead of IDs. And 50 KB for the keys of watch, for a
	// copy of the database in memory, and for saying what cannot be saved. And 300 KB for
	// fleets: five kinds of configuration profiles with their checks, whose home root reads,
	// the state for fleet tools, what Jamf, Munki, osquery and Fleet take, the agent of every
	// user, and the name of an organization with the way to reach it. The same three have
	// 250 KB less since debug/buildinfo, with the formats of all systems, is not in them. And
	// the second row has 50 KB for what a newcomer reads: columns in a narrow terminal, each
	// advice once, and an error for each mistyped flag and value. And the first two rows
	// have 50 KB for limits of what SQLite computes, and for errors of lost answers. The
	// third has one more page of 16 KB for one call about many files. The same three have
	// 60 to 90 KB less since html, with the names of all characters, is not in them, and the
	// readers have what they need.
	{"with the tray", "agent", "tray", []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1"}, 13_740_000},
	{"without the tray", "agent", "", []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"}, 13_610_000},
	{"for a Mac", "agent", "", []string{"GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=0"}, 12_240_000},
	{"the reader", "agent/reader", "", []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"}, 7_300_000},
	{"the reader for a Mac", "agent/reader", "", []string{"GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=0"}, 7_050_000},
}

func TestGoBudgetOfSize(t *testing.T) {
	t.Parallel()
	for _, s := range sizes {
		t.Run(s.name, func(t *testing.T) {
			if s.tags == "tray" && !canLinkTray() {
				if os.Getenv("CI") == "true" && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
					t.Fatal("the library of the tray is missing; make deps installs it")
				}
				t.Skip("needs a C compiler and libayatana-appindicator3-dev on linux/amd64")
			}
			info, err := os.Stat(build(t, s.folder, s.tags, s.env...))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes", info.Size())
			if info.Size() > s.most {
				t.Errorf("%d bytes, at most %d; go tool nm -size -sort size shows what is large", info.Size(), s.most)
			}
		})
	}
}

func canLinkTray() bool {
	return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" && exec.Command("pkg-config", "--exists", "ayatana-appindicator3-0.1").Run() == nil
}

// build builds a program as the Makefile does, and returns its path.
func build(t *testing.T, folder, tags string, env ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kextwatch")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", tags, "-o", path, "./"+folder)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return path
}

// modules are the modules that are part of kextwatch or of its reader, on some system.
var modules = []struct{ path, because string }{
	{"github.com/cyphar/filepath-securejoin", "links beneath a Mac's root stay beneath it"},
	{"github.com/dustin/go-humanize", "modernc.org/libc needs it"},
	{"github.com/esiqveland/notify", "beeep needs it on Linux"},
	{"github.com/fsnotify/fsnotify", "notices changes of files"},
	{"github.com/gen2brain/beeep", "posts notifications on every desktop"},
	{"github.com/getlantern/golog", "systray's logger; ours takes its place"},
	{"github.com/getlantern/systray", "shows the menu on every desktop"},
	{"github.com/godbus/dbus/v5", "beeep needs it on Linux"},
	{"github.com/google/renameio/v2", "writes files atomically"},
	{"github.com/google/uuid", "names configuration profiles; modernc.org/libc needs it"},
	{"github.com/jackmordaunt/icns/v3", "beeep needs it on a Mac"},
	{"github.com/mattn/go-isatty", "modernc.org/libc needs it"},
	{"github.com/ncruces/go-strftime", "modernc.org/libc needs it"},
	{"github.com/nfnt/resize", "icns needs it"},
	{"github.com/remyoudompheng/bigfft", "modernc.org/mathutil needs it"},
	{"github.com/spf13/cobra", "the commands"},
	{"github.com/spf13/pflag", "the flags of cobra's commands"},
	{"golang.org/x/sys", "fsnotify, securejoin, term and modernc.org/libc need it"},
	{"golang.org/x/term", "reports whether a stream is a terminal, and its size"},
	{"howett.net/plist", "property lists"},
	{"modernc.org/libc", "SQLite needs it"},
	{"modernc.org/mathutil", "modernc.org/libc and memory need it"},
	{"modernc.org/memory", "modernc.org/libc needs it"},
	{"modernc.org/sqlite", "the policy database, without cgo"},
}

func TestGoBudgetOfModules(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, build := range builds {
		packages := list(t, build.env, build.tags)
		for _, name := range []string{"agent", "agent/reader"} {
			for _, path := range packages[module+name].Deps {
				if p := packages[path]; !p.Standard && p.Module.Path != "kextwatch" && p.Module.Path != "C" {
					found[p.Module.Path] = true
				}
			}
		}
	}
	for path := range found {
		if !slices.ContainsFunc(modules, func(m struct{ path, because string }) bool { return m.path == path }) {
			t.Errorf("%s became part of the program; go mod why -m shows the chain", path)
		}
	}
	for _, m := range modules {
		if !found[m.path] {
			t.Errorf("%s is no longer part of the program: remove it from the list", m.path)
		}
	}
}

// What the program does before main: it starts once for each alert. The budgets are
// of our packages and of all packages. Ten allocations are for the dialogs of the demo and
// the errors of what is interrupted.
func TestGoBudgetOfStart(t *testing.T) {
	program := build(t, "agent", "", "CGO_ENABLED=0")
	ours, all, trace := startAllocations(t, program)
	for range 4 { // on a busy machine, the system adds some objects
		if again, allAgain, lines := startAllocations(t, program); again.bytes < ours.bytes {
			ours, all, trace = again, allAgain, lines
		}
	}
	t.Logf("%s\nours %+v, all %+v", strings.Join(trace, "\n"), ours, all)
	if ours.bytes == 0 || ours.bytes > 32_000 || ours.allocs > 190 {
		t.Errorf("our packages allocate %d bytes in %d objects, at most 32000 in 190: make it when it is first used (probe.Form, sync.OnceValue)", ours.bytes, ours.allocs)
	}
	if all.bytes > 150_000 || all.allocs > 800 {
		t.Errorf("all packages allocate %d bytes in %d objects, at most 150000 in 800", all.bytes, all.allocs)
	}
}

type allocations struct{ bytes, allocs int }

// startAllocations starts a program once. It returns what the initialization of our
// packages and of all packages allocates, and the lines about ours.
func startAllocations(t *testing.T, program string) (ours, all allocations, trace []string) {
	t.Helper()
	cmd := exec.Command(program, "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	line := regexp.MustCompile(`(?m)^init (\S+) .* (\d+) bytes, (\d+) allocs$`)
	for _, m := range line.FindAllStringSubmatch(out.String(), -1) {
		size, _ := strconv.Atoi(m[2])
		allocs, _ := strconv.Atoi(m[3])
		all.bytes += size
		all.allocs += allocs
		if strings.HasPrefix(m[1], module) || m[1] == "main" {
			ours.bytes += size
			ours.allocs += allocs
			trace = append(trace, m[0])
		}
	}
	return ours, all, trace
}

// openFiles are the files that the idle agent holds, beside its streams: its lock, the
// watch of all folders, and two of Go's poller.
const openFiles = 4

func TestGoBudgetOfOpenFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts in /proc")
	}
	root, _ := simulated(t, "10.15.7")
	agent := program{build(t, "agent", "", "CGO_ENABLED=0")}.run(t, root)
	mactest.Eventually(t, "the idle agent holds as many files open as the budget says", func() bool {
		inherited := filesOf(t, "self")
		open := slices.DeleteFunc(filesOf(t, strconv.Itoa(agent.cmd.Process.Pid)), func(name string) bool {
			return !strings.HasPrefix(name, "anon_inode:") && slices.Contains(inherited, name)
		})
		t.Logf("%q", open)
		return len(open) == openFiles
	})
}

// filesOf returns what a process has open, without its streams.
func filesOf(t *testing.T, pid string) []string {
	t.Helper()
	files, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if number, err := strconv.Atoi(file.Name()); err == nil && number > 2 {
			name, _ := os.Readlink(filepath.Join("/proc", pid, "fd", file.Name()))
			names = append(names, name)
		}
	}
	return names
}

// liveHeap is what the agent keeps in memory while nothing happens, in MB, rounded
// down as the garbage collector reports it.
const liveHeap = 1

// The idle agent collects its garbage after each burst of changes. What is left must
// not grow with the number of changes.
func TestGoBudgetOfMemory(t *testing.T) {
	root, _ := simulated(t, "10.15.7")
	daemon := policyDaemon(t, root)
	trace := filepath.Join(t.TempDir(), "trace")
	stderr, err := os.Create(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd := program{build(t, "agent", "", "CGO_ENABLED=0")}.command(t, "run", "--root", root, "--headless")
	cmd.Env, cmd.Stderr = append(cmd.Env, "GODEBUG=gctrace=1"), stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line := regexp.MustCompile(`(?m)^gc .*->(\d+) MB.*\(forced\)$`)
	collections := func() [][]byte {
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		return line.FindAll(text, -1)
	}
	seen := 0
	const changes = 20
	for change := range changes + 1 {
		if change > 0 {
			seen = len(collections())
			daemon.commit(fmt.Sprintf(`INSERT INTO settings VALUES ('%d', '')`, change)) // no alert, whose child process takes time
		}
		mactest.Eventually(t, "the agent collects its garbage after a change", func() bool { return len(collections()) > seen })
	}
	for _, c := range collections() {
		if megabytes, _ := strconv.Atoi(string(line.FindSubmatch(c)[1])); megabytes > liveHeap {
			t.Errorf("%s: more than %d MB are kept", c, liveHeap)
		}
	}
	t.Logf("%s", collections()[seen])
}
