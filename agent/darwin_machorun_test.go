//go:build machorun

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// darwinProgram is the program for macOS. machorun runs it here.
func darwinProgram(t *testing.T) program {
	t.Helper()
	argv := strings.Fields(os.Getenv("KEXTWATCH_DARWIN"))
	if len(argv) != 2 {
		t.Fatal("KEXTWATCH_DARWIN has to be: MACHORUN PROGRAM; make machorun sets it")
	}
	return argv
}

// The program for macOS does the main job on a simulated Mac that a Linux process
// changes.
func TestDarwinJourney(t *testing.T) { journey(t, darwinProgram(t)) }

// It installs itself with the Mac's launchctl and removes its files.
func TestDarwinInstallation(t *testing.T) { installation(t, darwinProgram(t)) }

// darwinOpenFiles are the descriptors of the idle agent beside its streams and the
// entries of watched folders: its lock, kqueues and
// pipes, and the watched folders. One of them is /Library/Filesystems: an update of a file
// system such as macFUSE brings a kext that needs another approval.
const darwinOpenFiles = 25

// kqueue costs a descriptor for each entry of a watched folder, so the agent does not
// watch a folder of 300 apps.
func TestDarwinOpenFiles(t *testing.T) {
	for name, installed := range map[string]bool{"with Parallels": true, "without Parallels": false} {
		t.Run(name, func(t *testing.T) {
			root, _ := simulated(t, "12.7.6")
			for i := range 300 {
				mactest.AddFile(t, root, fmt.Sprintf("/Applications/App %d.app/Contents/Info.plist", i), "")
			}
			if !installed {
				if err := os.RemoveAll(root + probe.ParallelsApp); err != nil {
					t.Fatal(err)
				}
			}
			real, err := filepath.EvalSymlinks(root)
			if err != nil {
				t.Fatal(err)
			}
			agent := darwinProgram(t).run(t, root)
			var open []string
			mactest.Eventually(t, "the right folders are watched", func() bool {
				inherited := filesOf(t, "self")
				open = slices.DeleteFunc(filesOf(t, strconv.Itoa(agent.cmd.Process.Pid)), func(name string) bool {
					if strings.HasPrefix(name, "anon_inode:") {
						return name != "anon_inode:[eventpoll]" // a part of machorun's kqueue
					}
					return slices.Contains(inherited, name)
				})
				return slices.Contains(open, real+"/private"+probe.PolicyFolder) && slices.Contains(open, real+probe.ParallelsApp) == installed
			})
			entries := 0
			for _, name := range open {
				if slices.Contains(open, filepath.Dir(name)) {
					entries++
				}
			}
			t.Logf("%d descriptors, %d of them for entries of watched folders", len(open), entries)
			if len(open)-entries > darwinOpenFiles || slices.Contains(open, real+"/Applications") {
				t.Errorf("at most %d beside the entries of watched folders, and not /Applications: %q", darwinOpenFiles, open)
			}
		})
	}
}
