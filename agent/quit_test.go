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

	"kextwatch/notify"
)

// endingTray is an icon as on macOS: the process ends with it, and nothing
// after Quit is sure to run.
type endingTray struct {
	clicks chan notify.Action
	quit   chan struct{}
	ending func()
}

func (e endingTray) Run(ready func())             { ready(); <-e.quit }
func (e endingTray) Show(notify.Menu)             {}
func (e endingTray) Clicks() <-chan notify.Action { return e.clicks }
func (e endingTray) Quit()                        { e.ending(); close(e.quit) }

// The log is followed by a tool that runs until it is killed. A process that
// ends with its icon has to end it before, or it runs on for ever.
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
	runs := false
	tool := func() int {
		text, err := os.ReadFile(pidFile)
		if err != nil {
			return 0
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return pid
	}
	tray := endingTray{clicks: make(chan notify.Action, 1), quit: make(chan struct{})}
	tray.ending = func() { runs = syscall.Kill(tool(), 0) == nil }
	h := newHost()
	h.stdout, h.stderr = io.Discard, io.Discard
	h.newTray = func() (notify.Tray, error) { return tray, nil }
	over := make(chan int, 1)
	go func() { over <- run(t.Context(), []string{"run", "--root", root}, h) }()
	eventually(t, "the log is followed", func() bool { return tool() != 0 })
	tray.clicks <- notify.Quit
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Fatal("Quit does not end it")
	}
	if runs {
		t.Errorf("process %d still follows the log when the icon goes", tool())
	}
}
