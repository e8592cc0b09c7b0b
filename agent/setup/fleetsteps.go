package setup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// fleetFolderPerm: every program may read what an agent writes for fleet tools.
const fleetFolderPerm fs.FileMode = 0o755

// fleetSteps returns the steps that prepare, for each user with a home in /Users, the
// folder in which the user's agent writes its state for fleet tools. They come after the
// steps of the reader, which works without them. Repeat them for a user who comes later.
func fleetSteps(m root.FS) []launchd.Step {
	owner, err := m.Owner()
	people := mac.ReadPeople(m)
	if err == nil {
		err = people.HomesErr
	}
	if err != nil {
		return []launchd.Step{{Does: "find the users of this Mac", Err: err}}
	}
	steps := []launchd.Step{fleetFolder(m, probe.SupportFolder, owner), fleetFolder(m, probe.FleetStates, owner)}
	var uids []int
	for _, h := range people.Homes {
		if h.Ordinary {
			uids = append(uids, h.UID)
		}
	}
	slices.Sort(uids)
	for _, uid := range slices.Compact(uids) {
		steps = append(steps, fleetFolder(m, probe.FleetStateFolder(uid), uid))
	}
	return steps
}

// fleetFolder returns the step that creates a folder for a user. The folder above it must
// belong to the owner of the Mac by then, so nobody else can put anything in its place.
func fleetFolder(m root.FS, name string, uid int) launchd.Step {
	_, err := m.OwnFolder(name, uid)
	step := launchd.NewStep("create the folder "+filepath.Join(m.Root, name), err == nil, func(context.Context) (string, error) {
		if _, err := m.OwnFolder(name, uid); err == nil { // the reader, which has just run, creates one
			return "already done", nil
		}
		return "", makeFolderFor(m, name, uid)
	})
	if err != nil && !root.NotExist(err) && !unfinished(m, name) {
		step.Err = err
	}
	return step
}

// unfinished reports whether a folder still belongs to the owner of the Mac: an earlier
// install was stopped before it gave the folder away.
func unfinished(m root.FS, name string) bool {
	owner, err := m.Owner()
	if err != nil {
		return false
	}
	_, err = m.OwnFolder(name, owner)
	return err == nil
}

func makeFolderFor(m root.FS, name string, uid int) error {
	if err := m.Guarded(path.Dir(name)); err != nil {
		return err
	}
	folder := filepath.Join(m.Root, name)
	if err := os.Mkdir(folder, fleetFolderPerm); err != nil && !(errors.Is(err, fs.ErrExist) && unfinished(m, name)) {
		return err
	}
	if err := os.Chmod(folder, fleetFolderPerm); err != nil { // the umask may be strict
		return err
	}
	if uid == os.Geteuid() {
		return nil
	}
	return os.Lchown(folder, uid, -1)
}
