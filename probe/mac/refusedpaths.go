package mac

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	// pathsRead is the number of bundles that are read in one snapshot because the log
	// named their paths. Most attempts are for kexts that are known.
	pathsRead = 16

	// refusedFor is how long a refused kext that cannot be read is a missing fact: as
	// long as macOS keeps the Allow button.
	refusedFor = allowFor
)

// kextName identifies a kext. The team is empty if it is not known.
type kextName struct{ team, id string }

// refusedPaths remembers which kexts were at the paths of attempts: a kext may be removed
// or replaced after the attempt.
type refusedPaths map[probe.Attempt]kextName

// readRefusedPaths finds out which kext an attempt was for if only its path is known: up
// to macOS 10.15, kextload and kextd log the path of a kext that they do not load. An
// attempt for a path without a kext is dropped.
func (p *Prober) readRefusedPaths(s *shot) {
	if !slices.ContainsFunc(s.snap.Attempts, onlyPath) {
		p.refused = nil
		return
	}
	search := pathSearch{p: p, s: s, known: map[string]kextName{}}
	names := refusedPaths{}
	var attempts []probe.Attempt
	for _, a := range slices.Backward(s.snap.Attempts) { // the newest are the most important
		if onlyPath(a) {
			name := search.kext(a)
			if before := p.refused[a]; before.id != "" && (name.id != before.id || name.team == "") {
				name = before
			}
			if name.id == "" || probe.FromApple(name.id) {
				continue
			}
			names[a] = name
			a.TeamID, a.BundleID = name.team, name.id
		}
		attempts = append(attempts, a)
	}
	slices.Reverse(attempts)
	p.refused, s.snap.Attempts = names, attempts
}

func onlyPath(a probe.Attempt) bool { return a.Path != "" && a.BundleID == "" }

// pathSearch searches the kexts at some paths, in one snapshot.
type pathSearch struct {
	p     *Prober
	s     *shot
	known map[string]kextName // by path; empty: no kext is there
	read  int
}

// kext returns the kext at the path of an attempt: the one on the disk, or else the one
// in the load history.
func (f *pathSearch) kext(a probe.Attempt) kextName {
	name, known := f.known[a.Path]
	if known {
		return name
	}
	snap := &f.s.snap
	if i := slices.IndexFunc(snap.Kexts, func(k probe.Kext) bool { return k.Path == a.Path }); i >= 0 {
		name = kextName{snap.Kexts[i].TeamID, snap.Kexts[i].BundleID}
	} else if f.read < pathsRead {
		f.read++
		name.id = f.bundle(a)
	}
	if name.id == "" {
		name = recordedAt(snap.Policy, a.Path)
	}
	name.team = cmp.Or(name.team, teamOf(snap, name.id))
	f.known[a.Path] = name
	return name
}

// bundle reads the bundle ID of the kext at the path of an attempt, or of its staged
// copy; empty if no kext is there. If it cannot be read, it adds a gap.
func (f *pathSearch) bundle(a probe.Attempt) string {
	info, err := f.p.infos.read(f.s.mac, a.Path)
	if root.NotExist(err) {
		info, err = f.p.infos.read(f.s.mac, probe.StagedExtensions+a.Path)
	}
	switch {
	case root.NotExist(err):
		return ""
	case err == nil && probe.IsKextID(info.ID):
		return info.ID
	case err == nil:
		err = errors.New("it has no valid bundle identifier")
	}
	if f.s.now.Sub(a.At) <= refusedFor {
		f.s.missing(probe.NewGap(probe.FactOtherKexts, fmt.Errorf("macOS did not load %s, and kextwatch cannot tell which kernel extension that is: %w", a.Path, err),
			"Look for an Allow button in the settings. The folder of the extension shows which program it belongs to."))
	}
	return ""
}

// recordedAt returns the kext that the load history has for a path.
func recordedAt(policy *probe.Policy, place string) (name kextName) {
	if policy == nil {
		return name
	}
	var newest probe.LoadRecord
	for _, r := range policy.History {
		if probe.Unstaged(root.OnBootVolume(r.Path)) == place && !r.LastSeen.Before(newest.LastSeen) {
			newest = r
		}
	}
	return kextName{newest.TeamID, newest.BundleID}
}

// teamOf returns the team of a kext of which only the bundle ID is known; empty if the
// facts name none, or several.
func teamOf(snap *probe.Snapshot, id string) string {
	var teams []string
	note := func(team, bundle string) {
		if bundle == id && team != "" && !slices.Contains(teams, team) {
			teams = append(teams, team)
		}
	}
	for _, k := range snap.Kexts {
		note(k.TeamID, k.BundleID)
	}
	snap.Policy.EachKext(note)
	if len(teams) != 1 {
		return ""
	}
	return teams[0]
}
