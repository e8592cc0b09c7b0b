package simmac

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"kextwatch/probe"
)

const sqlTime = "2006-01-02 15:04:05" // always UTC

// change is one event in progress: a transaction of the policy, the state, and the
// lines for the log.
type change struct {
	*sql.Tx
	st  *state
	log journal
}

// change runs method and commits its changes to the policy, the state and the log.
// If method fails, nothing changes.
func (m *Mac) change(method func(*change) error) error {
	st, err := m.loadState()
	if err != nil {
		return err
	}
	db, err := m.openDB(m.policyPlace())
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return fmt.Errorf("KextPolicy: %w", err)
	}
	defer tx.Rollback()
	c := &change{Tx: tx, st: st}
	if err := method(c); err != nil {
		return err
	}
	// Write these before committing. A reader that reacts to the commit must
	// already see the new answer and the loaded kexts.
	if err := errors.Join(m.writeFramework(c), m.writeLoads(c), m.saveState(st)); err != nil {
		return err
	}
	if err := errors.Join(tx.Commit(), db.Close()); err != nil {
		return fmt.Errorf("KextPolicy: %w", err)
	}
	if err := m.showLocked(); err != nil {
		return err
	}
	return m.saveJournal(&c.log)
}

// record adds a load attempt to the load history.
func (c *change) record(k kext, now time.Time) error {
	at := now.UTC().Format(sqlTime)
	team := sql.NullString{String: k.team, Valid: k.team != ""} // that of an unsigned kext is NULL
	_, err := c.Exec(`INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, boot_uuid, created_at, last_seen, flags)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET last_seen = excluded.last_seen`,
		k.path, team, k.id, c.st.HistoryUUID, at, at, historyFlags(c.st.version()))
	if err != nil || !hasCDHash(c.st.version()) {
		return err
	}
	_, err = c.Exec(`UPDATE kext_load_history_v3 SET cdhash = ? WHERE path = ?`, k.cdhash(), k.path)
	return err
}

// historyFlags returns the flags that were seen for signed kexts. Their meaning is
// unknown.
func historyFlags(v probe.OSVersion) int {
	switch {
	case !v.AtLeast(10, 14):
		return 5
	case !v.AtLeast(10, 15):
		return 21
	}
	return 53
}

// permitted reports whether macOS allows k to load: no approval is needed, a profile
// allows it, or the user approved it. From macOS 11 an approval by the user is for
// one binary only.
func (c *change) permitted(k kext) (bool, error) {
	if c.st.needsNoApproval(k.team) {
		return true, nil
	}
	var mdm, user bool
	err := c.QueryRow(`SELECT
		EXISTS (SELECT 1 FROM kext_policy_mdm WHERE team_id = ?1 AND allowed AND ifnull(bundle_id, '') IN ('', ?2)),
		EXISTS (SELECT 1 FROM kext_policy WHERE team_id = ?1 AND bundle_id = ?2 AND allowed)`,
		k.team, k.id).Scan(&mdm, &user)
	if err != nil {
		return false, fmt.Errorf("KextPolicy: %w", err)
	}
	sameBinary := c.st.version().Major() == 10 || c.st.Approved[k.id] == k.cdhash()
	return mdm || user && sameBinary, nil
}

// linked reports whether k is ready to load. From macOS 11 only kexts that were in
// the auxiliary kernel collection when the Mac booted are.
func (c *change) linked(k kext) bool {
	return c.st.version().Major() == 10 || c.st.Linked[k.id] == k.version
}

// loads reports whether an allowed kext can be loaded now.
func (c *change) loads(k kext) bool { return c.linked(k) && slices.Contains(k.archs, c.st.Arch) }
