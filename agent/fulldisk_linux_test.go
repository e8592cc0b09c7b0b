package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/probe/mactest"
)

// An update leaves a full disk, and the framework does not answer. The window is
// announced from the database alone. When there is space again, the agent saves what
// it knows, so the next agent repeats nothing.
func TestWindowOnAFullDisk(t *testing.T) {
	root, sim := simulated(t, "12.7.6")
	mactest.NoError(t, sim.BreakTool("osascript", "none"))
	syspolicyd := policyDaemon(t, root)
	agent := programNamed(t, "kextwatch-full-disk").start(t, root)
	syspolicyd.block(time.Now())
	agent.want(t, approval.WindowOpened)
	full := programNamed(t, "kextwatch-full-disk")
	if doc, code := full.status(t, root); doc.Verdict != approval.BlockedOpen || code != 1 || doc.Policy.Source != "database" {
		t.Errorf("status %s, exit %d, from %q; want blocked-open, 1, the database", doc.Verdict, code, doc.Policy.Source)
	}
	if files := filesBelow(t, filepath.Join(root, "Users/me/Library/Application Support")); strings.Contains(files, "KextPolicy") {
		t.Errorf("a copy of the policy: %s", files)
	}
	setFileLimit(t, agent.cmd.Process.Pid)
	places := store.PlacesIn(filepath.Join(root, "Users/me"))
	mactest.Eventually(t, "the memory is saved", func() bool {
		m, err := store.ReadMemory(places.Memory)
		return err == nil && len(m.Memory.Items) > 0
	})
	agent.end(t, syscall.SIGTERM)
	if history, err := os.ReadFile(places.History); err != nil || bytes.Count(history, []byte(`"event":"window-opened"`)) != 1 {
		t.Errorf("history %s, %v; want one window-opened", history, err)
	}
	again := thisProgram(t).run(t, root)
	if _, last := again.end(t, syscall.SIGTERM); strings.Contains(strings.Join(eventNames(last), " "), "window-") {
		t.Errorf("the next agent announces %q", last)
	}
}

// A window is announced although no file of the agent can be written: its folder is in
// the way of a file.
func TestWindowWithoutAStateFolder(t *testing.T) {
	root, sim := simulated(t, "12.7.6")
	mactest.NoError(t, sim.BreakTool("osascript", "none"))
	support := filepath.Join(root, "Users/me/Library/Application Support")
	mactest.NoError(t, os.RemoveAll(support))
	mactest.NoError(t, os.WriteFile(support, nil, 0o600))
	syspolicyd := policyDaemon(t, root)
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	agent := thisProgram(t).start(t, root)
	syspolicyd.block(time.Now())
	agent.want(t, approval.WindowOpened)
	if doc, code := thisProgram(t).status(t, root); doc.Verdict != approval.BlockedOpen || code != 1 {
		t.Errorf("status %s, exit %d; want blocked-open, 1", doc.Verdict, code)
	}
}

func eventNames(events []approval.EventName) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = string(e)
	}
	return names
}

func filesBelow(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	mactest.NoError(t, err)
	return strings.Join(all, "\n")
}

// setFileLimit lets a program that was started on a full disk write again.
func setFileLimit(t *testing.T, pid int) {
	t.Helper()
	const infinite = ^uint64(0)
	limit := syscall.Rlimit{Cur: infinite, Max: infinite}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}
