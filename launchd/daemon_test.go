package launchd

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

func TestReaderPropertyList(t *testing.T) {
	got, err := Daemon(probe.ReaderProgram).Plist()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/reader.plist")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// daemonMac is a simulated Mac's root with a launchctl.
type daemonMac struct {
	*mac
	place   DaemonPlace
	program Program
	refuse  string // a path that somebody else could change
}

var errUnguarded = errors.New("somebody else may change it")

func newDaemonMac(t *testing.T) *daemonMac {
	t.Helper()
	m := &daemonMac{mac: newMac(t), program: Program{[]byte("a program"), "/Apps/kextwatch-reader, which belongs to root"}}
	m.job = Daemon(probe.ReaderProgram)
	m.write(filepath.Join(m.tools, "once"), "0\n", 0o644)
	m.place = DaemonPlace{
		Place: Place{
			Plist:     filepath.Join(m.home, probe.ReaderJob),
			Launchctl: Launchctl{Runner: m.mac.place.Launchctl.Runner, Tool: filepath.Join(m.tools, "launchctl"), System: true},
		},
		Program: filepath.Join(m.home, probe.ReaderProgram),
		Ours:    func(program []byte) bool { return strings.HasSuffix(string(program), "program") },
		Guarded: func(path string) error {
			if path == m.refuse {
				return errUnguarded
			}
			return nil
		},
	}
	return m
}

func (m *daemonMac) install() (string, error) {
	m.t.Helper()
	plan, err := m.place.Install(context.Background(), m.job, m.program)
	if err != nil {
		return "", err
	}
	return m.run(plan)
}

func (m *daemonMac) mustInstall() {
	m.t.Helper()
	if said, err := m.install(); err != nil {
		m.t.Fatalf("%v\n%s", err, said)
	}
	m.calls()
}

func (m *daemonMac) published() string {
	return filepath.Join(m.home, "Library/Application Support", probe.AgentLabel)
}

const daemonInstalled = `create the folder ~/Library/PrivilegedHelperTools: done
create the folder ~/Library/LaunchDaemons: done
copy the program to ~/Library/PrivilegedHelperTools/io.kextwatch.reader from /Apps/kextwatch-reader, which belongs to root: done
write ~/Library/LaunchDaemons/io.kextwatch.reader.plist: done
load io.kextwatch.reader into system: done
check that io.kextwatch.reader works: done
`

func TestInstallReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDaemonMac(t)
		dry, err := m.place.Install(context.Background(), m.job, m.program)
		if err != nil || exists(filepath.Join(m.home, "Library")) || m.calls() != "print" {
			t.Fatalf("planning changed something: %v", err)
		}
		said, err := m.run(dry)
		if err != nil || said != daemonInstalled {
			t.Errorf("%v\n%s\nwant\n%s", err, said, daemonInstalled)
		}
		if calls, _ := os.ReadFile(filepath.Join(m.tools, "calls")); !strings.Contains(string(calls), "bootstrap system "+m.place.Plist) ||
			!strings.Contains(string(calls), "kickstart system/io.kextwatch.reader") {
			t.Errorf("launchctl was asked\n%s", calls)
		}
		want, _ := m.job.Plist()
		for path, want := range map[string]struct {
			content []byte
			mode    fs.FileMode
		}{m.place.Plist: {want, 0o644}, m.place.Program: {m.program.Content, 0o755}} {
			info, err := os.Stat(path)
			got, _ := os.ReadFile(path)
			if err != nil || info.Mode() != want.mode || string(got) != string(want.content) {
				t.Errorf("%s: %v, %v\n%s", path, err, info.Mode(), got)
			}
			if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
				t.Errorf("left beside it: %v", names)
			}
		}

		m.calls()
		again, err := m.install()
		if err != nil || again != strings.ReplaceAll(daemonInstalled, ": done", ": already done") || m.calls() != "print" {
			t.Errorf("the second time: %v\n%s", err, again)
		}
	})
}

func TestInstallReaderAfterChange(t *testing.T) {
	const reload = "print bootout print bootstrap kickstart print"
	for name, tc := range map[string]struct {
		change func(m *daemonMac)
		calls  string
	}{
		"a newer program":           {func(m *daemonMac) { m.program.Content = []byte("A program") }, "print kickstart print"},
		"a longer program":          {func(m *daemonMac) { m.program.Content = []byte("a new program") }, "print kickstart print"},
		"the program is gone":       {func(m *daemonMac) { os.Remove(m.place.Program) }, "print kickstart print"},
		"the program cannot be run": {func(m *daemonMac) { os.Chmod(m.place.Program, 0o644) }, "print kickstart print"},
		"another property list":     {func(m *daemonMac) { m.job.StartInterval = 60 }, reload},
		"a job of an earlier version": {func(m *daemonMac) {
			m.job.ProgramArguments = []string{probe.ReaderProgram, "read-policy"}
			earlier, _ := m.job.Plist()
			m.job = Daemon(probe.ReaderProgram)
			m.write(m.place.Plist, string(earlier), 0o644)
		}, reload},
		"the property list is gone": {func(m *daemonMac) { os.Remove(m.place.Plist) }, reload},
		"the job is not loaded":     {func(m *daemonMac) { os.Remove(filepath.Join(m.tools, "job")) }, "print bootstrap kickstart print"},
		"the job failed last time":  {func(m *daemonMac) { m.write(filepath.Join(m.tools, "exit"), "69", 0o644) }, "print kickstart print"},
		"the job was never started": {func(m *daemonMac) { os.Remove(filepath.Join(m.tools, "exit")) }, "print kickstart print"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newDaemonMac(t)
				m.mustInstall()
				tc.change(m)
				said, err := m.install()
				if calls := m.calls(); err != nil || calls != tc.calls {
					t.Errorf("%v; launchctl was called with %s, want %s\n%s", err, calls, tc.calls, said)
				}
				if said, err := m.install(); err != nil || strings.Contains(said, ": done") {
					t.Errorf("a second install has steps to run: %v\n%s", err, said)
				}
				got, _ := os.ReadFile(m.place.Program)
				if info, err := os.Stat(m.place.Program); err != nil || info.Mode() != 0o755 || string(got) != string(m.program.Content) {
					t.Errorf("%v, %v, %s", err, info.Mode(), got)
				}
			})
		})
	}
}

// A package replaces the files before it calls install. Then nothing on the disk shows
// that launchd still has the job of an earlier version.
func TestInstallReaderAfterAPackage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDaemonMac(t)
		m.mustInstall()
		m.place.Reload = true
		said, err := m.install()
		if calls := m.calls(); err != nil || calls != "print bootout print bootstrap kickstart print" {
			t.Errorf("%v; launchctl was called with %s\n%s", err, calls, said)
		}
	})
}

func TestReaderRunResult(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(m *daemonMac)
		last  string // of what was said
		says  string
	}{
		"it failed":           {func(m *daemonMac) { m.write(filepath.Join(m.tools, "once"), "69\n", 0o644) }, "FAILED", "io.kextwatch.reader, which reports why"},
		"it never starts":     {func(m *daemonMac) { m.write(filepath.Join(m.tools, "once"), "(never exited)\n", 0o644) }, "FAILED", "never exited"},
		"it takes its time":   {func(m *daemonMac) { os.Remove(filepath.Join(m.tools, "once")) }, "still running, as process 812", ""},
		"launchd is busy":     {func(m *daemonMac) { m.answer("kickstart", "37 Kickstart failed: 37: Operation already in progress") }, "done", ""},
		"it does not like it": {func(m *daemonMac) { m.answer("kickstart", "1 Operation not permitted") }, "FAILED", "not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newDaemonMac(t)
				tc.spoil(m)
				said, err := m.install()
				if !strings.HasSuffix(said, "works: "+tc.last+"\n") || (err != nil) != (tc.says != "") || err != nil && !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%v\n%s", err, said)
				}
			})
		})
	}
}

func TestInstallReaderErrorsChangeNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(m *daemonMac)
		says  string
	}{
		"somebody may change the program":       {func(m *daemonMac) { m.refuse = m.place.Program }, errUnguarded.Error()},
		"somebody may change the property list": {func(m *daemonMac) { m.refuse = m.place.Plist }, errUnguarded.Error()},
		"the program is a folder":               {func(m *daemonMac) { os.MkdirAll(m.place.Program, 0o755) }, "not a file"},
		"the program is a socket":               {func(m *daemonMac) { m.socket(m.place.Program) }, "not a file"},
		"the program is another":                {func(m *daemonMac) { m.write(m.place.Program, "#!/bin/sh\n", 0o755) }, "io.kextwatch.reader does not belong to kextwatch"},
		"the program is empty":                  {func(m *daemonMac) { m.write(m.place.Program, "", 0o755) }, "io.kextwatch.reader does not belong to kextwatch"},
		"the property list is a socket":         {func(m *daemonMac) { m.socket(m.place.Plist) }, "does not belong to kextwatch: it is not a file: move it away"},
		"the tools' folder is a file":           {func(m *daemonMac) { m.write(filepath.Dir(m.place.Program), "", 0o644) }, "not a folder"},
		"others may write to LaunchDaemons": {func(m *daemonMac) {
			os.MkdirAll(filepath.Dir(m.place.Plist), 0o755)
			os.Chmod(filepath.Dir(m.place.Plist), 0o777)
		}, "chmod go-w"},
		"launchctl is missing": {func(m *daemonMac) { os.Remove(m.place.Launchctl.Tool) }, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newDaemonMac(t)
			tc.spoil(m)
			before := m.tree()
			plan, err := m.place.Install(context.Background(), m.job, m.program)
			if err == nil || !strings.Contains(err.Error(), tc.says) || len(plan.Steps) != 0 {
				t.Errorf("%d steps, %v, want %q", len(plan.Steps), err, tc.says)
			}
			if after := m.tree(); after != before {
				t.Errorf("changed\n%s\nto\n%s", before, after)
			}
		})
	}
}

// socket puts a socket in place of a file.
func (m *daemonMac) socket(path string) {
	m.t.Helper()
	m.t.Chdir(m.t.TempDir()) // the path of a socket must be short
	l, err := net.Listen("unix", "s")
	mactest.NoError(m.t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	mactest.NoError(m.t, l.Close())
	mactest.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	mactest.NoError(m.t, os.Rename("s", path))
}

func TestUninstallReader(t *testing.T) {
	const removed = `end io.kextwatch.reader and unload it from system: done
remove ~/Library/LaunchDaemons/io.kextwatch.reader.plist: done
remove ~/Library/PrivilegedHelperTools/io.kextwatch.reader: done
remove the folder ~/Library/Application Support/io.kextwatch.agent: done
`
	for name, tc := range map[string]struct {
		spoil    func(m *daemonMac)
		outcomes []string
	}{
		"all of it":                     {func(*daemonMac) {}, []string{"done", "done", "done", "done"}},
		"the program is somebody's own": {func(m *daemonMac) { m.refuse = m.place.Program }, []string{"done", "done", "FAILED", "done"}},
		"a link leads elsewhere":        {func(m *daemonMac) { m.refuse = m.published() }, []string{"done", "done", "done", "FAILED"}},
		"another's property list":       {func(m *daemonMac) { m.write(m.place.Plist, "#!/bin/sh\n", 0o644) }, []string{"done", "FAILED", "done", "done"}},
		"another program":               {func(m *daemonMac) { m.write(m.place.Program, "#!/bin/sh\n", 0o755) }, []string{"done", "done", "FAILED", "done"}},
		"a folder for a program": {func(m *daemonMac) {
			os.Remove(m.place.Program)
			os.Mkdir(m.place.Program, 0o755)
		}, []string{"done", "done", "FAILED", "done"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newDaemonMac(t)
				m.mustInstall()
				m.write(filepath.Join(m.published(), "policy.plist"), "", 0o644)
				tc.spoil(m)
				uninstall := func() (string, error) {
					return m.run(m.place.Uninstall(context.Background(), probe.ReaderLabel, m.published()))
				}
				said, err := uninstall()
				want := removed
				for i, line := range slices.Collect(strings.Lines(removed)) {
					if tc.outcomes[i] != "done" {
						want = strings.Replace(want, line, strings.Replace(line, ": done", ": "+tc.outcomes[i], 1), 1)
					}
				}
				if said != want || (err != nil) != slices.Contains(tc.outcomes, "FAILED") {
					t.Errorf("%v\n%s\nwant\n%s", err, said, want)
				}
				if err != nil {
					return
				}
				if again, err := uninstall(); err != nil || again != strings.ReplaceAll(removed, ": done", ": already done") {
					t.Errorf("the second time: %v\n%s", err, again)
				}
				if m.loaded() || exists(m.place.Plist) || exists(m.place.Program) || exists(m.published()) {
					t.Error("the job, its program or its files are left after uninstall")
				}
			})
		})
	}
}
