package policy

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// databaseIdentity tells one state of the policy database from another: what
// stat says of its files. Whoever may look into the folder may ask for it;
// no right to read the files is needed.
type databaseIdentity struct {
	Database fileIdentity `plist:"database"`
	WAL      fileIdentity `plist:"wal"`
	Journal  fileIdentity `plist:"journal"`
}

// fileIdentity is zero where there is no file.
type fileIdentity struct {
	Inode    uint64 `plist:"inode"`
	Size     int64  `plist:"size"`
	Modified int64  `plist:"modified"` // nanoseconds since 1970
}

// identifyDatabase fails where stat is refused. No database at all is the
// zero identity.
func identifyDatabase(m root.FS) (databaseIdentity, error) {
	var id databaseIdentity
	for i, file := range []*fileIdentity{&id.Database, &id.WAL, &id.Journal} {
		p, err := m.Resolve(probe.KextPolicy + kextPolicyFiles[i])
		if err != nil {
			return databaseIdentity{}, err
		}
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return databaseIdentity{}, err
		}
		*file = fileIdentity{root.Identify(info).Inode, info.Size(), info.ModTime().UnixNano()}
	}
	return id, nil
}

// modified is when one of the files was last written to.
func (id databaseIdentity) modified() time.Time {
	return time.Unix(0, max(id.Database.Modified, id.WAL.Modified, id.Journal.Modified)).UTC()
}

// sureAfter is how long after its last change an identity can be relied on, on
// a disk that counts in whole seconds.
const sureAfter = 2 * time.Second

// sure reports whether a change after readAt must have given the database
// another identity. Within one second of such a disk it need not.
func (id databaseIdentity) sure(readAt time.Time) bool {
	return id.modified().Nanosecond() != 0 || readAt.Sub(id.modified()) >= sureAfter
}
