// Report prints docs/reliability.md from the rows that a long run of the soak tests wrote.
// Its arguments are the file of the rows, and the commit.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"kextwatch/probe/mactest/soak"
)

// parts are the headings, in the order of the document.
var parts = []string{
	"What is saved", "The running agent", "A live writer of the policy database", "The watcher of the files", "30 days on a simulated Mac",
}

const introduction = `# Reliability

` + "`make soak`" + ` wrote this page on %s, from commit %s: what its tests tried with the program and its parts, and what happened. It
writes no page if one of them fails. ` + "`make check`" + ` runs their short form.

The tests ran on Linux, with simulated Macs: see the [known limits](../README.md#known-limits).
`

func main() {
	rows, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf(introduction, time.Now().UTC().Format(time.DateOnly), os.Args[2])
	for _, part := range parts {
		fmt.Printf("\n## %s\n\n| what | tried | what happened |\n|---|---:|---|\n", part)
		complete := false
		for _, r := range rows {
			if r.Part == part {
				fmt.Printf("| %s | %d | %s |\n", r.Fault, r.Tried, r.Happened)
				complete = true
			}
		}
		if !complete {
			fmt.Fprintf(os.Stderr, "no rows for %q: the run is not complete\n", part)
			os.Exit(1)
		}
	}
}

func read(path string) (rows []soak.Row, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r soak.Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		if !slices.Contains(parts, r.Part) {
			return nil, fmt.Errorf("unknown part %q", r.Part)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
