package policy

import (
	"errors"
	"os"
	"path/filepath"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// ReadInstallation checks the files that launchd needs to run the root reader.
// It cannot see whether the reader is turned off in launchd.
func ReadInstallation(m root.FS) probe.ReaderInstallation {
	program, plist := installedFile(m, probe.ReaderProgram), installedFile(m, probe.ReaderJob)
	switch {
	case program.State == probe.ReaderAbsent && plist.State == probe.ReaderAbsent:
		return program
	case program.State == probe.ReaderAbsent:
		program.State = probe.ReaderNoProgram
		return program
	case plist.State == probe.ReaderAbsent:
		plist.State = probe.ReaderNoPlist
		return plist
	case program.State != probe.ReaderSound:
		return program
	case plist.State != probe.ReaderSound:
		return plist
	}
	if _, _, err := loadPublication(m); err == nil {
		if _, err := ReadLastRun(m); root.NotExist(err) {
			return probe.ReaderInstallation{State: probe.ReaderOlder, Path: probe.ReaderProgram, Next: installReader + " again"}
		}
	}
	return probe.ReaderInstallation{State: probe.ReaderSound}
}

// installedFile checks one file of the installation.
func installedFile(m root.FS, name string) probe.ReaderInstallation {
	info, err := os.Lstat(filepath.Join(m.Root, name))
	if err == nil {
		err = m.Guarded(name)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = &root.Untrusted{What: filepath.Join(m.Root, name) + " is not a file", Next: "move it away"}
	}
	var open *root.Untrusted
	switch {
	case err == nil:
		return probe.ReaderInstallation{State: probe.ReaderSound}
	case root.NotExist(err):
		return probe.ReaderInstallation{State: probe.ReaderAbsent, Path: name, Next: installReader}
	case errors.As(err, &open):
		return probe.ReaderInstallation{
			State: probe.ReaderUnguarded, Path: name, Reason: probe.Printable(open.What), Next: probe.Printable(open.Next) + ", then " + installReader,
		}
	}
	return probe.ReaderInstallation{Path: name, Reason: probe.Printable(err.Error()), Next: installReader + " again"}
}
