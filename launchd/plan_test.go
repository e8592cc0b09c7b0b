package launchd

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"kextwatch/probe"
)

// Tests that wait use synctest, where time jumps.

func TestInstallOnNewMac(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		said, err := m.install()
		if err != nil {
			t.Fatal(err)
		}
		want := `create the folder ~/Library/Logs/io.kextwatch.agent: done
create the folder ~/Library/LaunchAgents: done
write ~/Library/LaunchAgents/io.kextwatch.agent.plist: done
load io.kextwatch.agent into gui/501: done
check that io.kextwatch.agent runs: running as process 812
`
		if said != want {
			t.Errorf("said\n%s\nwant\n%s", said, want)
		}
		content, _ := m.job.Plist()
		if got, err := os.ReadFile(m.place.Plist); err != nil || string(got) != string(content) {
			t.Errorf("property list: %v\n%s", err, got)
		}
		for path, want := range map[string]fs.FileMode{m.place.Plist: 0o644, m.logs(): 0o700 | fs.ModeDir} {
			if info, err := os.Stat(path); err != nil || info.Mode() != want {
				t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
			}
		}
		if names, _ := os.ReadDir(filepath.Dir(m.place.Plist)); len(names) != 1 {
			t.Errorf("LaunchAgents holds %v, want the property list alone", names)
		}
	})
}

func TestDryRunReportsTheSameStepsAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		dry, err := m.place.Install(context.Background(), m.job)
		if err != nil {
			t.Fatal(err)
		}
		if exists(filepath.Join(m.home, "Library")) || m.calls() != "print" {
			t.Error("planning changed something")
		}
		said, err := m.install()
		if err != nil {
			t.Fatal(err)
		}
		var done []string
		for line := range strings.Lines(said) {
			does, _, _ := strings.Cut(line, ": ")
			done = append(done, does)
		}
		var planned []string
		for _, step := range dry.Steps {
			if step.Already || step.Err != nil {
				t.Errorf("%s: already %v, error %v, on a fresh Mac", step.Does, step.Already, step.Err)
			}
			planned = append(planned, strings.ReplaceAll(step.Does, m.home, "~"))
		}
		if !slices.Equal(planned, done) {
			t.Errorf("planned\n%q\ndid\n%q", planned, done)
		}
	})
}

func TestSecondInstallChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		before, _ := os.Stat(m.place.Plist)
		said, err := m.install()
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(said, ": already done\n"); n != 5 || strings.Count(said, "\n") != n {
			t.Errorf("want five steps that are already done:\n%s", said)
		}
		if calls := m.calls(); calls != "print" {
			t.Errorf("launchctl was called with %s", calls)
		}
		if after, _ := os.Stat(m.place.Plist); !os.SameFile(before, after) {
			t.Error("the property list was written again")
		}
	})
}

func TestInstallAfterChange(t *testing.T) {
	const reload = "print bootout print bootstrap kickstart print"
	for name, tc := range map[string]struct {
		change func(m *mac)
		calls  string
	}{
		"the program moved": {
			func(m *mac) { m.job.ProgramArguments[0] = "/Users/Shared/kextwatch" }, reload},
		"others may write to the property list": {
			func(m *mac) { os.Chmod(m.place.Plist, 0o666) }, reload},
		"the property list is gone, the job still loaded": {
			func(m *mac) { os.Remove(m.place.Plist) }, reload},
		"the file is there, the job is not loaded": {
			func(m *mac) { os.Remove(filepath.Join(m.tools, "job")) }, "print bootstrap kickstart print"},
		"the user quit the agent": {
			func(m *mac) { m.write(filepath.Join(m.tools, "job"), "not running\n", 0o644) }, "print kickstart print"},
		"the log folder is gone": {
			func(m *mac) { os.RemoveAll(m.logs()) }, "print"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				m.mustInstall()
				tc.change(m)
				said, err := m.install()
				if err != nil {
					t.Fatal(err)
				}
				if calls := m.calls(); calls != tc.calls {
					t.Errorf("launchctl was called with %s, want %s\n%s", calls, tc.calls, said)
				}
				want, _ := m.job.Plist()
				got, _ := os.ReadFile(m.place.Plist)
				if info, _ := os.Stat(m.place.Plist); string(got) != string(want) || info.Mode() != 0o644 || !exists(m.logs()) {
					t.Errorf("not put right: %v\n%s", info.Mode(), got)
				}
				if said, err := m.install(); err != nil || strings.Count(said, ": already done\n") != 5 {
					t.Errorf("a second install has steps to run: %v\n%s", err, said)
				}
			})
		})
	}
}

// After a failed unload the old file and the old job remain, so that the next
// install sees that they must be replaced.
func TestInstallAfterInterruptedInstall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		m.job.ProgramArguments[0] = "/Users/Shared/kextwatch"
		m.answer("bootout", "42 Boot-out failed: 42: Out of coffee")
		said, err := m.install()
		if err == nil || !strings.HasSuffix(said, "unload it from gui/501: FAILED\n") {
			t.Fatalf("continued after a failed unload: %v\n%s", err, said)
		}
		m.calls()
		if _, err := m.install(); err != nil {
			t.Fatal(err)
		}
		if calls := m.calls(); !strings.Contains(calls, "bootout") || !strings.Contains(calls, "bootstrap") {
			t.Errorf("the next install only did %s", calls)
		}
	})
}

func TestSlowUnload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		m.job.ProgramArguments[0] = "/Users/Shared/kextwatch"
		m.write(filepath.Join(m.tools, "draining"), strings.Repeat("0 again\n", 20), 0o644) // 5 s
		if said, err := m.install(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		// One print to plan, twenty that still find it, one that does not.
		if calls := m.calls(); !strings.Contains(calls, "bootout "+strings.Repeat("print ", 21)+"bootstrap") {
			t.Errorf("did not wait for launchd: %s", calls)
		}
	})
}

func TestUnloadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		m.job.ProgramArguments[0] = "/Users/Shared/kextwatch"
		m.write(filepath.Join(m.tools, "draining"), strings.Repeat("0 again\n", 100), 0o644)
		_, err := m.install()
		if err == nil || !strings.Contains(err.Error(), "not unloaded") {
			t.Errorf("error %v", err)
		}
	})
}

func TestLoadRefusedForAWhile(t *testing.T) {
	for name, refusal := range map[string]string{
		"input/output error":  "5 Bootstrap failed: 5: Input/output error",
		"in progress":         "36 Bootstrap failed: 36: Operation now in progress",
		"already in progress": "37 Bootstrap failed: 37: Operation already in progress",
		"with exit status 0":  "0 Bootstrap failed: 5: Input/output error",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				m.answer("bootstrap", slices.Repeat([]string{refusal}, 12)...) // 3 s
				if said, err := m.install(); err != nil || !m.loaded() {
					t.Errorf("%v\n%s", err, said)
				}
			})
		})
	}
}

// launchd also answers "Input/output error" for a job that is loaded already.
func TestLoadRefusedForLoadedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		plan, err := m.place.Install(context.Background(), m.job)
		if err != nil {
			t.Fatal(err)
		}
		m.write(filepath.Join(m.tools, "job"), "running\n", 0o644) // by a login, meanwhile
		if said, err := m.run(plan); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		if calls := m.calls(); strings.Count(calls, "bootstrap") != 1 {
			t.Errorf("did not ask print: %s", calls)
		}
	})
}

func TestLoadRefusedUntilTimeout(t *testing.T) {
	for name, tc := range map[string]struct {
		refusal string
		is      error
		says    string
	}{
		"input/output error": {"5 Bootstrap failed: 5: Input/output error", errRefused, "Login Items & Extensions"},
		"in progress":        {"37 Bootstrap failed: 37: Operation already in progress", errBusy, "still working"},
		"disabled":           {"119 Bootstrap failed: 119: Service is disabled", ErrDisabled, "launchctl enable gui/501/io.kextwatch.agent"},
		"no session":         {"125 Bootstrap failed: 125: Domain does not support specified action", ErrNoSession, "log in"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				m.answer("bootstrap", slices.Repeat([]string{tc.refusal}, 100)...)
				said, err := m.install()
				if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v, want %v with %q", err, tc.is, tc.says)
				}
				if !strings.HasSuffix(said, "load io.kextwatch.agent into gui/501: FAILED\n") {
					t.Errorf("continued:\n%s", said)
				}
			})
		})
	}
}

func TestStart(t *testing.T) {
	const busy = "37 Kickstart failed: 37: Operation already in progress"
	for name, tc := range map[string]struct {
		kickstart []string // what it answers, in turn
		lastExit  string
		outcome   string // of the last step
		says      string // the error, where the outcome is FAILED
	}{
		"a bootout goes on":     {[]string{busy, busy}, "", "running as process 812", ""},
		"it is gone again":      {[]string{"113 Could not find service"}, "", "FAILED", "does not know"},
		"it never gets to it":   {slices.Repeat([]string{busy}, 100), "", "FAILED", "still working"},
		"it had nothing to do":  {[]string{"0"}, "0", "it ended by itself, without an error: see the logs in ~/Library/Logs/io.kextwatch.agent", ""},
		"it fails at the start": {[]string{"0"}, "78: EX_CONFIG", "FAILED", "78: EX_CONFIG"},
		"it was never started":  {[]string{"0"}, "", "FAILED", "(never exited)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				m.answer("kickstart", tc.kickstart...)
				if tc.lastExit != "" {
					m.write(filepath.Join(m.tools, "exit"), tc.lastExit, 0o644)
				}
				said, err := m.install()
				if !strings.HasSuffix(said, "check that io.kextwatch.agent runs: "+tc.outcome+"\n") {
					t.Errorf("said\n%s", said)
				}
				if (err != nil) != (tc.outcome == "FAILED") || err != nil && !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v, want %q", err, tc.says)
				}
			})
		})
	}
}

func TestInstallErrorsChangeNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(m *mac)
		says  string
	}{
		"agents is a file": {func(m *mac) { m.write(filepath.Dir(m.place.Plist), "", 0o644) }, "not a folder"},
		"logs is a file":   {func(m *mac) { m.write(m.logs(), "", 0o644) }, "not a folder"},
		"others may write": {func(m *mac) {
			os.MkdirAll(filepath.Dir(m.place.Plist), 0o755)
			os.Chmod(filepath.Dir(m.place.Plist), 0o777)
		}, "chmod go-w"},
		"the group may log": {func(m *mac) { os.MkdirAll(m.logs(), 0o755); os.Chmod(m.logs(), 0o770) }, "chmod go-w"},
		"agents is a link":  {func(m *mac) { m.link(m.home, filepath.Dir(m.place.Plist)) }, "symbolic link"},
		"logs is a link":    {func(m *mac) { m.link("/nowhere", m.logs()) }, "symbolic link"},
		"a bad program":     {func(m *mac) { m.job.ProgramArguments[0] = "/opt/kext\nwatch" }, "control character"},
		"launchctl is odd":  {func(m *mac) { m.answer("print", "64 what?") }, "exit status 64: what?"},
		"launchctl missing": {func(m *mac) { os.Remove(m.place.Launchctl.Tool) }, "launchctl print: file does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMac(t)
			tc.spoil(m)
			before := m.tree()
			plan, err := m.place.Install(context.Background(), m.job)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want %q", err, tc.says)
			}
			if len(plan.Steps) != 0 {
				t.Errorf("planned %d steps, want none", len(plan.Steps))
			}
			if after := m.tree(); after != before {
				t.Errorf("changed\n%s\nto\n%s", before, after)
			}
		})
	}
}

func TestUninstall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		m.write(filepath.Join(m.state(), "memory.plist"), "", 0o600)
		other := filepath.Join(filepath.Dir(m.place.Plist), "com.example.other.plist")
		m.write(other, "", 0o644)

		uninstall := func() (string, error) {
			return m.run(m.place.Uninstall(context.Background(), probe.AgentLabel, m.logs(), m.state()))
		}
		said, err := uninstall()
		want := `end io.kextwatch.agent and unload it from gui/501: done
remove ~/Library/LaunchAgents/io.kextwatch.agent.plist: done
remove the folder ~/Library/Logs/io.kextwatch.agent: done
remove the folder ~/Library/Application Support/io.kextwatch.agent: done
`
		if err != nil || said != want {
			t.Errorf("%v\n%s\nwant\n%s", err, said, want)
		}
		if m.loaded() || exists(m.place.Plist) || exists(m.logs()) || exists(m.state()) {
			t.Error("the job or its files are left after uninstall")
		}
		if !exists(other) {
			t.Error("removed somebody else's property list")
		}
		m.calls()
		again, err := uninstall()
		if err != nil || again != strings.ReplaceAll(want, ": done", ": already done") {
			t.Errorf("the second time: %v\n%s", err, again)
		}
		if calls := m.calls(); calls != "print" {
			t.Errorf("the second time, launchctl was called with %s", calls)
		}
	})
}

func TestUninstallKeepsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		m.mustInstall()
		said, err := m.run(m.place.Uninstall(context.Background(), probe.AgentLabel))
		if err != nil || exists(m.place.Plist) || !exists(m.logs()) {
			t.Errorf("%v\n%s", err, said)
		}
	})
}

func TestUninstallContinuesAfterFailure(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil   func(m *mac)
		outcome string
		says    []string
	}{
		"launchctl missing": {func(m *mac) { os.Remove(m.place.Launchctl.Tool) },
			"FAILED done done done", []string{"does not exist"}},
		"a bootout that fails": {func(m *mac) {
			m.answer("bootout", "150 Boot-out failed: 150: Operation not permitted while System Integrity Protection is engaged")
		},
			"FAILED done done done", []string{"System Integrity Protection"}},
		"a bootout still in progress": {func(m *mac) {
			m.answer("bootout", "36 Boot-out failed: 36: Operation now in progress")
			m.answer("print", "0 x = {", "0 x = {", "113 Could not find service")
		}, "done done done done", nil},
		"somebody else's property list": {func(m *mac) { m.write(m.place.Plist, "#!/bin/sh\n", 0o644) },
			"done FAILED done done", []string{"not belong to kextwatch"}},
		"a job that unloaded itself meanwhile": {func(m *mac) {
			m.answer("bootout", "3 Boot-out failed: 3: No such process")
			m.answer("print", "0 x = {", "113 Could not find service")
		}, "done done done done", nil},
		"nobody at the screen": {func(m *mac) { m.answer("print", "125 Domain does not support specified action") },
			"already done done done", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				m.mustInstall()
				m.write(filepath.Join(m.state(), "memory.plist"), "", 0o600)
				tc.spoil(m)
				said, err := m.run(m.place.Uninstall(context.Background(), probe.AgentLabel, m.logs(), m.state()))
				var outcomes []string
				for line := range strings.Lines(said) {
					_, outcome, _ := strings.Cut(line, ": ")
					outcomes = append(outcomes, strings.Fields(outcome)[0])
				}
				if got := strings.Join(outcomes, " "); got != tc.outcome {
					t.Errorf("outcomes %s, want %s: %v", got, tc.outcome, err)
				}
				if (err != nil) != (tc.says != nil) {
					t.Errorf("error %v", err)
				}
				for _, want := range tc.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %v, want %q", err, want)
					}
				}
			})
		})
	}
}

func TestUninstallRemovesOnlyOwnFolders(t *testing.T) {
	m := newMac(t)
	for _, folder := range []string{m.home, "/", "", "Library/" + probe.AgentLabel, filepath.Join(m.home, probe.AgentLabel, "..")} {
		plan := m.place.Uninstall(context.Background(), probe.AgentLabel, folder)
		if step := plan.Steps[2]; step.Err == nil {
			t.Errorf("would %s", step.Does)
		}
	}
}

func TestCanceledRunStops(t *testing.T) {
	m := newMac(t)
	plan, err := m.place.Install(context.Background(), m.job)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	err = plan.Run(ctx, func(Step, string, error) { steps++; cancel() })
	if !errors.Is(err, context.Canceled) || steps != 2 || exists(filepath.Dir(m.place.Plist)) {
		t.Errorf("error %v after %d steps", err, steps)
	}
}

// A step with a condition reports why it changes nothing.
func TestStepUnless(t *testing.T) {
	for _, outcome := range []string{"", "stays"} {
		did := false
		step := NewStep("remove it", false, func(context.Context) (string, error) {
			did = true
			return "", nil
		}).Unless(func() string { return outcome })
		got := ""
		if err := (Plan{Steps: []Step{step}}).Run(t.Context(), func(_ Step, said string, _ error) { got = said }); err != nil {
			t.Error(err)
		}
		if want := cmp.Or(outcome, "done"); got != want || did != (outcome == "") {
			t.Errorf("condition %q: outcome %q, done %v", outcome, got, did)
		}
	}
}
