package setup

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"kextwatch/probe/root"
)

// ThisProgram returns the path from which this program can be started again.
func ThisProgram() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Clean(program), nil
}

// MayWriteTo refuses to write to a home as root: sudo on macOS keeps HOME, and
// files of root in it would lock its owner out. It allows a simulated Mac whose user
// is root.
func MayWriteTo(m root.FS, home string) error {
	if m.UID != 0 {
		return nil
	}
	info, err := os.Stat(home)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && m.Root != "/" {
		return nil
	}
	return errors.New("root must not write to a user's home folder")
}
