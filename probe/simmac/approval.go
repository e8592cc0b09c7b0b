package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"kextwatch/probe"
)

// Attempt simulates that Parallels tries to load all its kexts. macOS loads the
// allowed kexts. The others are blocked and wait for approval; this is no error.
// The error wraps fs.ErrNotExist if the Mac has no kext of Parallels.
func (m *Mac) Attempt(now time.Time) error {
	kexts, err := m.someKexts()
	if err != nil {
		return err
	}
	return m.attempt(kexts, now)
}

// AttemptKext is Attempt for the kext with this bundle ID.
func (m *Mac) AttemptKext(id string, now time.Time) error {
	kexts, err := m.someKexts()
	if err != nil {
		return err
	}
	for _, k := range kexts {
		if k.id == id {
			return m.attempt([]kext{k}, now)
		}
	}
	return fmt.Errorf("no kernel extension %q of Parallels, only %s: %w", id, names(kexts), fs.ErrNotExist)
}

func (m *Mac) attempt(kexts []kext, now time.Time) error {
	return m.change(func(c *change) error {
		for _, k := range kexts {
			if err := m.recordAttempt(c, k, now); err != nil {
				return err
			}
			ok, err := c.permitted(k)
			switch {
			case err != nil:
				return err
			case !ok:
				err = c.block(k)
			case c.linked(k):
				c.load(k)
			}
			if err != nil {
				return err
			}
		}
		return c.logAttempt(kexts, now)
	})
}

// load loads a kext into the kernel. After an upgrade to macOS 11, kexts that were
// loaded before stay approved.
func (c *change) load(k kext) {
	c.st.Loaded[k.id] = k.version
	c.st.Approved[k.id] = k.cdhash()
}

// recordAttempt does what macOS does at every load attempt, successful or not: it
// stages the kext (up to macOS 10.15) and updates the load history.
func (m *Mac) recordAttempt(c *change, k kext, now time.Time) error {
	if c.st.version().Major() == 10 {
		if err := m.stage(k); err != nil {
			return err
		}
	}
	return c.record(k, now)
}

// block adds a row that waits for approval. macOS 11 and later also block an update
// of an approved kext; that kext keeps its row.
func (c *change) block(k kext) error {
	_, err := c.Exec(`INSERT OR IGNORE INTO kext_policy (team_id, bundle_id, allowed, developer_name, flags)
		VALUES (?, ?, 0, ?, 4)`, k.team, k.id, developer)
	return err
}

// Allow simulates a click on the Allow button, which approves all kexts in the
// application at once (Apple TN2459). It fails if no kext waits for approval. The
// time since the attempt does not matter, and macOS does not record the time of
// the click.
func (m *Mac) Allow(now time.Time) error {
	kexts, err := m.someKexts()
	if err != nil {
		return err
	}
	users, err := m.usersMayApprove()
	if err != nil {
		return err
	}
	if !users {
		return errors.New("a configuration profile forbids users to approve kernel extensions")
	}
	return m.change(func(c *change) error {
		waiting, err := c.waiting(kexts)
		if err != nil {
			return err
		}
		if !waiting {
			return errors.New("nothing waits for approval: Parallels has to try to load its extensions first")
		}
		for _, k := range kexts {
			_, err := c.Exec(`INSERT OR REPLACE INTO kext_policy (team_id, bundle_id, allowed, developer_name, flags)
				VALUES (?, ?, 1, ?, 1)`, k.team, k.id, developer)
			if err != nil {
				return err
			}
			c.st.Approved[k.id] = k.cdhash()
		}
		c.logAllowed(now)
		return nil
	})
}

// waiting reports whether the pane shows an Allow button: a kext has a row and is
// not allowed to load.
func (c *change) waiting(kexts []kext) (bool, error) {
	for _, k := range kexts {
		var row bool
		err := c.QueryRow(`SELECT EXISTS (SELECT 1 FROM kext_policy WHERE team_id = ? AND bundle_id = ?)`, k.team, k.id).Scan(&row)
		if err != nil {
			return false, err
		}
		ok, err := c.permitted(k)
		if err != nil {
			return false, err
		}
		if row && !ok {
			return true, nil
		}
	}
	return false, nil
}

// MDMAllow simulates a configuration profile that allows every kext of Parallels.
// macOS does not record when the profile was installed.
func (m *Mac) MDMAllow(_ time.Time) error {
	return m.change(func(c *change) error {
		return c.allowTeam(probe.ParallelsTeamID)
	})
}

// allowTeam adds the row of a profile to the policy.
func (c *change) allowTeam(team string) error {
	_, err := c.Exec(`INSERT OR REPLACE INTO kext_policy_mdm (team_id, bundle_id, allowed, payload_uuid)
		VALUES (?, '', 1, ?)`, team, newUUID())
	return err
}
