package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const processLimit = 16_384 // a Mac has a few hundred processes

// process is a running program.
type process struct {
	uid  int
	age  time.Duration // since its start, in whole seconds
	path string        // of the executable, as the program was started
}

// name returns the base name of the executable.
func (p process) name() string { return path.Base(p.path) }

// readProcesses queries all processes with one call of ps. Each column has its own
// option, because in POSIX the heading after "=" lasts until the end of the
// argument. -ww keeps long paths complete without a terminal.
func readProcesses(ctx context.Context, m root.FS) ([]process, error) {
	out, err := tool.Query(ctx, m, probe.PsTool, "-axww", "-o", "uid=", "-o", "etime=", "-o", "comm=")
	if err != nil {
		return nil, err
	}
	return parseProcesses(out)
}

// processForm matches a row of ps: a uid, [[dd-]hh:]mm:ss, and a path that may have
// spaces.
var processForm = probe.Form{Expr: `^\s*(-?[0-9]{1,10})\s+(?:(?:([0-9]{1,5})-)?([0-9]{1,2}):)?([0-9]{1,2}):([0-9]{2})\s+(\S.*)$`}

// parseProcesses reads the rows of ps and skips all other lines. ps lists itself, so
// a list without rows is an error.
func parseProcesses(out []byte) ([]process, error) {
	var all []process
	for line := range bytes.Lines(out) {
		row := processForm.FindSubmatch(bytes.TrimRight(line, " \t\r\n"))
		if row == nil {
			continue
		}
		if len(all) == processLimit {
			return nil, fmt.Errorf("the list of processes has more than %d rows", processLimit)
		}
		uid, err := strconv.Atoi(string(row[1]))
		if err != nil {
			continue
		}
		var age time.Duration
		for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
			n, _ := strconv.Atoi(string(row[2+i])) // a missing part is 0
			age += time.Duration(n) * unit
		}
		all = append(all, process{uid: uid, age: age, path: string(row[6])})
	}
	if len(all) == 0 {
		return nil, errors.New("the list of processes has no valid row")
	}
	return all, nil
}

// runs reports whether a process with this base name runs that counts accepts.
func runs(processes []process, name string, counts func(process) bool) bool {
	return slices.ContainsFunc(processes, func(p process) bool { return counts(p) && p.name() == name })
}

func anybody(process) bool { return true }

// systemFolders hold only programs of macOS. Apple installs updates of some parts in
// /Library/Apple.
var systemFolders = []string{"/System/", "/Library/Apple/", "/usr/libexec/", "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"}

// ofMacOS reports whether the program is a part of macOS. Apple has programs with the
// names of others: CoreParsec.framework/parsecd belongs to Siri, not to Parsec.
func (p process) ofMacOS() bool {
	at := root.OnBootVolume(p.path)
	return slices.ContainsFunc(systemFolders, func(folder string) bool { return strings.HasPrefix(at, folder) })
}

// program is a program of another developer than Apple. It maps the name that users know to the names of its processes.
type program struct {
	name      string
	processes []string // base names, exactly
}

// running returns the names of the programs in a table that run, in the order of
// the table. It uses only processes that counts accepts and that are no part of
// macOS.
func running(table []program, processes []process, counts func(process) bool) []string {
	others := slices.DeleteFunc(slices.Clone(processes), process.ofMacOS)
	var names []string
	for _, p := range table {
		if slices.ContainsFunc(p.processes, func(name string) bool { return runs(others, name, counts) }) {
			names = append(names, p.name)
		}
	}
	return names
}

// sessionAgent runs in every graphical login session and starts with it.
const sessionAgent = "/usr/libexec/UserEventAgent"

// loginAt returns when the user's graphical login session began, or zero if there is
// none. No tool reports this time. It is the start of sessionAgent, which launchd
// starts first in a session. The error is up to two seconds, and two snapshots
// may differ by one second.
func loginAt(processes []process, uid int, now time.Time) time.Time {
	var oldest time.Duration
	found := false
	for _, p := range processes {
		if p.uid == uid && p.path == sessionAgent {
			oldest, found = max(oldest, p.age), true
		}
	}
	if !found || uid == 0 { // the agent of root belongs to the system
		return time.Time{}
	}
	return now.Add(-oldest).UTC().Truncate(time.Second)
}

// parallelsSince returns since when Parallels' application and its service have both
// been running, or zero if one of them does not run. now is when ps listed the
// processes. The error is up to two seconds.
func parallelsSince(processes []process, now time.Time) time.Time {
	age := func(name string) (oldest time.Duration, found bool) {
		for _, p := range processes {
			if p.name() == name {
				oldest, found = max(oldest, p.age), true
			}
		}
		return oldest, found
	}
	client, clientRuns := age(parallelsClient)
	service, serviceRuns := age(parallelsService)
	if !clientRuns || !serviceRuns {
		return time.Time{}
	}
	return now.Add(-min(client, service)).UTC().Truncate(time.Second)
}
