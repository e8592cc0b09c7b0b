package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	processLimit = 16_384 // processes; a Mac has some hundreds
)

// process is a running program.
type process struct {
	uid  int
	age  time.Duration // since its start, whole seconds
	path string        // of its executable, as it was started
}

// name is what the program is called.
func (p process) name() string { return path.Base(p.path) }

// readProcesses asks once for all that runs. Each column is an option of its own,
// because the text after "=" is a heading up to the end of the argument
// (POSIX); -ww keeps a long path whole where there is no terminal.
func readProcesses(ctx context.Context, m root.FS) ([]process, error) {
	out, err := tool.Query(ctx, m, probe.PsTool, "-axww", "-o", "uid=", "-o", "etime=", "-o", "comm=")
	if err != nil {
		return nil, err
	}
	return parseProcesses(out)
}

// processForm is a row of ps: a user, [[dd-]hh:]mm:ss, and a path that may
// have spaces.
var processForm = regexp.MustCompile(`^\s*(-?[0-9]{1,10})\s+(?:(?:([0-9]{1,5})-)?([0-9]{1,2}):)?([0-9]{1,2}):([0-9]{2})\s+(\S.*)$`)

// parseProcesses reads the rows among whatever else is printed. ps lists
// itself, so that no row is an error.
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
			n, _ := strconv.Atoi(string(row[2+i])) // an absent part is 0
			age += time.Duration(n) * unit
		}
		all = append(all, process{uid: uid, age: age, path: string(row[6])})
	}
	if len(all) == 0 {
		return nil, errors.New("the list of processes has no row that can be read")
	}
	return all, nil
}

// runs reports whether a process of this base name runs, for a user who counts.
func runs(processes []process, name string, counts func(process) bool) bool {
	return slices.ContainsFunc(processes, func(p process) bool { return counts(p) && p.name() == name })
}

func anybody(process) bool { return true }

// program is something people know by one name and ps by others.
type program struct {
	name      string
	processes []string // base names, exactly
}

// running names the programs of a table that run, in the order of the table,
// judged by the processes that count.
func running(table []program, processes []process, counts func(process) bool) []string {
	var names []string
	for _, p := range table {
		if slices.ContainsFunc(p.processes, func(name string) bool { return runs(processes, name, counts) }) {
			names = append(names, p.name)
		}
	}
	return names
}

// sessionAgent belongs to every session with a desktop and starts with it.
const sessionAgent = "/usr/libexec/UserEventAgent"

// loginAt is when the user's session with a desktop began; zero where he has
// none. Nothing says so outright: it is inferred from the start of the agent
// that launchd starts first in such a session. It is exact to two seconds
// only, and may differ by one between two looks.
func loginAt(processes []process, uid int, now time.Time) time.Time {
	var oldest time.Duration
	found := false
	for _, p := range processes {
		if p.uid == uid && p.path == sessionAgent {
			oldest, found = max(oldest, p.age), true
		}
	}
	if !found || uid == 0 { // root's belongs to the system
		return time.Time{}
	}
	return now.Add(-oldest).UTC().Truncate(time.Second)
}
