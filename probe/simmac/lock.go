package simmac

import (
	"errors"
	"io/fs"
)

// lockedDB is where the policy database is kept while nobody but macOS itself
// may read it. What lies in its place meanwhile has its content, moves when it
// moves, and cannot be opened.
const lockedDB = simDir + "/KextPolicy"

// LockPolicy makes the policy database unreadable, as it is on a real Mac for
// an ordinary user; stat works. Root reads it all the same. It goes on changing
// as before.
func (m *Mac) LockPolicy() error {
	if m.policyPlace() == lockedDB {
		return nil
	}
	if err := m.rename(policyDB, lockedDB); err != nil {
		return err
	}
	return m.showLocked()
}

// UnlockPolicy undoes LockPolicy.
func (m *Mac) UnlockPolicy() error {
	if m.policyPlace() == policyDB {
		return nil
	}
	return m.rename(lockedDB, policyDB)
}

// policyPlace is where the policy database is now.
func (m *Mac) policyPlace() string {
	if _, err := m.stat(lockedDB); errors.Is(err, fs.ErrNotExist) {
		return policyDB
	}
	return lockedDB
}

// showLocked brings the place of a locked database up to date.
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
