package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/agent/terminal"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// How long commands wait for the tools of macOS and Parallels. A tool that did not
// answer is a missing fact.
const (
	statusLimit = 5 * time.Second
	doctorLimit = 8 * time.Second
)

// target is the Mac that a command examines, and the user whose settings and
// memory it uses.
type target struct {
	mac    root.FS // Home is empty if the user's home is unknown
	noHome error   // why the home is unknown
	person probe.Person
	clock  probe.Clock
	whatIf bool // --now gives the time, so events of the memory can be later than it
	env    func(string) string

	everyone bool // the rules are about every developer, whomever the user watches

	// Only an organization decides who is watched and ignored: a user must not hide the
	// state of a Mac from its administrators.
	organization bool
}

// home returns the home folder of the user, as a path of this machine.
func (t *target) home() (string, error) { return t.mac.Home, t.noHome }

// rules returns the options of the rules from the settings: without a home, from those
// of the organization for all users. A file that cannot be read is a missing fact, and
// doctor reports the other problems.
func (t *target) rules() (approval.Settings, []probe.Gap) {
	read := settings.Read
	if t.organization {
		read = settings.ReadManaged
	}
	s, problems := read(t.mac, t.mac.Home)
	rules := s.Approval()
	if t.everyone {
		rules.Vendors = approval.DefaultSettings().Vendors
		return rules, nil
	}
	return rules, settings.Gaps(problems)
}

// memory returns the memory of the running agent: every answer includes the windows
// that the agent saw. A memory that cannot be read or saved is a missing fact.
func (t *target) memory() (approval.Memory, []probe.Gap) {
	if t.noHome != nil {
		return approval.Memory{}, t.personGaps()
	}
	p := store.PlacesIn(t.mac.Home)
	var gaps []probe.Gap
	if err := store.CannotWrite(p); err != nil && !t.mac.NoTools { // on the disk of another Mac, kextwatch saves nothing
		gaps = append(gaps, store.WriteGap(p, err))
	}
	m, err := store.ReadMemory(p.Memory)
	if err != nil {
		return approval.Memory{}, append(gaps, store.MemoryGap(p, err))
	}
	if t.whatIf && m.Memory.LastRead.At.After(t.clock.Now()) {
		return approval.Memory{}, gaps // the memory may hold events after --now
	}
	if t.organization {
		m.Memory.Ignored = nil
	}
	return m.Memory, gaps
}

// personGaps reports that root does not know whose memory to read. The memory of an
// agent can hold facts that nothing else has.
func (t *target) personGaps() []probe.Gap {
	if t.mac.UID != 0 || t.noHome == nil || errors.Is(t.noHome, errNobody) {
		return nil
	}
	return []probe.Gap{probe.NewGap(probe.FactPerson, t.noHome, "Name the home folder of the user with --home.")}
}

// events returns the history of the agent since a time.
func (t *target) events(since time.Time) ([]store.Event, error) {
	if t.noHome != nil {
		return nil, nil
	}
	return store.PlacesIn(t.mac.Home).Journal().Read(since)
}

// examineWith is examine. After a second without an answer of the tools, it shows a
// progress bar.
func (t *target) examineWith(ctx context.Context, limit time.Duration, progress io.Writer) (approval.Status, error) {
	bar := terminal.NewProgress(progress, "Waiting for tools of macOS", limit)
	defer bar.Close()
	var drawing sync.WaitGroup
	defer drawing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	drawing.Go(func() {
		start, second := time.Now(), time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-second.C:
				bar.Set(time.Since(start))
			}
		}
	})
	defer cancel()
	return t.examine(ctx, limit)
}

// examine takes one snapshot and assesses it. Tools that have not answered after
// limit are missing facts. examine writes nothing.
func (t *target) examine(ctx context.Context, limit time.Duration) (approval.Status, error) {
	now := t.clock.Now()
	rules, unread := t.rules()
	rules.Once = true
	snap := mac.NewProber(t.mac).Snapshot(ctx, now, mac.Options{Fresh: true, Limit: limit})
	if err := ctx.Err(); err != nil {
		return approval.Status{}, cli.Unavailable(err, "")
	}
	mem, gaps := t.memory()
	snap.Person = t.person
	snap.Gaps = append(append(snap.Gaps, gaps...), unread...)
	st, _ := rules.Assess(mem, snap, now)
	return st, nil
}
