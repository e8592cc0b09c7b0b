package mac

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// stamp is what stat says about one path; zero where there is nothing or stat
// is refused. The mode counts because a change of it can make a file readable.
type stamp struct {
	id       fileID
	size     int64
	modified int64 // nanoseconds
	mode     fs.FileMode
}

// stampsOf are the stamps of paths of the Mac.
func (m Mac) stampsOf(names []string) []stamp {
	all := make([]stamp, len(names))
	for i, name := range names {
		if info, err := m.stat(name); err == nil {
			all[i] = stampOf(info)
		}
	}
	return all
}

// stampAt is the stamp of a path of this machine.
func stampAt(path string) stamp {
	info, err := InTime(path, func() (fs.FileInfo, error) { return os.Stat(path) })
	if err != nil {
		return stamp{}
	}
	return stampOf(info)
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{identify(info), info.Size(), info.ModTime().UnixNano(), info.Mode()}
}

// fileID tells a directory from another one put in its place.
type fileID struct{ device, inode uint64 }

func identify(info fs.FileInfo) fileID {
	st := info.Sys().(*syscall.Stat_t)
	return fileID{uint64(st.Dev), st.Ino}
}

// absent reports whether nothing lies at a path.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
