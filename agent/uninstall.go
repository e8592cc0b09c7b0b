package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

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
	if what.dropSettings {
		files = append(files, settings.UserSettings(home))
	}
	plan := place.Uninstall(ctx, probe.AgentLabel, folders...)
	plan.Steps = slices.Insert(plan.Steps, 1, noAgentRuns(p))
	for _, file := range files {
		plan.Steps = append(plan.Steps, removeFile(file))
	}
	for _, dir := range strayCopies(os.TempDir()) {
		plan.Steps = append(plan.Steps, launchd.NewStep("remove the folder "+dir, false, func(context.Context) (string, error) {
			return "", os.RemoveAll(dir)
		}))
	}
	err = in.carryOut(ctx, plan, dryRun)
	in.nameRootsPart()
	return err
}

// noAgentRuns is the step that checks for an agent that launchd did not start. Such
// an agent would write its files again.
func noAgentRuns(p store.Places) launchd.Step {
	_, err := os.Lstat(p.Lock)
	return launchd.NewStep("check that no agent runs", errors.Is(err, fs.ErrNotExist), func(context.Context) (string, error) {
		lock, err := store.Lock(p)
		switch {
		case errors.Is(err, store.ErrRunning):
			return "", fmt.Errorf("%w, and will write its files again: quit it and repeat the uninstall", err)
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

var copyFolder = probe.Form{Expr: `^kextwatch-[0-9]+$`}

// strayCopies are the folders for private copies of the policy that a killed
// kextwatch of this user left. One younger than a minute may be in use.
func strayCopies(temp string) []string {
	entries, _ := os.ReadDir(temp)
	var left []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !copyFolder.MatchString(e.Name()) {
			continue
		}
		if int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() && time.Since(info.ModTime()) > time.Minute {
			left = append(left, filepath.Join(temp, e.Name()))
		}
	}
	return left
}

// nameRootsPart reports the files that only root can remove.
func (in *invocation) nameRootsPart() {
	for _, name := range []string{probe.ReaderJob, probe.ReaderProgram, probe.SupportFolder} {
		path, err := in.mac.Resolve(name)
		if err != nil {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			in.warn("an administrator removes it with "+in.sudo("uninstall", ""), "the reader is installed for every user and stays: %s", path)
			return
		}
	}
}
