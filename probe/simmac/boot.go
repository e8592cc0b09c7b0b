package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// bootScan is how long after boot macOS 11 and later look at every installed
// extension, which refreshes the load history without any attempt.
const bootScan = 3 * time.Second

// Load is Parallels loading all its extensions, in the version on disk. It
// fails with what macOS says, and changes nothing, where one is not allowed
// (fs.ErrPermission) or would need a restart first.
func (m *Mac) Load(now time.Time) error {
	kexts, err := m.someKexts()
	if err != nil {
		return err
	}
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
			if err := m.seen(c, k, now); err != nil {
				return err
			}
			c.load(k)
		}
		return c.logAttempt(kexts, now)
	})
}

// notApproved is the error in macOS's own words.
func (c *change) notApproved(kexts []kext) error {
	words := c.notApprovedText(kexts)
	if c.st.version().Major() == 10 {
		words = fmt.Sprintf("%s failed to load - (libkern/kext) system policy prevents loading", names(kexts))
	}
	return fmt.Errorf("%w: macOS refuses: %s", fs.ErrPermission, words)
}

// notApprovedText is the sentence of macOS 11 and later.
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

// SetLinking says whether a restart builds the auxiliary kernel collection of
// macOS 11 and later. Where it does not, what was allowed since is not loaded.
func (m *Mac) SetLinking(works bool) error {
	return m.changeState(func(st *state) error {
		st.Unlinkable = !works
		return nil
	})
}

// Restart boots the Mac. Nothing is loaded afterwards up to macOS 10.15; from
// 11 on the auxiliary kernel collection is: what is allowed, and of an update
// that waits for approval the version before.
func (m *Mac) Restart(now time.Time) error {
	kexts, err := m.kexts()
	if err != nil {
		return err
	}
	return m.change(func(c *change) error {
		c.st.boot(now)
		if c.st.version().Major() == 10 {
			return nil
		}
		linked := map[string]string{}
		for _, k := range kexts {
			ok, err := c.permitted(k)
			if err != nil {
				return err
			}
			if ok && !c.st.Unlinkable {
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

// scan refreshes the load history of every extension that is still installed.
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
