package main

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
)

// remains selects what uninstall keeps or additionally removes.
type remains struct {
	keepData     bool // history, memory and log stay
	dropSettings bool
}

// uninstall removes everything kextwatch wrote for the user.
func (in *invocation) uninstall(ctx context.Context, what remains, dryRun bool) error {
	home, place, err := in.launchPlace()
	if err != nil {
		return err
	}
	p := store.PlacesIn(home)
	var folders, files []string
	if what.keepData {
		files = append(files, p.Status) // other programs read it, and nothing would update it
	} else {
		folders = []string{p.Log, p.State}
	}
	if state := in.fleetState(); state != "" {
		files = append(files, state)
	}
	if what.dropSettings {
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
	err = in.carryOut(ctx, plan, dryRun)
	in.nameJobOfAll()
	in.nameRootsPart()
	if err == nil && !dryRun && !in.speaker.json {
		in.nameOwnFiles(home)
	}
	return err
}

// nameOwnFiles names what stays of this user.
func (in *invocation) nameOwnFiles(home string) {
	if _, err := os.Lstat(settings.UserSettings(home)); err == nil {
		in.say("Your settings stay. To remove them, too, run: kextwatch uninstall --settings")
	}
	if program, err := executable(); err == nil {
		in.say("The program itself stays: %s", program)
	}
}

// fleetState returns the path of this user's state for fleet tools, or "" if it does
// not exist in a folder of this user. Nothing would update it.
func (in *invocation) fleetState() string {
	folder, err := in.mac.OwnFolder(probe.FleetStateFolder(in.uid), in.uid)
	if err != nil {
		return ""
	}
	path := filepath.Join(folder, probe.FleetState)
	if _, err := os.Lstat(path); err != nil {
		return ""
	}
	return path
}

// sharedParts selects what uninstall removes of what is installed for every user.
type sharedParts struct{ reader, allUsers bool }

// uninstallShared removes what was installed for every user. Users' files stay.
func (in *invocation) uninstallShared(ctx context.Context, parts sharedParts, dryRun bool) error {
	var plan launchd.Plan
	if parts.allUsers {
		var err error
		if plan, err = in.allUsersRemoval(ctx, dryRun); err != nil {
			return err
		}
	}
	if parts.reader {
		reader, err := in.readerRemoval(ctx, dryRun)
		if err != nil {
			return err
		}
		reader.Steps = append(plan.Steps, reader.Steps...)
		plan = reader
	}
	err := in.carryOut(ctx, plan, dryRun)
	if !parts.allUsers {
		in.nameJobOfAll()
	}
	if err != nil || dryRun || in.speaker.json {
		return err
	}
	in.nameUsersFiles()
	return nil
}

// nameUsersFiles names what stays in the homes. It names the files themselves, because the
// app may be removed next.
func (in *invocation) nameUsersFiles() {
	const home = "~"
	p := store.PlacesIn(home)
	in.say("What users have of their own stays: %s.", strings.Join([]string{launchd.AgentPlist(home), p.State, p.Log, settings.UserSettings(home)}, ", "))
	in.say("Each user can delete them, or run this without sudo while kextwatch is there: kextwatch uninstall --settings")
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
func (in *invocation) nameJobOfAll() {
	job := jobOfAll(in.mac)
	if job.State == probe.LoginAbsent || job.State == probe.LoginDamaged {
		return
	}
	path := filepath.Join(in.mac.Root, probe.JobOfAll)
	in.warn("an administrator removes it with "+in.sudo("uninstall --all-users", ""), "an administrator installed kextwatch for every user, so it starts again at the next login: %s", path)
}

// nameRootsPart reports the files that only root can remove.
func (in *invocation) nameRootsPart() {
	for _, name := range []string{probe.ReaderJob, probe.ReaderProgram, probe.SupportFolder} {
		path, err := in.mac.Resolve(name)
		if err != nil {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			in.warn("an administrator removes it with "+in.sudo("uninstall --reader", ""), "the reader is installed for every user and stays: %s", path)
			return
		}
	}
}
