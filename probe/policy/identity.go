package policy

import (
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// databaseIdentity identifies one state of the policy database by what stat
// reports about its files. It needs no right to read the files, only to enter
// their folder. The root reader publishes it with the rows, so an ordinary user
// can see whether the rows are current.
type databaseIdentity struct {
	Database fileIdentity `plist:"database"`
	WAL      fileIdentity `plist:"wal"`
	Journal  fileIdentity `plist:"journal"`
}

// fileIdentity is the published form of a root.Stamp. It leaves out the device,
// whose number can change at a restart, and the mode. It is zero if there is no
// file.
type fileIdentity struct {
	Inode    uint64 `plist:"inode"`
	Size     int64  `plist:"size"`
	Modified int64  `plist:"modified"` // nanoseconds since 1970
}

// identifyDatabase returns the identity of the database now; zero if there is no
// database. It returns an error if stat is refused.
func identifyDatabase(m root.FS) (databaseIdentity, error) {
	stamps, err := m.Stamps(probe.KextPolicyFiles[:]...)
	if err != nil {
		return databaseIdentity{}, err
	}
	var id databaseIdentity
	for i, file := range []*fileIdentity{&id.Database, &id.WAL, &id.Journal} {
		if stamp := stamps[i]; stamp != (root.Stamp{}) {
			*file = fileIdentity{stamp.Inode(), stamp.Size(), stamp.Modified().UnixNano()}
		}
	}
	return id, nil
}

// modified returns the time of the last write to one of the files.
func (id databaseIdentity) modified() time.Time {
	return time.Unix(0, max(id.Database.Modified, id.WAL.Modified, id.Journal.Modified)).UTC()
}

// sureAfter is the time after a change at which an identity is reliable on a
// disk that stores times in whole seconds.
const sureAfter = 2 * time.Second

// sure reports whether every change after readAt changes the identity. On a disk
// with whole seconds, a change within the same second may not.
func (id databaseIdentity) sure(readAt time.Time) bool {
	return id.modified().Nanosecond() != 0 || readAt.Sub(id.modified()) >= sureAfter
}
