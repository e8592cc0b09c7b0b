package simmac

import (
	"errors"
	"io/fs"
)

// lockedDB is where the policy database is kept while only macOS may read it. In its
// usual place there is an unreadable copy, which is written again after every
// change.
const lockedDB = simDir + "/KextPolicy"

// LockPolicy makes the policy database unreadable, as it is on a real Mac for an
// ordinary user. stat works, root can read it, and it still changes.
func (m *Mac) LockPolicy() error {
	if m.policyPlace() == lockedDB {
		return nil
	}
	if err := m.rename(policyDB, lockedDB); err != nil {
		return err
	}
	return m.showLocked()
}

// UnlockPolicy reverts LockPolicy.
func (m *Mac) UnlockPolicy() error {
	if m.policyPlace() == policyDB {
		return nil
	}
	return m.rename(lockedDB, policyDB)
}

// policyPlace returns where the policy database is now.
func (m *Mac) policyPlace() string {
	if _, err := m.stat(lockedDB); errors.Is(err, fs.ErrNotExist) {
		return policyDB
	}
	return lockedDB
}

// showLocked updates the unreadable copy of a locked database.
func (m *Mac) showLocked() error {
	if m.policyPlace() != lockedDB {
		return nil
	}
	data, err := m.readFile(lockedDB)
	if err != nil {
		return err
	}
	return m.write(policyDB, data, 0)
}
