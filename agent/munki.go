package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"strings"
	"time"

	"howett.net/plist"

	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

// munkiLimit is the largest ConditionalItems.plist, in bytes, that is read. A larger one
// stays as it is.
const munkiLimit = 4 << 20

// munki adds the keys to ConditionalItems.plist. Munki waits for the script, and no two
// scripts run at the same time, so nobody else writes the file meanwhile.
func (a *fleetAnswer) munki() error {
	if errors.Is(a.none, context.Canceled) {
		return a.none
	}
	keys := a.state.MunkiKeys()
	if a.none != nil {
		keys = fleet.MunkiUnknown(a.none.Error())
	}
	folder, err := munkiFolder(a.mac)
	if err != nil {
		return err
	}
	file := filepath.Join(a.mac.Root, folder, probe.MunkiConditions)
	perm := fs.FileMode(0o644)
	old, info, err := a.mac.ReadGuarded(path.Join(folder, probe.MunkiConditions), munkiLimit+1)
	switch {
	case root.NotExist(err): // Munki deletes it before it runs the scripts
	case err != nil:
		return cli.Unavailable(err, "correct this; Munki's other conditions are in the same file")
	case len(old) > munkiLimit:
		return cli.Unavailable(fmt.Errorf("%s is larger than %d bytes", file, munkiLimit), "find the condition script that writes so much; the file was not changed")
	}
	if info != nil {
		perm = info.Mode().Perm() // other scripts may keep their keys private
	}
	data, err := withMunkiKeys(old, keys)
	if err != nil {
		return cli.Unavailable(fmt.Errorf("%s %w", file, err), "find the condition script that writes it; the file was not changed")
	}
	root.SweepTemporary(file, time.Minute)
	if err := root.WriteFile(file, data, perm); err != nil {
		return cli.Unavailable(err, "")
	}
	if a.out.JSON {
		a.out.Document(map[string]any{"schema": 1, "kind": "munki-condition", "file": file, "keys": keys})
		return nil
	}
	a.out.Say("%s: %s", file, keys["kextwatch_summary"])
	return nil
}

// munkiFolder returns Munki's folder as a path of the Mac. It must be there, belong to
// root with every folder above it, and be in no home.
func munkiFolder(m root.FS) (string, error) {
	owner, err := m.Owner()
	switch {
	case m.NoTools:
		return "", cli.Usage("leave --volume out", "nothing is written on another Mac's disk")
	case err != nil:
		return "", cli.Unavailable(err, "")
	case m.UID != owner:
		return "", cli.Unavailable(fmt.Errorf("only uid %d, the user that Munki runs as, can write its conditions", owner), "run it with sudo")
	}
	folder, err := munkiSetting(m)
	if err != nil {
		return "", err
	}
	const correct = "correct ManagedInstallDir in Munki's settings"
	switch {
	case !path.IsAbs(folder) || probe.Printable(folder) != folder:
		return "", cli.Unavailable(fmt.Errorf("ManagedInstallDir %q is not the absolute path of a folder", probe.Printable(folder)), correct)
	case inHomes(folder):
		return "", cli.Unavailable(fmt.Errorf("ManagedInstallDir %s is in a home folder", folder), correct)
	}
	folder = path.Clean(folder)
	if _, err := m.OwnFolder(folder, owner); err != nil {
		if root.NotExist(err) {
			return "", cli.Unavailable(fmt.Errorf("the folder of Munki is missing: %s", folder), "Munki creates it at its first run")
		}
		return "", cli.Unavailable(err, "")
	}
	return folder, nil
}

// munkiSetting returns ManagedInstallDir. A managed value has precedence, as for Munki.
func munkiSetting(m root.FS) (string, error) {
	for _, name := range []string{probe.MunkiManagedSettings, probe.MunkiSettings} {
		var saved struct {
			Folder string `plist:"ManagedInstallDir"`
		}
		if err := m.ReadPlist(name, &saved); err != nil && !root.NotExist(err) {
			return "", cli.Unavailable(fmt.Errorf("cannot read the settings of Munki: %w", err), "correct "+name)
		}
		if saved.Folder != "" {
			return saved.Folder, nil
		}
	}
	return probe.MunkiFolder, nil
}

// inHomes reports whether a path is where homes are. The file system ignores case.
func inHomes(name string) bool {
	name = strings.ToLower(root.OnBootVolume(name)) + "/"
	for _, homes := range []string{"/users/", "/home/", "/var/root/", "/private/var/root/"} {
		if strings.HasPrefix(name, homes) {
			return true
		}
	}
	return false
}

// errMunkiFile means that ConditionalItems.plist cannot be read. Munki may be able to read
// it, so it must stay as it is: it has the keys of other scripts.
var errMunkiFile = errors.New("has no dictionary that kextwatch can read")

// withMunkiKeys returns a ConditionalItems.plist with our keys and, unchanged, those of
// other scripts. An empty file counts as missing. Our keys of an earlier run are removed.
func withMunkiKeys(old []byte, keys map[string]any) ([]byte, error) {
	all, format := map[string]any{}, plist.XMLFormat
	if len(bytes.TrimSpace(old)) > 0 {
		if err := root.DecodePlist(old, &all); err != nil {
			return nil, fmt.Errorf("%w: %w", errMunkiFile, err)
		}
		if bytes.HasPrefix(old, []byte("bplist")) {
			format = plist.BinaryFormat
		}
	}
	for key := range all {
		if strings.HasPrefix(key, fleet.MunkiPrefix) {
			delete(all, key)
		}
	}
	maps.Copy(all, keys)
	return plist.MarshalIndent(all, format, "\t")
}
