package main

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

// store keeps the agent's files. When they cannot be written it goes on: a
// full disk must not cost a window.
type store struct {
	places  places
	journal journal
	memory  memoryFile // as it is on the disk
	pending []event    // not yet in the history
	broken  string     // what cannot be written, and why
	unread  error      // why the memory on the disk could not be read; it is not overwritten
}

// errSaidAlready marks a complaint that is in the log already.
var errSaidAlready = errors.New("still the same")

// openStore reads what an earlier agent left. warnings are for the user.
func openStore(p places, now time.Time) (s *store, warnings []string) {
	s = &store{places: p, journal: journal{p.history}}
	if err := os.MkdirAll(p.state, 0o700); err != nil {
		warnings = append(warnings, err.Error())
	}
	sweep(p)
	warnings = append(warnings, s.read(now)...)
	if s.unread != nil {
		warnings = append(warnings, fmt.Sprintf("the memory cannot be read: %v; it stays as it is, and is read again before anything is saved", s.unread))
	}
	return s, warnings
}

// read reads the memory and what of it is not in the history yet.
func (s *store) read(now time.Time) (warnings []string) {
	memory, aside, err := takeMemory(s.places.memory, now)
	s.unread = nil
	switch {
	case aside != "":
		warnings = append(warnings, fmt.Sprintf("%v; it has been set aside as %s", err, aside))
	case err != nil:
		s.unread = err
	}
	s.memory = memory
	last := s.journal.lastSeq()
	var earlier []event
	for _, line := range memory.Pending {
		if e, ok := parseEvent(line); ok && e.Seq > last {
			earlier = append(earlier, e)
		}
	}
	s.pending = append(earlier, s.pending...)
	s.memory.Memory.Seq = max(s.memory.Memory.Seq, last)
	return warnings
}

// catchUp reads the memory on the disk where that was not possible before, and
// adds to it what was remembered since. warnings are for the user.
func (s *store) catchUp(mem approval.Memory, now time.Time) (_ approval.Memory, warnings []string) {
	if s.unread == nil {
		return mem, nil
	}
	warnings = s.read(now)
	if s.unread != nil {
		return mem, warnings
	}
	return mem.After(s.memory.Memory.Resume()), warnings
}

// sweep removes what a killed agent left of a file being written.
func sweep(p places) {
	left, _ := filepath.Glob(filepath.Join(p.state, ".*.plist*"))
	for _, name := range left {
		os.Remove(name)
	}
}

// save writes the memory if it says anything new. It does not overwrite one that
// could not be read: catchUp comes first.
func (s *store) save(mem approval.Memory) (wrote bool, err error) {
	if s.unread != nil {
		return false, errSaidAlready
	}
	lines := make([]string, len(s.pending))
	for i, e := range s.pending {
		lines[i] = e.line()
	}
	if s.memory.Schema != 0 && sameMemory(s.memory.Memory, mem) && strings.Join(lines, "\n") == strings.Join(s.memory.Pending, "\n") {
		return false, nil
	}
	m := memoryFile{Schema: memorySchema, Memory: mem, Pending: lines}
	if err := saveMemory(s.places.memory, m); err != nil {
		return false, s.trouble(err)
	}
	s.memory, s.broken = m, ""
	return true, nil
}

// record writes the pending events to the history and returns their lines.
// Events that cannot be written stay pending; each line is returned once.
func (s *store) record() ([]string, error) {
	var lines, fresh []string
	for i, e := range s.pending {
		lines = append(lines, e.line())
		if !e.told {
			fresh = append(fresh, e.line())
			s.pending[i].told = true
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	if err := s.journal.append(lines); err != nil {
		const most = 200
		s.pending = s.pending[max(0, len(s.pending)-most):]
		return fresh, s.trouble(err)
	}
	s.pending, s.broken = nil, ""
	return fresh, nil
}

// publish writes the status for other programs to read.
func (s *store) publish(st approval.Status) error {
	if err := savePlist(s.places.status, newDocument(st)); err != nil {
		return s.trouble(err)
	}
	return nil
}

func (s *store) trouble(err error) error {
	if s.broken == err.Error() {
		return errSaidAlready
	}
	s.broken = err.Error()
	return err
}

// gaps tells the user what cannot be read and kept.
func (s *store) gaps() []probe.Gap {
	var gaps []probe.Gap
	if s.unread != nil {
		gaps = append(gaps, memoryGap(s.places, s.unread))
	}
	if s.broken != "" {
		gaps = append(gaps, probe.Gap{
			Source: probe.FactOwnFiles, Err: s.broken,
			Next: "make room on the disk and let your user write to " + s.places.state,
		})
	}
	return gaps
}

// memoryGap is a memory that cannot be read. The agent reads it again at each
// poll.
func memoryGap(p places, err error) probe.Gap {
	return probe.Gap{Source: probe.FactOwnMemory, Err: view.Clean(err.Error()), Next: "if it stays so, let your user read " + p.memory}
}
