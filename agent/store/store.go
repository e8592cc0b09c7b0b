// Package store keeps the files of the agent: the memory that survives a restart,
// the history, the published status, the lock and the log.
package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// Store keeps the agent's files. When they cannot be written, the agent keeps
// running without them: a full disk must not hide a window.
type Store struct {
	Places  Places
	Journal Journal
	Memory  MemoryFile        // as it is on the disk
	Pending []Event           // not yet in the history
	written bool              // the history has lines that may not be on the disk yet; the memory still has them
	broken  map[string]string // why a file cannot be written, by its path
	Fleet   FleetFile         // the state for fleet tools
	unread  error             // why the memory on the disk could not be read; it is not overwritten
}

// ErrReported is an error that was returned before, and did not change since.
var ErrReported = errors.New("already reported")

// Open reads the files of an earlier agent. warnings are for the user.
func Open(p Places, now time.Time) (s *Store, warnings []string) {
	s = &Store{Places: p, Journal: p.Journal(), broken: map[string]string{}}
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		warnings = append(warnings, err.Error())
	}
	sweep(p)
	warnings = append(warnings, s.read(now)...)
	if s.unread != nil {
		warnings = append(warnings, fmt.Sprintf("the memory cannot be read: %v; it stays in place and is read again before anything is saved", s.unread))
	}
	return s, warnings
}

// read reads the memory, and adds its events that are not in the history yet to
// the pending ones.
func (s *Store) read(now time.Time) (warnings []string) {
	memory, renamed, err := takeMemory(s.Places.Memory, now)
	s.unread = nil
	switch {
	case renamed != "":
		warnings = append(warnings, fmt.Sprintf("%v; the agent starts with an empty memory and keeps the file as %s", err, renamed))
	case err != nil:
		s.unread = err
	}
	s.Memory = memory
	last := s.Journal.lastSeq()
	var earlier []Event
	for _, line := range memory.Pending {
		if e, ok := ParseEvent(line); ok && e.Seq > last {
			earlier = append(earlier, e)
		}
	}
	s.Pending = append(earlier, s.Pending...)
	s.Memory.Memory.Seq = max(s.Memory.Memory.Seq, last)
	return warnings
}

// CatchUp reads the memory on the disk if that was not possible before, and adds
// mem, which the agent has kept since. warnings are for the user.
func (s *Store) CatchUp(mem approval.Memory, now time.Time) (_ approval.Memory, warnings []string) {
	if s.unread == nil {
		return mem, nil
	}
	warnings = s.read(now)
	if s.unread != nil {
		return mem, warnings
	}
	return mem.After(s.Memory.Memory.Resume()), warnings
}

// sweep removes the temporary files of an agent that was killed.
func sweep(p Places) {
	left, _ := filepath.Glob(filepath.Join(p.State, ".*.plist*"))
	for _, name := range left {
		os.Remove(name)
	}
}

// Save writes the memory if it has news. The pending events are part of it, so that
// a power failure does not lose those that Record writes next. Save does not
// overwrite a memory that could not be read: call CatchUp first.
func (s *Store) Save(mem approval.Memory) (wrote bool, err error) {
	if s.unread != nil {
		return false, ErrReported
	}
	lines := make([]string, len(s.Pending))
	for i, e := range s.Pending {
		lines[i] = e.Line()
	}
	if s.Memory.Schema != 0 && sameMemory(s.Memory.Memory, mem) && strings.Join(lines, "\n") == strings.Join(s.Memory.Pending, "\n") {
		return false, nil
	}
	var unsynced error
	if s.written { // the memory forgets these lines
		unsynced = s.Journal.Sync()
		s.written = false
	}
	m := MemoryFile{Schema: schemaOf(migrations), Memory: mem, Pending: lines}
	err = os.MkdirAll(s.Places.State, 0o700) // it may have been impossible before
	if err == nil {
		err = SaveMemory(s.Places.Memory, m)
	}
	if err = s.trouble(s.Places.Memory, err); err != nil {
		return false, err
	}
	s.Memory = m
	if unsynced != nil {
		return true, s.trouble(s.Places.History, unsynced)
	}
	return true, nil
}

// Record writes the pending events to the history and returns their lines. It does
// not wait for the disk: the last Save has the same lines. Events that cannot be
// written stay pending. Each line is returned once.
func (s *Store) Record() ([]string, error) {
	var lines, fresh []string
	for i, e := range s.Pending {
		lines = append(lines, e.Line())
		if !e.returned {
			fresh = append(fresh, e.Line())
			s.Pending[i].returned = true
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	if err := s.Journal.Append(lines); err != nil {
		const most = 200
		s.Pending = s.Pending[max(0, len(s.Pending)-most):]
		return fresh, s.trouble(s.Places.History, err)
	}
	s.Pending, s.written = nil, true
	return fresh, s.trouble(s.Places.History, nil)
}

// Publish writes the status for other programs to read.
func (s *Store) Publish(doc view.Document) error {
	return s.trouble(s.Places.Status, savePlist(s.Places.Status, doc))
}

// trouble notes the outcome of writing a file. It returns ErrReported for the error of
// the last time.
func (s *Store) trouble(file string, err error) error {
	if err == nil {
		delete(s.broken, file)
		return nil
	}
	if s.broken[file] == err.Error() {
		return ErrReported
	}
	s.broken[file] = err.Error()
	return err
}

// Gaps reports which files of the agent cannot be read or written.
func (s *Store) Gaps() []probe.Gap {
	var gaps []probe.Gap
	if s.unread != nil {
		gaps = append(gaps, MemoryGap(s.Places, s.unread))
	}
	for _, file := range []string{s.Places.Memory, s.Places.History, s.Places.Status} {
		if why := s.broken[file]; why != "" {
			return append(gaps, WriteGap(s.Places, errors.New(why)))
		}
	}
	return gaps
}

// WriteGap reports that the agent's files cannot be written.
func WriteGap(p Places, err error) probe.Gap {
	return probe.Gap{
		Source: probe.FactOwnFiles,
		Err:    "kextwatch cannot save its state and forgets it after a restart: " + view.Clean(err.Error()),
		Next:   "make room on the disk and give your user write access to " + p.State,
	}
}

// MemoryGap reports a memory that cannot be read. The agent reads it again at
// each poll.
func MemoryGap(p Places, err error) probe.Gap {
	next := "if it stays so, let your user read " + p.Memory
	if errors.Is(err, errNewer) {
		next = "use the newer version of kextwatch"
	}
	return probe.Gap{Source: probe.FactOwnMemory, Err: view.Clean(err.Error()), Next: next}
}
