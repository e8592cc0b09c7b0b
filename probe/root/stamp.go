package root

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Stamp is what stat says about one path; zero where there is nothing or stat
// is refused. The mode counts because a change of it can make a file readable.
type Stamp struct {
	id       FileID
	size     int64
	Modified int64 // nanoseconds
	mode     fs.FileMode
}

// StampsOf are the stamps of paths of the Mac.
func (m FS) StampsOf(names []string) []Stamp {
	all := make([]Stamp, len(names))
	for i, name := range names {
		if info, err := m.Stat(name); err == nil {
			all[i] = StampOf(info)
		}
	}
	return all
}

// StampAt is the stamp of a path of this machine.
func StampAt(path string) Stamp {
	info, err := InTime(path, func() (fs.FileInfo, error) { return os.Stat(path) })
	if err != nil {
		return Stamp{}
	}
	return StampOf(info)
}

func StampOf(info fs.FileInfo) Stamp {
	return Stamp{Identify(info), info.Size(), info.ModTime().UnixNano(), info.Mode()}
}

// FileID tells a directory from another one put in its place.
type FileID struct{ device, Inode uint64 }

func Identify(info fs.FileInfo) FileID {
	st := info.Sys().(*syscall.Stat_t)
	return FileID{uint64(st.Dev), st.Ino}
}

// NotExist reports whether nothing lies at a path.
func NotExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
