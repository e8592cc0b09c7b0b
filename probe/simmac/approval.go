package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"kextwatch/probe"
)

// Attempt is Parallels trying to load all its extensions. macOS loads those it
// may; the others are blocked and wait for approval, and Attempt succeeds.
func (m *Mac) Attempt(now time.Time) error {
	kexts, err := m.someKexts()
	if err != nil {
		return err
	}
	return m.attempt(kexts, now)
}

// AttemptKext is Attempt for one extension, given by its bundle id.
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
	return fmt.Errorf("no extension %q of Parallels, only %s: %w", id, names(kexts), fs.ErrNotExist)
}

func (m *Mac) attempt(kexts []kext, now time.Time) error {
	return m.change(func(c *change) error {
		for _, k := range kexts {
			if err := m.seen(c, k, now); err != nil {
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

// load puts the extension into the kernel. An upgrade to macOS 11 keeps the
// approval of what ran before it.
func (c *change) load(k kext) {
	c.st.Loaded[k.id] = k.version
	c.st.Approved[k.id] = k.cdhash()
}

// seen is what happens at every attempt, whether it succeeds or not.
func (m *Mac) seen(c *change, k kext, now time.Time) error {
	if c.st.version().Major() == 10 {
		if err := m.stage(k); err != nil {
			return err
		}
	}
	return c.record(k, now)
}

// block adds the row that waits for approval. An update of an approved
// extension, which macOS 11 and later block too, keeps its row.
func (c *change) block(k kext) error {
	_, err := c.Exec(`INSERT OR IGNORE INTO kext_policy (team_id, bundle_id, allowed, developer_name, flags)
		VALUES (?, ?, 0, ?, 4)`, k.team, k.id, developer)
	return err
}

// Allow is a click on the Allow button, which approves all extensions in the
// application at once (Apple TN2459). It fails when none waits for approval;
// it does not mind how long ago the attempt was. macOS does not note when the
// button was clicked.
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

// waiting reports whether the pane shows an Allow button: an extension was
// tried, may not load, and has a row.
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

// MDMAllow is a configuration profile that allows every extension of
// Parallels. macOS does not note when it came.
func (m *Mac) MDMAllow(_ time.Time) error {
	return m.change(func(c *change) error {
		return c.allowTeam(probe.ParallelsTeamID)
	})
}

// allowTeam is what a profile adds to the policy.
func (c *change) allowTeam(team string) error {
	_, err := c.Exec(`INSERT OR REPLACE INTO kext_policy_mdm (team_id, bundle_id, allowed, payload_uuid)
		VALUES (?, '', 1, ?)`, team, newUUID())
	return err
}
