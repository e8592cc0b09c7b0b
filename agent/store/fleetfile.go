package store

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/fleet"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// FleetFile is the state for fleet tools, in a folder that an administrator prepared for
// the user of the agent: see probe.FleetStates. Without that folder nothing is written.
// The zero FleetFile writes nothing.
type FleetFile struct {
	Mac     root.FS // with the user
	Version string  // of the agent

	content []byte    // as last written, without its times
	written time.Time // zero: not yet
	due     time.Time // the heartbeat; zero: there is no folder
}

const fleetFilePerm = 0o644 // every program may read it

// PublishForFleets writes the state for fleet tools if it changed, and at the heartbeat.
// It waits while tools still have to answer, because a fleet tool must not get a state that
// is only partly known. If the error is the same as the last time, it is ErrReported.
func (s *Store) PublishForFleets(st approval.Status, now time.Time) error {
	f := &s.Fleet
	if f.Mac.Root == "" || st.Facts.Pending || st.Verdict == "" {
		return nil
	}
	name := probe.FleetStateFolder(f.Mac.UID)
	folder, err := f.Mac.OwnFolder(name, f.Mac.UID)
	if root.NotExist(err) {
		*f = FleetFile{Mac: f.Mac, Version: f.Version}
		return s.trouble(name, nil)
	}
	f.due = now.Add(fleet.Heartbeat) // also after an error, which the next poll tries again
	if err == nil {
		err = f.write(filepath.Join(folder, probe.FleetState), fleet.New(st), now)
	}
	return s.trouble(name, err)
}

// write replaces the file if there is news, or if it is as old as the heartbeat.
func (f *FleetFile) write(path string, state fleet.State, now time.Time) error {
	coarse := state
	coarse.Checked = time.Time{}
	content, err := coarse.File(f.Version, time.Time{})
	if err != nil {
		return err
	}
	age := now.Sub(f.written)
	if bytes.Equal(content, f.content) && age >= 0 && age < fleet.Heartbeat {
		f.due = f.written.Add(fleet.Heartbeat)
		return nil
	}
	data, err := state.File(f.Version, now)
	if err != nil {
		return err
	}
	root.SweepTemporary(path, time.Minute)
	if err := root.WriteFile(path, data, fleetFilePerm); err != nil {
		if !bytes.Equal(content, f.content) { // a missing file is better than an old one that says that all is well
			f.content = nil
			os.Remove(path)
		}
		return err
	}
	f.content, f.written = content, now
	return nil
}

// Due returns how long after now the heartbeat is due; 0 means that no heartbeat is due. It is
// at least a minute: a poll that waits for a tool writes nothing.
func (f FleetFile) Due(now time.Time) time.Duration {
	if f.due.IsZero() {
		return 0
	}
	return max(f.due.Sub(now), time.Minute)
}
