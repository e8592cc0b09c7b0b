package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// bootScan is the time after boot when macOS 11 and later scan every installed kext.
// The scan updates the load history without a load attempt.
const bootScan = 3 * time.Second

// Load simulates that Parallels loads all its kexts in the version on the disk. If
// one is not allowed (fs.ErrPermission) or needs a restart, Load changes nothing
// and returns the message of macOS.
func (m *Mac) Load(now time.Time) error {
	kexts, err := m.someKexts()
	if err != nil {
		return err
	}
	return m.load(kexts, now)
}

// LoadKext is Load for the kext with this bundle ID, of any vendor.
func (m *Mac) LoadKext(id string, now time.Time) error {
	k, err := m.find(id)
	if err != nil {
		return err
	}
	return m.load([]kext{k}, now)
}

func (m *Mac) load(kexts []kext, now time.Time) error {
	return m.change(func(c *change) error {
		var refused, unlinked []kext
		for _, k := range kexts {
			ok, err := c.permitted(k)
			switch {
			case err != nil:
				return err
			case !ok:
				refused = append(refused, k)
			case !c.linked(k):
				unlinked = append(unlinked, k)
			}
		}
		if len(refused) > 0 {
			return c.notApproved(refused)
		}
		if len(unlinked) > 0 {
			return fmt.Errorf("macOS refuses: %s", needsReboot(unlinked))
		}
		for _, k := range kexts {
			if !c.loads(k) {
				return fmt.Errorf("macOS refuses: %s has no code for %s", k.id, c.st.Arch)
			}
		}
		for _, k := range kexts {
			if err := m.recordAttempt(c, k, now); err != nil {
				return err
			}
			c.load(k)
		}
		return c.logAttempt(kexts, now)
	})
}

// notApproved returns the error with the message of this macOS.
func (c *change) notApproved(kexts []kext) error {
	words := c.notApprovedText(kexts)
	if c.st.version().Major() == 10 {
		words = fmt.Sprintf("%s failed to load - (libkern/kext) system policy prevents loading", names(kexts))
	}
	return fmt.Errorf("%w: macOS refuses: %s", fs.ErrPermission, words)
}

// notApprovedText returns the message of macOS 11 and later.
func (c *change) notApprovedText(kexts []kext) string {
	pane := "System Settings"
	if c.st.version().Major() < 13 {
		pane = "System Preferences"
	}
	return fmt.Sprintf("Extension with identifiers %s not approved to load. Please approve using %s.", names(kexts), pane)
}

func needsReboot(kexts []kext) string {
	return fmt.Sprintf("Loading extension(s): %s requires a reboot", names(kexts))
}

// SetLinking sets whether a restart builds the auxiliary kernel collection of macOS
// 11 and later. If it does not, newly allowed kexts are not loaded.
func (m *Mac) SetLinking(works bool) error {
	return m.changeState(func(st *state) error {
		st.Unlinkable = !works
		return nil
	})
}

// Restart boots the Mac. Up to macOS 10.15 no kext is loaded afterwards. From macOS
// 11 the auxiliary kernel collection is loaded: it has the allowed kexts, and the
// earlier version of an update that waits for approval.
func (m *Mac) Restart(now time.Time) error {
	kexts, err := m.all()
	if err != nil {
		return err
	}
	return m.change(func(c *change) error {
		c.st.boot(now)
		if c.st.version().Major() == 10 {
			return nil
		}
		linked := othersOf(c.st.Linked)
		for _, k := range c.st.Kexts { // it may have been removed from the disk
			delete(linked, k.ID)
		}
		for _, k := range kexts {
			ok, err := c.permitted(k)
			if err != nil {
				return err
			}
			if ok && !c.st.Unlinkable && slices.Contains(k.archs, c.st.Arch) {
				linked[k.id] = k.version
			} else if before := c.st.Linked[k.id]; before != "" {
				linked[k.id] = before
			}
		}
		c.st.Linked = linked
		for id, version := range linked {
			c.st.Loaded[id] = version
		}
		c.logBooted(kexts, now.Add(bootScan))
		return m.scan(c, now.Add(bootScan))
	})
}

// SetCollection puts a kext into the auxiliary kernel collection of this boot, or
// takes it out, as if macOS had built it so at the last start. A kext that is not on
// the disk stays there after a restart.
func (m *Mac) SetCollection(id string, in bool) error {
	if !probe.IsBundleID(id) {
		return fmt.Errorf("invalid bundle ID %q", id)
	}
	kexts, err := m.all()
	if err != nil {
		return err
	}
	return m.changeState(func(st *state) error {
		if st.version().Major() == 10 {
			return fmt.Errorf("macOS %s has no auxiliary kernel collection: use 11 or later", st.MacOS)
		}
		delete(st.Linked, id)
		if !in {
			delete(st.Loaded, id)
			return nil
		}
		if st.Linked == nil {
			st.Linked = map[string]string{}
		}
		st.Linked[id] = "1.0"
		for _, k := range kexts {
			if k.id == id {
				st.Linked[id] = k.version
			}
		}
		return nil
	})
}

// othersOf returns the kexts that are not from Parallels.
func othersOf(kexts map[string]string) map[string]string {
	others := map[string]string{}
	for id, version := range kexts {
		if !strings.HasPrefix(id, "com.parallels.") {
			others[id] = version
		}
	}
	return others
}

// Unload simulates that Parallels unloads its kexts: no virtual machine runs.
func (m *Mac) Unload() error {
	return m.changeState(func(st *state) error {
		st.Loaded = othersOf(st.Loaded)
		return nil
	})
}

// UnloadKext unloads the kext with this bundle ID, of any vendor.
func (m *Mac) UnloadKext(id string) error {
	return m.changeState(func(st *state) error {
		if st.Loaded[id] == "" {
			return fmt.Errorf("%s is not loaded", id)
		}
		delete(st.Loaded, id)
		return nil
	})
}

// scan updates the load history of every kext that is still installed.
func (m *Mac) scan(c *change, at time.Time) error {
	paths, err := c.historyPaths()
	if err != nil {
		return err
	}
	for _, path := range paths {
		_, err := m.stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = c.Exec(`UPDATE kext_load_history_v3 SET last_seen = ? WHERE path = ?`, at.UTC().Format(sqlTime), path)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *change) historyPaths() ([]string, error) {
	rows, err := c.Query(`SELECT path FROM kext_load_history_v3`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var paths []string
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, rows.Err()
}
