package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"kextwatch/probe"
)

// Kext is a kernel extension of another vendor than Parallels.
type Kext struct {
	Path, ID, Version string
	Team              string       // empty: unsigned
	Archs             []probe.Arch // the processors that it has code for; empty: it has no code
}

// MacFUSE returns the extension of macFUSE for macOS 26.
func MacFUSE() Kext {
	return Kext{
		Path: "/Library/Filesystems/macfuse.fs/Contents/Extensions/26/macfuse.kext",
		ID:   "io.macfuse.filesystems.macfuse.25", Version: "5.1.3", Team: "3T5GSNBU6W",
		Archs: []probe.Arch{probe.Intel, probe.AppleSilicon},
	}
}

// developers has the names that macOS shows for some teams.
var developers = []struct{ team, name string }{
	{probe.ParallelsTeamID, "Parallels International GmbH"},
	{"3T5GSNBU6W", "Benjamin Fleischer"}, // macFUSE
	{"EG7KH642X6", "VMware, Inc."},
	{"VB5E2TV963", "Oracle America, Inc."},
	{"LSJ6YVK468", "Paragon Software GmbH"},
	{"PPNVCC9Z68", "Tuxera Inc"},
	{"KRCLLMGZ2D", "MOTU, Inc."},
	{"Z2SG5H3HC8", "Jonathan Bullard"}, // Tunnelblick
}

// developer returns the name that macOS shows for the developer of a kext.
func (k kext) developer() string {
	if k.team == "" {
		return "Unidentified - " + k.name()
	}
	for _, d := range developers {
		if d.team == k.team {
			return d.name
		}
	}
	return "Developer " + k.team
}

var kextVersion = probe.Form{Expr: `^[0-9][0-9A-Za-z ._+-]{0,63}$`}

// AddKext installs a kext, or replaces the one at its path. Nothing tries to load it.
func (m *Mac) AddKext(k Kext) error {
	switch {
	case !path.IsAbs(k.Path) || path.Clean(k.Path) != k.Path || path.Ext(k.Path) != ".kext":
		return fmt.Errorf("invalid path %q of a kernel extension: use one such as /Library/Extensions/Example.kext", k.Path)
	case !probe.IsBundleID(k.ID):
		return fmt.Errorf("invalid bundle ID %q: use one such as com.example.extension", k.ID)
	case k.Team != "" && !probe.IsTeamID(k.Team):
		return fmt.Errorf("invalid team %q: use ten letters and digits", k.Team)
	case !kextVersion.MatchString(k.Version):
		return fmt.Errorf("invalid version %q of a kernel extension: use one such as 1.0", k.Version)
	}
	for _, arch := range k.Archs {
		if arch != probe.Intel && arch != probe.AppleSilicon {
			return fmt.Errorf("unknown processor %q: use %s or %s", arch, probe.Intel, probe.AppleSilicon)
		}
	}
	return m.changeState(func(st *state) error {
		if err := m.removeAll(k.Path); err != nil {
			return err
		}
		st.Kexts = slices.DeleteFunc(st.Kexts, func(have Kext) bool { return have.Path == k.Path })
		st.Kexts = append(st.Kexts, k)
		return m.writeKext(k.kext())
	})
}

func (k Kext) kext() kext {
	return kext{id: k.ID, team: k.Team, path: k.Path, version: k.Version, archs: k.Archs}
}

// others returns the kexts of AddKext that are still on the disk.
func (m *Mac) others(st *state) ([]kext, error) {
	var found []kext
	for _, k := range st.Kexts {
		_, err := m.stat(k.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, k.kext())
	}
	return found, nil
}

// all returns the kexts of Parallels and of other vendors.
func (m *Mac) all() ([]kext, error) {
	st, err := m.loadState()
	if err != nil {
		return nil, err
	}
	own, err := m.kexts()
	if err != nil {
		return nil, err
	}
	others, err := m.others(st)
	return append(own, others...), err
}

// find returns the kext with this bundle ID. Of several it takes the first. The error
// wraps fs.ErrNotExist.
func (m *Mac) find(id string) (kext, error) {
	kexts, err := m.all()
	if err != nil {
		return kext{}, err
	}
	for _, k := range kexts {
		if k.id == id {
			return k, nil
		}
	}
	if len(kexts) == 0 {
		return kext{}, fmt.Errorf("this Mac has no kernel extension: %w", fs.ErrNotExist)
	}
	return kext{}, fmt.Errorf("no kernel extension %q, only %s: %w", id, names(kexts), fs.ErrNotExist)
}

// item returns the kexts that one click on Allow approves together with k: those of its
// team in the same app, in the same folder of /Library/Application Support, or in
// /Library/Extensions (Apple TN2459).
func (m *Mac) item(k kext) ([]kext, error) {
	kexts, err := m.all()
	return slices.DeleteFunc(kexts, func(other kext) bool { return other.team != k.team || other.place() != k.place() }), err
}

func (k kext) place() string {
	if app, _, inApp := strings.Cut(k.path, ".app/"); inApp {
		return app + ".app"
	}
	const support = probe.ApplicationSupport + "/"
	if rest, ok := strings.CutPrefix(k.path, support); ok {
		folder, _, _ := strings.Cut(rest, "/")
		return support + folder
	}
	return path.Dir(k.path)
}

// HideFolder makes a folder unreadable for everyone but root, as some vendors install
// their kexts. On a real Mac its mode is 0700; here its owner may be the user, so it is 0.
func (m *Mac) HideFolder(name string) error { return m.chmod(name, 0) }

// ShowFolder reverts HideFolder.
func (m *Mac) ShowFolder(name string) error { return m.chmod(name, 0o755) }

func (m *Mac) chmod(name string, mode fs.FileMode) error {
	p, err := m.resolve(name)
	if err != nil {
		return err
	}
	if info, err := os.Stat(p); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", name)
	}
	return os.Chmod(p, mode)
}
