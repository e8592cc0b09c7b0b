package mac

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	homesLimit = 4096 // entries of /Users

	// firstPerson is the lowest uid that macOS gives to an account for a person. The setup
	// assistant runs in a session of an account of macOS with a lower one. Guest
	// has 201, and accounts below 500 are hidden in the login window.
	firstPerson = 501
)

// ReadPeople reads who uses a Mac: the owner of /dev/console, the name that the login
// window saved, and the owners of the folders in /Users. It reads nothing in a home.
func ReadPeople(m root.FS) probe.People {
	p := probe.People{Offline: m.NoTools, ConsoleUID: -1}
	if !p.Offline {
		p.ConsoleUID, p.ConsoleErr = readConsoleUID(m)
	}
	p.LastName, p.LastErr = readLastUser(m)
	p.Homes, p.HomesErr = readHomes(m)
	return p
}

// readLastUser returns the short name of the user who logged in at the screen last. It
// is empty if the login window has not saved one. Apple does not document the key; the
// scripts of the macOS Security Compliance Project and of many administrators read it.
func readLastUser(m root.FS) (string, error) {
	var saved struct {
		Name string `plist:"lastUserName"`
	}
	err := m.ReadPlist(probe.LoginWindowSettings, &saved)
	if root.NotExist(err) {
		return "", nil
	}
	return saved.Name, err
}

// readHomes returns the home folders in /Users. Links are left out: they lead to a
// folder that has its own entry, or to another volume.
func readHomes(m root.FS) ([]probe.Home, error) {
	names, err := m.ListUpTo("/Users", homesLimit)
	if root.NotExist(err) {
		return nil, nil
	}
	maker, simulated := makerOf(m)
	var homes []probe.Home
	for _, name := range names {
		if name == "Shared" || strings.HasPrefix(name, ".") {
			continue
		}
		info, late := root.CallInTime(m.FileCalls(), filepath.Join(m.Root, "Users", name), func() (fs.FileInfo, error) {
			folder, err := m.Resolve("/Users")
			if err != nil {
				return nil, err
			}
			return os.Lstat(filepath.Join(folder, name))
		})
		if late != nil {
			err = errors.Join(err, late)
			continue
		}
		if info.IsDir() {
			uid := int(info.Sys().(*syscall.Stat_t).Uid)
			homes = append(homes, probe.Home{Name: name, UID: uid, Ordinary: uid >= firstPerson || simulated && uid == maker})
		}
	}
	return homes, err
}

// makerOf returns who made a simulated Mac: all of its files belong to that user. It
// returns false for a real Mac, and if the owner cannot be read.
func makerOf(m root.FS) (uid int, simulated bool) {
	uid, err := m.Owner()
	return uid, m.Root != "/" && err == nil
}
