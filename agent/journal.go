package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"kextwatch/probe/root"
)

const (
	historySize  = 1 << 20 // bytes; a line has about 400
	historyFiles = 3
)

// journal is the history: one JSON object a line, oldest first, in up to
// three files of which path is the newest.
type journal struct{ path string }

func (j journal) files() rotation { return rotation{j.path, historySize, historyFiles} }

// append adds lines and syncs them. Where it fails, nothing was added: they
// come again.
func (j journal) append(lines []string) error {
	if err := j.files().append(strings.Join(lines, "\n")+"\n", true); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// read returns the events at or after since, oldest first. Lines that are no
// events are passed over.
func (j journal) read(since time.Time) ([]event, error) {
	var events []event
	for i := historyFiles - 1; i >= 0; i-- {
		data, err := root.ReadFile(j.files().file(i), 2*historySize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			if e, ok := parseEvent(string(line)); ok && !e.At.Before(since) {
				events = append(events, e)
			}
		}
	}
	return events, nil
}

// lastSeq is the number of the newest event, 0 where there is none.
func (j journal) lastSeq() int64 {
	events, err := j.read(time.Time{})
	if err != nil {
		return 0
	}
	last := int64(0)
	for _, e := range events {
		last = max(last, e.Seq)
	}
	return last
}
