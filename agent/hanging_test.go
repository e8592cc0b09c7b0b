//go:build compare && desktop && linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// toolFailure is how the tools fail.
var toolFailure = flag.String("how", "hang", "TestHanging: the tools of the Mac fail `HOW`, as in kextwatch sim DIR tool-fails")

// longest is how long the test waits for anything. What takes longer failed.
const longest = 2 * time.Minute

// parts are tools that fail only for some arguments: kmutil when it is asked for the
// auxiliary collection, and log when it reads the past.
var parts = []string{"kmutil --collection aux", "log show"}

// waits are the times that a user waits. What did not come is zero.
type waits struct {
	opened, approved time.Duration // from the commit to the line of the event
	status, doctor   time.Duration
	ended            time.Duration // from SIGTERM to the end of the agent
	left             int           // processes that still run afterwards
}

// hangingMac is a Mac on which a kext needs an approval, and whose tools fail.
type hangingMac struct {
	name string
	make func(t *testing.T) (root string, sim *simmac.Mac)
	kext simmac.Kext
}

var hangingMacs = []*hangingMac{
	{"Parallels Desktop on an Intel processor, macOS 12", hangingIntel, hypervisor},
	{"macFUSE on Apple silicon, macOS 26", hangingAppleSilicon, simmac.MacFUSE()},
}

// How long a user waits if tools of the Mac fail: none, each one alone, and all. The
// agent starts on a healthy Mac, as it does at login.
func TestHanging(t *testing.T) {
	for _, m := range hangingMacs {
		t.Run(m.name, m.test)
	}
}

func (m *hangingMac) test(t *testing.T) {
	root, _ := m.make(t)
	all := toolsOf(t, root)
	names, cases := []string{"none"}, [][]string{nil}
	for _, tool := range slices.Concat(parts, all) {
		names, cases = append(names, tool), append(cases, []string{tool})
	}
	names, cases = append(names, "all"), append(cases, all)
	rows := make([]waits, len(cases))
	t.Run("tools", func(t *testing.T) {
		for i, tools := range cases {
			t.Run(names[i], func(t *testing.T) {
				t.Parallel()
				rows[i] = m.measure(t, tools)
			})
		}
	})
	fmt.Printf("%s; failure of the tools: %s\n\n", m.name, *toolFailure)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\twindow-opened\tapproved\tstatus\tdoctor\tSIGTERM\tprocesses left\t")
	for i, r := range rows {
		fmt.Fprintf(table, "%s\t", names[i])
		for _, d := range []time.Duration{r.opened, r.approved, r.status, r.doctor, r.ended} {
			if d == 0 {
				fmt.Fprint(table, "–\t")
			} else {
				fmt.Fprintf(table, "%.2f s\t", d.Seconds())
			}
		}
		fmt.Fprintf(table, "%d\t\n", r.left)
	}
	table.Flush()
	fmt.Println()
}

// hangingIntel is a Mac with a virtual machine on Parallels' hypervisor.
func hangingIntel(t *testing.T) (root string, sim *simmac.Mac) {
	t.Helper()
	root, sim = simulated(t, "12.7.6")
	if err := sim.AddVM(simmac.VM{Name: "W", Hypervisor: probe.ParallelsHypervisor}); err != nil {
		t.Fatal(err)
	}
	return root, sim
}

// hangingAppleSilicon is a Mac whose boot policy decides what a blocked kext needs.
func hangingAppleSilicon(t *testing.T) (root string, sim *simmac.Mac) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(root, simmac.Options{MacOS: "26.2", Arch: probe.AppleSilicon, Now: time.Now().Add(-time.Hour)})
	if err == nil {
		err = sim.AddKext(simmac.MacFUSE())
	}
	if err != nil {
		t.Fatal(err)
	}
	return root, sim
}

// toolsOf returns the names of all tools of a simulated Mac.
func toolsOf(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	for _, dir := range []string{"bin", "usr/bin", "sbin", "usr/sbin", "usr/libexec", "usr/local/bin"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "[^.]*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if info, err := os.Lstat(file); err == nil && !info.IsDir() {
				names = append(names, filepath.Base(file))
			}
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %q are found", names)
	}
	return names
}

func (m *hangingMac) measure(t *testing.T, tools []string) (w waits) {
	root, sim := m.make(t)
	syspolicyd := policyDaemon(t, root)
	inSession := append(program{"setsid"}, finishedProgram(t)...) // so that processes that are left over are found
	agent := inSession.run(t, root)
	defer func() { w.left += leftIn(agent.cmd.Process.Pid) }()
	for _, tool := range tools {
		breakTool(t, root, sim, tool)
	}
	since := func(start time.Time, event approval.EventName) time.Duration {
		agent.wantWithin(t, longest, event)
		return time.Since(start)
	}
	syspolicyd.blockKext(m.kext, time.Now())
	w.opened = since(time.Now(), approval.WindowOpened)
	syspolicyd.commit(`UPDATE kext_policy SET allowed = 1`)
	w.approved = since(time.Now(), approval.ApprovedEvent)
	for command, took := range map[string]*time.Duration{"status": &w.status, "doctor": &w.doctor} {
		cmd := inSession.command(t, command, "--root", root, "--json")
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		overdue := time.AfterFunc(longest, func() {
			t.Errorf("%s did not end within %v", command, longest)
			cmd.Process.Kill()
		})
		cmd.Wait() // with the exit code of the verdict
		overdue.Stop()
		*took = time.Since(start)
		w.left += leftIn(cmd.Process.Pid)
	}
	start := time.Now()
	agent.end(t, syscall.SIGTERM)
	w.ended = time.Since(start)
	return w
}

// breakTool makes a tool fail. If only a part of it fails, its working copy answers the
// rest.
func breakTool(t *testing.T, root string, sim *simmac.Mac, tool string) {
	t.Helper()
	name, args, part := strings.Cut(tool, " ")
	if err := sim.BreakTool(name, *toolFailure); err != nil {
		t.Fatal(err)
	}
	if !part {
		return
	}
	place := filepath.Join(root, "usr/bin", name)
	broken, working := place+".broken", filepath.Join(filepath.Dir(place), "."+name+".healthy")
	if err := os.Rename(place, broken); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase \"$*\" in *'" + args + "'*) exec '" + broken + "' ;; esac\n. '" + working + "'\n"
	if err := os.WriteFile(place, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// leftIn ends a session. It returns how many processes still ran.
func leftIn(session int) int {
	time.Sleep(200 * time.Millisecond) // what was killed needs a moment to end
	return endSession(session)
}
