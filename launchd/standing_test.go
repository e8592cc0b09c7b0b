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

// Install replaces a file in the place of the property list with which launchd could
// start nothing, and leaves no copy. It refuses anything else that is not ours.
func TestInstallInAnotherPlace(t *testing.T) {
	ours, _ := Agent("/old/kextwatch", "/Users/ada").Plist()
	for name, tc := range map[string]struct {
		spoil    func(m *mac)
		replaces string // in the step; empty: it is ours, and is written
		refuses  string // in the error
	}{
		"another label": {spoil: func(m *mac) {
			m.write(m.place.Plist, strings.ReplaceAll(string(ours), probe.AgentLabel, "com.example.other"), 0o644)
		}, refuses: `a job with the label "com.example.other"`},
		"no label": {spoil: func(m *mac) { m.write(m.place.Plist, "<?xml version=\"1.0\"?><plist><dict/></plist>", 0o644) }, replaces: `a job with the label ""`},
		"a folder": {spoil: func(m *mac) { os.MkdirAll(m.place.Plist, 0o755) }, refuses: "not a file"},
		"a full folder": {spoil: func(m *mac) {
			m.write(filepath.Join(m.place.Plist, "x"), "", 0o644)
		}, refuses: "not a file"},
		"a pipe": {spoil: func(m *mac) {
			os.MkdirAll(filepath.Dir(m.place.Plist), 0o755)
			syscall.Mkfifo(m.place.Plist, 0o644)
		}, refuses: "not a file"},
		"another program": {spoil: func(m *mac) {
			m.write(m.place.Plist, strings.ReplaceAll(string(ours), "/old/kextwatch", "/bin/sh"), 0o644)
		}},
		"no program": {spoil: func(m *mac) {
			m.write(m.place.Plist, `<?xml version="1.0"?><plist><dict><key>Label</key><string>`+probe.AgentLabel+`</string></dict></plist>`, 0o644)
		}},
		"a shell script":  {spoil: func(m *mac) { m.write(m.place.Plist, "#!/bin/sh\n", 0o644) }, replaces: "not a property list"},
		"a damaged list":  {spoil: func(m *mac) { m.write(m.place.Plist, string(ours[:300]), 0o644) }, replaces: "damaged"},
		"an empty file":   {spoil: func(m *mac) { m.write(m.place.Plist, "", 0o644) }, replaces: "not a property list"},
		"a binary list":   {spoil: func(m *mac) { m.write(m.place.Plist, "bplist00\x6f\x13\x7f\xff\xff\xff", 0o644) }, replaces: "damaged"},
		"a huge list":     {spoil: func(m *mac) { m.write(m.place.Plist, string(ours)+strings.Repeat(" ", plistLimit), 0o644) }, replaces: "not a property list"},
		"a symbolic link": {spoil: func(m *mac) { m.link("/etc/passwd", m.place.Plist) }, replaces: "a symbolic link"},
		"a dangling link": {spoil: func(m *mac) { m.link("/nowhere", m.place.Plist) }, replaces: "a symbolic link"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMac(t)
				tc.spoil(m)
				before := m.tree()
				said, err := m.install()
				if tc.refuses != "" {
					if err == nil || !strings.Contains(err.Error(), tc.refuses) || !strings.HasSuffix(err.Error(), ": move it away and try again") {
						t.Errorf("%v, want it to refuse %s", err, tc.refuses)
					}
					if after := m.tree(); after != before {
						t.Errorf("it changed\n%s\nto\n%s", before, after)
					}
					return
				}
				step := "write ~/Library/LaunchAgents/io.kextwatch.agent.plist: done"
				if tc.replaces != "" {
					step = "replace ~/Library/LaunchAgents/io.kextwatch.agent.plist, which is " + tc.replaces
					if tc.replaces == "damaged" {
						step = strings.Replace(step, "is damaged", "is a damaged property list: done", 1)
					}
				}
				if err != nil || !strings.Contains(said, step) {
					t.Errorf("%v, want %q in\n%s", err, step, said)
				}
				content, _ := m.job.Plist()
				if got, err := os.ReadFile(m.place.Plist); err != nil || string(got) != string(content) || !m.loaded() {
					t.Errorf("not installed: %v\n%s", err, got)
				}
				if names, _ := os.ReadDir(filepath.Dir(m.place.Plist)); len(names) != 1 {
					t.Errorf("LaunchAgents holds %v, want the property list alone", names)
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
	me := os.Geteuid()
	for owner, want := range map[int]bool{0: true, me: true, me + 1: false} {
		if got := trusted(owner); got != want {
			t.Errorf("a file of user %d: trusted %v, want %v", owner, got, want)
		}
	}
}
