package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// programLink is the link that puts kextwatch on the PATH of every user. Anything else
// in its place belongs to another program and stays.
type programLink struct {
	path  string // on this machine
	leads string // a path of the Mac; empty: it is not a link
	err   error  // fs.ErrNotExist if nothing is there

	// unsafe is why root must not touch it: a user decides in which folder it is. Homebrew
	// gives folders in /usr/local to a user. That is safe only for the folder of the link.
	unsafe error
}

func readProgramLink(m root.FS) programLink {
	link := programLink{path: filepath.Join(m.Root, probe.ProgramLink)}
	folder := filepath.Dir(link.path)
	if link.unsafe = m.Guarded(path.Dir(path.Dir(probe.ProgramLink))); link.unsafe != nil {
		return link
	}
	if info, err := os.Lstat(folder); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		link.unsafe = fmt.Errorf("%s is a symbolic link", folder)
		return link
	}
	if link.leads, link.err = os.Readlink(link.path); link.err != nil {
		if _, err := os.Lstat(link.path); err == nil { // a file
			link.err = nil
		}
	}
	return link
}

// create returns the step that makes the link lead to program, a path of the Mac.
func (l programLink) create(program string) launchd.Step {
	step := launchd.NewStep("link "+l.path+" to "+program, l.unsafe == nil && l.err == nil && l.leads == program, func(context.Context) (string, error) {
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
	return step.Unless(l.stays)
}

// remove returns the step that removes the link if it leads to one of these programs.
func (l programLink) remove(programs ...string) launchd.Step {
	step := launchd.NewStep("remove the link "+l.path, l.unsafe == nil && errors.Is(l.err, fs.ErrNotExist), func(context.Context) (string, error) {
		if l.leads == "" || !slices.Contains(programs, l.leads) {
			return "not done: " + l.other(), nil
		}
		return "", os.Remove(l.path)
	})
	if l.err != nil && !step.Already {
		step.Err = l.err
	}
	return step.Unless(l.stays)
}

// stays is the outcome of a step that root must not do.
func (l programLink) stays() string {
	if l.unsafe == nil {
		return ""
	}
	return "not done: " + l.unsafe.Error()
}

func (l programLink) other() string {
	if l.leads == "" {
		return "it is not a link, and kextwatch did not create it"
	}
	return fmt.Sprintf("kextwatch did not create it, and it leads to %s", probe.Printable(l.leads))
}
