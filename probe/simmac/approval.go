package simmac

import (
	"errors"
	"fmt"
	"strings"
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

// AttemptKext is Attempt for the kext with this bundle ID, of any vendor.
func (m *Mac) AttemptKext(id string, now time.Time) error {
	k, err := m.find(id)
	if err != nil {
		return err
	}
	return m.attempt([]kext{k}, now)
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
			case c.loads(k):
				c.load(k)
			}
			if err != nil {
				return err
			}
		}
		return c.logAttempt(kexts, now)
	})
}

// writeLoads writes how kextload(8) ends for each kext: its exit status, the last word of the
// name of the settings application, the bundle ID and the path.
func (m *Mac) writeLoads(c *change) error {
	kexts, err := m.all()
	if err != nil {
		return err
	}
	settings := "Preferences"
	if c.st.version().AtLeast(13, 0) {
		settings = "Settings"
	}
	var b strings.Builder
	for _, k := range kexts {
		ok, err := c.permitted(k)
		if err != nil {
			return err
		}
		status := 0
		switch {
		case !ok:
			status = 27
		case !c.loads(k):
			status = 28
		}
		fmt.Fprintf(&b, "%d %s %s %s\n", status, settings, k.id, k.path)
	}
	return m.write(simDir+"/loads", []byte(b.String()), 0o644)
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
		VALUES (?, ?, 0, ?, 4)`, k.team, k.id, k.developer())
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
	return m.allow(kexts, now)
}

// AllowKext is Allow for the row of the pane that has the kext with this bundle ID. macOS
// shows no button for an unsigned kext.
func (m *Mac) AllowKext(id string, now time.Time) error {
	k, err := m.find(id)
	if err != nil {
		return err
	}
	if k.team == "" {
		return fmt.Errorf("macOS shows no Allow button for %s: it is unsigned", id)
	}
	kexts, err := m.item(k)
	if err != nil {
		return err
	}
	return m.allow(kexts, now)
}

func (m *Mac) allow(kexts []kext, now time.Time) error {
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
			return errors.New("nothing waits for approval: something has to try to load the extension first")
		}
		for _, k := range kexts {
			_, err := c.Exec(`INSERT OR REPLACE INTO kext_policy (team_id, bundle_id, allowed, developer_name, flags)
				VALUES (?, ?, 1, ?, 1)`, k.team, k.id, k.developer())
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
func (m *Mac) MDMAllow(now time.Time) error { return m.MDMAllowTeam(probe.ParallelsTeamID, now) }

// MDMAllowTeam is MDMAllow for another team.
func (m *Mac) MDMAllowTeam(team string, _ time.Time) error {
	if !probe.IsTeamID(team) {
		return fmt.Errorf("invalid team %q: use ten letters and digits", team)
	}
	return m.change(func(c *change) error { return c.allowTeam(team) })
}

// allowTeam adds the row of a profile to the policy.
func (c *change) allowTeam(team string) error {
	_, err := c.Exec(`INSERT OR REPLACE INTO kext_policy_mdm (team_id, bundle_id, allowed, payload_uuid)
		VALUES (?, '', 1, ?)`, team, newUUID())
	return err
}
