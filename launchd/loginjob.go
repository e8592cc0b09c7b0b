package launchd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// ReadLoginJob reports what launchd will do at the next login with the property
// list at path. want is the job that kextwatch would write. locate turns a path
// of that Mac into one of this machine.
func ReadLoginJob(path string, want Job, locate func(string) (string, error)) probe.LoginJob {
	return loginJob(path, want, locate, func(found installed) (ours, sound bool) {
		name := filepath.Base(found.program) == filepath.Base(want.ProgramArguments[0])
		return name && slices.Equal(found.arguments, want.ProgramArguments[1:]), found.sound()
	})
}

// ReadJobOfAll is ReadLoginJob for a property list that an administrator installed
// for every user. The administrator may have added flags. owner is the user who owns the Mac's files.
func ReadJobOfAll(path string, want Job, locate func(string) (string, error), owner int) probe.LoginJob {
	job := loginJob(path, want, locate, func(found installed) (ours, sound bool) {
		name := filepath.Base(found.program)
		ours = (name == "kextwatch" || name == filepath.Base(want.ProgramArguments[0])) && slices.Contains(found.arguments, want.ProgramArguments[1])
		return ours, found.owner == owner && found.perm&othersWrite == 0
	})
	job.OfAll = job.State != probe.LoginAbsent
	return job
}

// loginJob reads the property list at path. judge reports whether it starts kextwatch,
// and whether launchd accepts its owner and permissions.
func loginJob(path string, want Job, locate func(string) (string, error), judge func(installed) (ours, sound bool)) probe.LoginJob {
	found, err := readInstalled(path, want.Label)
	var other *foreign
	switch {
	case root.NotExist(err):
		return probe.LoginJob{State: probe.LoginAbsent}
	case errors.As(err, &other):
		return probe.LoginJob{State: probe.LoginDamaged, Why: err.Error()}
	case err != nil:
		return probe.LoginJob{Why: err.Error()}
	}
	job := probe.LoginJob{State: probe.LoginReady, Program: found.program}
	switch ours, sound := judge(found); {
	case !ours:
		job.State = probe.LoginOtherProgram
		job.Why = fmt.Sprintf("%s starts %q with the arguments %q", path, found.program, found.arguments)
	case !sound:
		job.State = probe.LoginRefused
		job.Why = fmt.Sprintf("%s belongs to another user, or its permissions are not %v", path, plistPerm)
	default:
		if err := executable(found.program, locate); err != nil {
			job.State, job.Why = probe.LoginProgramMissing, err.Error()
		}
	}
	return job
}

// Executable returns nil if this user can start a program of this machine.
func Executable(program string) error {
	if err := executable(program, func(path string) (string, error) { return path, nil }); err != nil {
		return err
	}
	if err := syscall.Access(program, accessExecute); err != nil {
		return fmt.Errorf("%s cannot be started: %w", program, err)
	}
	return nil
}

// executable returns nil if a program can be started. "Permission denied" means
// that the program exists.
func executable(program string, locate func(string) (string, error)) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("%q is not an absolute path", program)
	}
	there, err := locate(program)
	if err != nil {
		return err
	}
	info, err := os.Stat(there)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist", program)
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not an executable file", program)
	}
	return nil
}
