package setup

import (
	"errors"
	"io/fs"
	"os"

	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// LoginJob returns what launchd does for kextwatch at the next login. The job of an
// administrator counts if the user has none.
func LoginJob(home string, m root.FS) probe.LoginJob {
	job, all := launchd.ReadLoginJob(launchd.AgentPlist(home), wantedJob(home), locator(m)), jobOfAll(m)
	if job.State == probe.LoginAbsent && all.State != probe.LoginAbsent {
		return all
	}
	job.Twice = job.State == probe.LoginReady && all.State == probe.LoginReady
	return job
}

// jobOfAll returns the job that an administrator installed for every user.
func jobOfAll(m root.FS) probe.LoginJob {
	owner, err := m.Owner()
	if err != nil {
		return probe.LoginJob{Why: err.Error(), OfAll: true}
	}
	path, err := m.Resolve(probe.JobOfAll)
	if err != nil {
		return probe.LoginJob{Why: err.Error(), OfAll: true}
	}
	return launchd.ReadJobOfAll(path, wantedJob("/"), locator(m), owner)
}

// wantedJob returns the job that install would write.
func wantedJob(home string) launchd.Job {
	program, err := ThisProgram()
	if err != nil {
		program = "kextwatch" // only its name is compared
	}
	return launchd.Agent(program, home)
}

// locator turns a program's path in a property list into one of this machine. A
// simulated Mac also starts programs of this machine.
func locator(m root.FS) func(path string) (string, error) {
	if m.NoTools {
		return m.Resolve
	}
	return func(path string) (string, error) {
		inside, err := m.Resolve(path)
		if err != nil {
			return "", err
		}
		if _, err := os.Lstat(inside); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		return inside, nil
	}
}

// ToggleAtLogin installs or removes the LaunchAgent. The agent that runs now
// keeps running, even if launchd started it.
func ToggleAtLogin(home string, m root.FS) error {
	program, err := ThisProgram()
	if err != nil {
		return err
	}
	on := LoginJob(home, m).Starts() != probe.Yes
	if on {
		if err := startsAtLogin(m, program, home); err != nil {
			return err
		}
	}
	return launchd.SetAtLogin(launchd.Agent(program, home), launchd.AgentPlist(home), on)
}
