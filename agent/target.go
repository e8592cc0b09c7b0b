package main

import (
	"context"
	"os"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// target is the Mac that a command examines, and the user whose settings and
// memory it uses.
type target struct {
	mac    root.FS // Home is empty if the user's home is unknown
	noHome error   // why the home is unknown
	clock  probe.Clock
	env    func(string) string
}

func (in *invocation) target() target {
	t := target{mac: in.mac, clock: in.clock, env: in.env}
	t.mac.Home, t.noHome = in.home()
	return t
}

// home returns the home folder of the user, as a path of this machine.
func (t target) home() (string, error) { return t.mac.Home, t.noHome }

// rules returns the options of the rules from the user's settings.
func (t target) rules() approval.Settings {
	if t.noHome != nil {
		return settings.Default().Approval()
	}
	s, _ := settings.Read(t.mac, t.mac.Home) // doctor reports the problems
	return s.Approval()
}

// memory returns the memory of the running agent: every answer includes the windows
// that the agent saw. An unreadable memory is a missing fact.
func (t target) memory() (approval.Memory, []probe.Gap) {
	if t.noHome != nil {
		return approval.Memory{}, nil
	}
	p := store.PlacesIn(t.mac.Home)
	m, err := store.ReadMemory(p.Memory)
	if err != nil {
		return approval.Memory{}, []probe.Gap{store.MemoryGap(p, err)}
	}
	if m.Memory.LastRead.At.After(t.clock.Now()) {
		return approval.Memory{}, nil // the memory may hold events after --now
	}
	return m.Memory, nil
}

// events returns the history of the agent since a time.
func (t target) events(since time.Time) ([]store.Event, error) {
	if t.noHome != nil {
		return nil, nil
	}
	return store.PlacesIn(t.mac.Home).Journal().Read(since)
}

// examine takes one snapshot and assesses it. It writes nothing but a private
// copy of the policy, which it removes.
func (t target) examine(ctx context.Context) (approval.Status, error) {
	temp, err := os.MkdirTemp("", "kextwatch-")
	if err != nil {
		return approval.Status{}, unavailable(err, "set TMPDIR to a folder you may write to")
	}
	defer os.RemoveAll(temp)
	now, rules := t.clock.Now(), t.rules()
	snap := mac.NewProber(t.mac, temp).Snapshot(ctx, now, mac.Options{Fresh: true, AllVendors: rules.Vendors.Others()})
	if err := ctx.Err(); err != nil {
		return approval.Status{}, unavailable(err, "")
	}
	mem, gaps := t.memory()
	snap.Gaps = append(snap.Gaps, gaps...)
	st, _ := rules.Assess(mem, snap, now)
	return st, nil
}
