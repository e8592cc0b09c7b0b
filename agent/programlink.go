package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"kextwatch/launchd"
	"kextwatch/probe"
)

// programLink is the link that puts kextwatch on the PATH of every user. Anything else
// in its place is somebody else's and stays.
type programLink struct {
	path  string // on this machine
	leads string // a path of the Mac; empty: it is not a link
	err   error  // fs.ErrNotExist if nothing is there
}

func (in *invocation) programLink() programLink {
	folder, err := in.mac.Resolve(filepath.Dir(probe.ProgramLink))
	if err != nil {
		return programLink{path: probe.ProgramLink, err: err}
	}
	link := programLink{path: filepath.Join(folder, filepath.Base(probe.ProgramLink))}
	if link.leads, link.err = os.Readlink(link.path); link.err != nil {
		if _, err := os.Lstat(link.path); err == nil { // a file
			link.err = nil
		}
	}
	return link
}

// create returns the step that makes the link lead to program, a path of the Mac.
func (l programLink) create(program string) launchd.Step {
	step := launchd.NewStep("link "+l.path+" to "+program, l.err == nil && l.leads == program, func(context.Context) (string, error) {
		if l.err == nil {
			return "not done: " + l.other(), nil
		}
		if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
			return "", err
		}
		return "", os.Symlink(program, l.path)
	})
	if l.err != nil && !errors.Is(l.err, fs.ErrNotExist) {
		step.Err = l.err
	}
	return step
}

// remove returns the step that removes the link if it leads to one of these programs.
func (l programLink) remove(programs ...string) launchd.Step {
	step := launchd.NewStep("remove the link "+l.path, errors.Is(l.err, fs.ErrNotExist), func(context.Context) (string, error) {
		if l.leads == "" || !slices.Contains(programs, l.leads) {
			return "not done: " + l.other(), nil
		}
		return "", os.Remove(l.path)
	})
	if l.err != nil && !step.Already {
		step.Err = l.err
	}
	return step
}

func (l programLink) other() string {
	if l.leads == "" {
		return "it is not a link, and not ours"
	}
	return fmt.Sprintf("it is not ours and leads to %s", probe.Printable(l.leads))
}
