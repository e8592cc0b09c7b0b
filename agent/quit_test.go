package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe/mactest"
)

// endingTray is an icon as on macOS: it ends the process, and code after Quit may not
// run.
type endingTray struct {
	clicks chan notify.Action
	quit   chan struct{}
	ending func()
}

func (e endingTray) Run(ready func())             { ready(); <-e.quit }
func (e endingTray) Show(notify.Menu)             {}
func (e endingTray) Clicks() <-chan notify.Action { return e.clicks }
func (e endingTray) Quit()                        { e.ending(); close(e.quit) }

// A tool follows the log until it is killed. A process that ends with its icon has to
// end the tool first. Otherwise the tool runs forever.
func TestNoToolOutlivesTheIcon(t *testing.T) {
	root, _ := simulated(t, "12.7.6")
	if err := os.Remove(policyFile(root)); err != nil { // so that only the log tells times
		t.Fatal(err)
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	script := "#!/bin/sh\necho $$ >" + pidFile + ".new\nmv " + pidFile + ".new " + pidFile + "\nexec sleep 600\n"
	if err := os.WriteFile(filepath.Join(root, "usr/bin/log"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	tool := func() int {
		text, err := os.ReadFile(pidFile)
		if err != nil {
			return 0
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return pid
	}
	runs := false
	agent := startOnTray(t, root, func() { runs = syscall.Kill(tool(), 0) == nil })
	mactest.Eventually(t, "the log is followed", func() bool { return tool() != 0 })
	agent.quit()
	if runs {
		t.Errorf("process %d still follows the log when the icon goes", tool())
	}
}

// onTray runs the agent in this process with an icon that the test clicks.
type onTray struct {
	t      *testing.T
	tray   endingTray
	places store.Places
	over   chan int
}

// startOnTray starts the agent. It calls ending before the icon disappears.
func startOnTray(t *testing.T, root string, ending func()) onTray {
	t.Helper()
	a := onTray{
		t:      t,
		tray:   endingTray{clicks: make(chan notify.Action, 1), quit: make(chan struct{}), ending: ending},
		places: store.PlacesIn(filepath.Join(root, "Users", "me")),
		over:   make(chan int, 1),
	}
	h := newHost()
	h.stdout, h.stderr = io.Discard, io.Discard
	h.newTray = func() (notify.Tray, error) { return a.tray, nil }
	go func() { a.over <- run(t.Context(), []string{"run", "--root", root}, h) }()
	return a
}

func (a onTray) quit() {
	a.t.Helper()
	a.tray.clicks <- notify.Quit
	select {
	case <-a.over:
	case <-time.After(mactest.Patience):
		a.t.Fatal("Quit does not end the agent")
	}
}

// replaceTools replaces each tool of a Mac except /usr/bin/open with a script. The
// original tool is then $0.healthy.
func replaceTools(t *testing.T, root, script string, names ...string) {
	t.Helper()
	for _, name := range names {
		tools, err := filepath.Glob(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range tools {
			if filepath.Base(tool) == "open" {
				continue
			}
			if err := os.Rename(tool, tool+".healthy"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(tool, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// hangAllTools makes every tool and a child of it hang for longer than the limit. The
// file pids lists the processes.
func hangAllTools(t *testing.T, root string) (pids string) {
	t.Helper()
	pids = filepath.Join(t.TempDir(), "pids")
	script := "echo $$ >>" + pids + "\nsleep 600 &\necho $! >>" + pids + "\nwait\n"
	replaceTools(t, root, script, "bin/*", "usr/bin/*", "sbin/*", "usr/sbin/*", "usr/libexec/*", "usr/local/bin/*")
	return pids
}

// wantBrokenOff checks that the agent waited for no tool and that no tool is left.
func wantBrokenOff(t *testing.T, p store.Places, pids string) {
	t.Helper()
	if _, err := os.Stat(p.Status); err == nil {
		t.Error("the agent ended only after the limit of all tools")
	}
	for pid := range strings.FieldsSeq(mactest.Content(pids)) {
		mactest.WantGone(t, pid)
	}
}

// All tools hang, together for more than a minute. A click still opens the pane, and
// Quit ends the agent.
func TestQuitWhileEveryToolHangs(t *testing.T) {
	root, sim := simulated(t, "12.7.6")
	pids := hangAllTools(t, root)
	agent := startOnTray(t, root, func() {})
	mactest.Eventually(t, "a tool runs", func() bool { return mactest.Content(pids) != "" })
	agent.tray.clicks <- notify.OpenSettings
	mactest.Eventually(t, "the pane is open", func() bool {
		opened, err := sim.Opened()
		return err == nil && len(opened) == 1
	})
	agent.quit()
	wantBrokenOff(t, agent.places, pids)
}

func TestProgramEndsWhileEveryToolHangs(t *testing.T) {
	root, _ := simulated(t, "12.7.6")
	pids := hangAllTools(t, root)
	agent := onStreams{t: t, cmd: thisProgram(t).command(t, "run", "--root", root, "--headless")}
	if err := agent.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	mactest.Eventually(t, "a tool runs", func() bool { return mactest.Content(pids) != "" })
	agent.wantEnd()
	wantBrokenOff(t, store.PlacesIn(filepath.Join(root, "Users", "me")), pids)
}

// If a tool delays a window, the agent announces it as soon as the tool has answered.
func TestWindowAfterAToolThatHung(t *testing.T) {
	root, sim := simulated(t, "12.7.6")
	dir := t.TempDir()
	ran, goOn := filepath.Join(dir, "ran"), filepath.Join(dir, "go")
	replaceTools(t, root, "touch "+ran+"\nwhile [ ! -e "+goOn+" ]; do sleep 0.02; done\nexec \"$0.healthy\" \"$@\"\n", "usr/sbin/sysctl")
	agent := startOnTray(t, root, func() {})
	mactest.Eventually(t, "the tool runs", func() bool { _, err := os.Stat(ran); return err == nil })
	if err := sim.Attempt(time.Now()); err != nil {
		t.Fatal(err)
	}
	agent.tray.clicks <- notify.CheckNow
	mactest.WriteFile(t, goOn, "")
	mactest.Eventually(t, "the window is announced", func() bool { return strings.Contains(mactest.Content(agent.places.History), `"event":"window-opened"`) })
	agent.quit()
}
