package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kextwatch/agent/settings"
	"kextwatch/agent/store"
	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Remains selects what uninstall keeps or additionally removes.
type Remains struct {
	KeepData     bool // history, memory and log stay
	DropSettings bool
}

// Uninstall removes everything kextwatch wrote for the user.
func (s *Setup) Uninstall(ctx context.Context, what Remains) (exit int, err error) {
	home, place, err := s.launchPlace()
	if err != nil {
		return 0, err
	}
	p := store.PlacesIn(home)
	var folders, files []string
	if what.KeepData {
		files = append(files, p.Status) // other programs read it, and nothing would update it
	} else {
		folders = []string{p.Log, p.State}
	}
	if state := fleetState(s.Mac); state != "" {
		files = append(files, state)
	}
	if what.DropSettings {
		files = append(files, settings.UserSettings(home))
	}
	plan := place.Uninstall(ctx, probe.AgentLabel, folders...)
	for _, file := range files {
		plan.Steps = append(plan.Steps, removeFile(file))
	}
	runs := false
	const list = 2 // the job and its property list are removed anyway
	for i := range plan.Steps[list:] {
		plan.Steps[list+i] = plan.Steps[list+i].Unless(func() string {
			if runs {
				return "stays while an agent runs"
			}
			return ""
		})
	}
	plan.Steps = slices.Insert(plan.Steps, 1, noAgentRuns(p, &runs))
	exit, err = s.carryOut(ctx, plan)
	s.nameJobOfAll()
	s.nameRootsPart()
	if err == nil && !s.DryRun && !s.Out.JSON {
		s.nameOwnFiles(home)
	}
	return exit, err
}

// nameOwnFiles names what stays of this user.
func (s *Setup) nameOwnFiles(home string) {
	if _, err := os.Lstat(settings.UserSettings(home)); err == nil {
		s.Out.Say("Your settings stay. To remove them, too, run: kextwatch uninstall --settings")
	}
	if program, err := ThisProgram(); err == nil {
		s.Out.Say("The program itself stays: %s", program)
	}
}

// fleetState returns the path of this user's state for fleet tools, or "" if it does
// not exist in a folder of this user. Nothing would update it.
func fleetState(m root.FS) string {
	folder, err := m.OwnFolder(probe.FleetStateFolder(m.UID), m.UID)
	if err != nil {
		return ""
	}
	path := filepath.Join(folder, probe.FleetState)
	if _, err := os.Lstat(path); err != nil {
		return ""
	}
	return path
}

// SharedParts selects what uninstall removes of what is installed for every user.
type SharedParts struct{ Reader, AllUsers bool }

// UninstallShared removes what was installed for every user. Users' files stay.
func (s *Setup) UninstallShared(ctx context.Context, parts SharedParts) (exit int, err error) {
	var plan launchd.Plan
	if parts.AllUsers {
		if plan, err = s.allUsersRemoval(ctx); err != nil {
			return 0, err
		}
	}
	if parts.Reader {
		reader, err := s.readerRemoval(ctx)
		if err != nil {
			return 0, err
		}
		reader.Steps = append(plan.Steps, reader.Steps...)
		plan = reader
	}
	exit, err = s.carryOut(ctx, plan)
	if !parts.AllUsers {
		s.nameJobOfAll()
	}
	if err != nil || s.DryRun || s.Out.JSON {
		return exit, err
	}
	s.nameUsersFiles()
	return 0, nil
}

// nameUsersFiles names what stays in the homes. It names the files themselves, because the
// app may be removed next.
func (s *Setup) nameUsersFiles() {
	const home = "~"
	p := store.PlacesIn(home)
	s.Out.Say("The files of each user stay: %s.", strings.Join([]string{launchd.AgentPlist(home), p.State, p.Log, settings.UserSettings(home)}, ", "))
	s.Out.Say("Each user can delete them, or run this without sudo while kextwatch is there: kextwatch uninstall --settings")
}

// noAgentRuns is the step that checks for an agent that launchd did not start, and
// sets runs if there is one. Such an agent uses its files, so they stay.
func noAgentRuns(p store.Places, runs *bool) launchd.Step {
	_, err := os.Lstat(p.Lock)
	return launchd.NewStep("check that no agent runs", errors.Is(err, fs.ErrNotExist), func(context.Context) (string, error) {
		lock, err := store.Lock(p)
		switch {
		case errors.Is(err, store.ErrRunning):
			*runs = true
			return "", fmt.Errorf("%w, so its files stay: quit it and repeat the uninstall", err)
		case err != nil:
			return "", err
		}
		return "", lock.Close()
	})
}

func removeFile(path string) launchd.Step {
	_, err := os.Lstat(path)
	return launchd.NewStep("remove "+path, errors.Is(err, fs.ErrNotExist), func(context.Context) (string, error) {
		return "", os.Remove(path)
	})
}

// nameJobOfAll reports the job that an administrator installed for every user.
func (s *Setup) nameJobOfAll() {
	job := jobOfAll(s.Mac)
	if job.State == probe.LoginAbsent || job.State == probe.LoginDamaged {
		return
	}
	path := filepath.Join(s.Mac.Root, probe.JobOfAll)
	s.Out.Warn("an administrator removes it with "+s.sudo("uninstall --all-users", ""), "an administrator installed kextwatch for every user, so it starts again at the next login: %s", path)
}

// nameRootsPart reports the files that only root can remove.
func (s *Setup) nameRootsPart() {
	for _, name := range []string{probe.ReaderJob, probe.ReaderProgram, probe.SupportFolder} {
		path, err := s.Mac.Resolve(name)
		if err != nil {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			s.Out.Warn("an administrator removes it with "+s.sudo("uninstall --reader", ""), "the reader is installed for every user and stays: %s", path)
			return
		}
	}
}
