package launchd

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// Install renames a file of another program in the place of the property list,
// and the plan says so.
func TestInstallRenamesForeignFiles(t *testing.T) {
	ours, _ := Agent("/old/kextwatch", "/Users/ada").Plist()
	for name, tc := range map[string]struct {
		spoil func(m *mac)
		says  string
	}{
		"another label": {func(m *mac) {
			m.write(m.place.Plist, strings.ReplaceAll(string(ours), probe.AgentLabel, "com.example.other"), 0o644)
		}, `a job with the label "com.example.other"`},
		"another program": {func(m *mac) {
			m.write(m.place.Plist, strings.ReplaceAll(string(ours), "/old/kextwatch", "/bin/sh"), 0o644)
		}, `a job with the program "/bin/sh"`},
		"no program": {func(m *mac) {
			m.write(m.place.Plist, `<?xml version="1.0"?><plist><dict><key>Label</key><string>`+probe.AgentLabel+`</string></dict></plist>`, 0o644)
		}, `a job with the program ""`},
		"no label":        {func(m *mac) { m.write(m.place.Plist, "<?xml version=\"1.0\"?><plist><dict/></plist>", 0o644) }, `the label ""`},
		"a shell script":  {func(m *mac) { m.write(m.place.Plist, "#!/bin/sh\n", 0o644) }, "not a property list"},
		"a damaged list":  {func(m *mac) { m.write(m.place.Plist, string(ours[:300]), 0o644) }, "damaged"},
		"an empty file":   {func(m *mac) { m.write(m.place.Plist, "", 0o644) }, "not a property list"},
		"a binary list":   {func(m *mac) { m.write(m.place.Plist, "bplist00\x6f\x13\x7f\xff\xff\xff", 0o644) }, "not a property list"},
		"a huge list":     {func(m *mac) { m.write(m.place.Plist, string(ours)+strings.Repeat(" ", plistLimit), 0o644) }, "not a property list"},
		"a symbolic link": {func(m *mac) { m.link("/etc/passwd", m.place.Plist) }, "a symbolic link"},
		"a dangling link": {func(m *mac) { m.link("/nowhere", m.place.Plist) }, "a symbolic link"},
		"a folder":        {func(m *mac) { os.MkdirAll(m.place.Plist, 0o755) }, "not a file"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				tc.spoil(m)
				before, _ := os.Lstat(m.place.Plist)
				said, err := m.install()
				if err != nil || !strings.Contains(said, "set ~/Library/LaunchAgents/io.kextwatch.agent.plist aside, because it is ") || !strings.Contains(said, tc.says) {
					t.Errorf("%v\n%s", err, said)
				}
				aside, _ := filepath.Glob(filepath.Join(m.home, "Library", "LaunchAgents", "*.replaced-*"))
				if len(aside) != 1 {
					t.Fatalf("set aside %q, want one", aside)
				}
				if after, err := os.Lstat(aside[0]); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
					t.Errorf("it is not what it was: %v, %v", after, err)
				}
				content, _ := m.job.Plist()
				if got, err := os.ReadFile(m.place.Plist); err != nil || string(got) != string(content) || !m.loaded() {
					t.Errorf("not installed: %v\n%s", err, got)
				}
			})
		})
	}
}

// A killed install leaves a temporary file beside the property list. The next
// install and uninstall remove it, whatever version of kextwatch wrote it.
func TestUnfinishedFilesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		beside := func(name string) string { return filepath.Join(filepath.Dir(m.place.Plist), name) }
		own := "." + filepath.Base(m.place.Plist)
		for _, name := range []string{own + "123456", own + ".123456"} {
			for _, other := range []string{".com.example.other.plist123456", own + ".backup"} {
				m.write(beside(name), "<?xml", 0o600)
				m.write(beside(other), "<?xml", 0o600)
				m.mustInstall()
				if exists(beside(name)) || !exists(beside(other)) {
					t.Errorf("after install: %s exists: %v, %s exists: %v; want false, true", name, exists(beside(name)), other, exists(beside(other)))
				}
				m.write(beside(name), "<?xml", 0o600)
				if said, err := m.run(m.place.Uninstall(context.Background(), probe.AgentLabel)); err != nil || exists(beside(name)) || !exists(beside(other)) {
					t.Errorf("after uninstall: %s exists: %v, %s exists: %v, error %v; want false, true, nil\n%s",
						name, exists(beside(name)), other, exists(beside(other)), err, said)
				}
			}
		}
	})
}

// On a full disk the old file remains, and no temporary file is left.
func TestInstallOnFullDisk(t *testing.T) {
	m := newMac(t)
	m.mustInstall()
	m.job.ProgramArguments[0] = "/Users/Shared/kextwatch"
	plan, err := m.place.Install(context.Background(), m.job)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(m.place.Plist)
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s Step) bool { return !strings.HasPrefix(s.Does, "write ") })
	err = mactest.OnFullDisk(t, 100, func() error { _, err := m.run(plan); return err })
	if err == nil || !strings.Contains(err.Error(), "write "+m.place.Plist) {
		t.Errorf("error %v, want one about the property list", err)
	}
	after, _ := os.ReadFile(m.place.Plist)
	if names, _ := os.ReadDir(filepath.Dir(m.place.Plist)); string(after) != string(before) || len(names) != 1 {
		t.Errorf("LaunchAgents holds %v, and\n%s", names, after)
	}
	if said, err := m.install(); err != nil {
		t.Errorf("with space on the disk again: %v\n%s", err, said)
	}
}

// launchd refuses property lists of other users, and kextwatch refuses folders.
func TestTrusted(t *testing.T) {
	me := uint32(os.Geteuid())
	for owner, want := range map[uint32]bool{0: true, me: true, me + 1: false} {
		if got := trusted(ownedBy{owner: owner}); got != want {
			t.Errorf("a file of user %d: trusted %v, want %v", owner, got, want)
		}
	}
}

type ownedBy struct {
	os.FileInfo
	owner uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.owner} }
