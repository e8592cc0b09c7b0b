package store

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

// Journal is the history: one JSON object per line, oldest first, in up to three
// files. path is the newest file.
type Journal struct{ path string }

func (j Journal) files() Rotation { return Rotation{j.path, historySize, historyFiles} }

// Append adds lines. After an error no line was added, and the caller can add them
// again. After a power failure they may be missing: see Sync.
func (j Journal) Append(lines []string) error {
	if err := j.files().Append(strings.Join(lines, "\n") + "\n"); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// Sync waits until the lines of the last Append are on the disk.
func (j Journal) Sync() error {
	if err := j.files().Sync(); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// Read returns the events at or after since, oldest first. It skips lines that
// are not events, and the beginning of a file that is too large.
func (j Journal) Read(since time.Time) ([]Event, error) {
	var events []Event
	for i := historyFiles - 1; i >= 0; i-- {
		data, err := root.ReadEnd(j.files().File(i), 2*historySize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			if e, ok := ParseEvent(string(line)); ok && !e.At.Before(since) {
				events = append(events, e)
			}
		}
	}
	return events, nil
}

// lastSeq returns the number of the newest event. Without events it returns 0.
func (j Journal) lastSeq() int64 {
	events, err := j.Read(time.Time{})
	if err != nil {
		return 0
	}
	last := int64(0)
	for _, e := range events {
		last = max(last, e.Seq)
	}
	return last
}
