package root

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Stamp identifies one state of a file: what stat reports about it. Two equal
// stamps mean that nothing was written between them, as far as the file system
// tells. The zero Stamp means that there is no file, or that stat was refused.
type Stamp struct {
	id       FileID
	size     int64
	modified int64       // nanoseconds since 1970
	mode     fs.FileMode // a change of it can make a file readable
}

// StampOf returns the stamp for a file info of os.Stat.
func StampOf(info fs.FileInfo) Stamp {
	return Stamp{Identify(info), info.Size(), info.ModTime().UnixNano(), info.Mode()}
}

// Inode returns the inode number; 0 for the zero Stamp.
func (s Stamp) Inode() uint64 { return s.id.inode }

// Size returns the size in bytes.
func (s Stamp) Size() int64 { return s.size }

// Modified returns the time of the last write.
func (s Stamp) Modified() time.Time { return time.Unix(0, s.modified) }

// Stamp returns the stamp of a path of the Mac. A missing file is not an error:
// it has the zero Stamp. The errors are those of Stat.
func (m FS) Stamp(name string) (Stamp, error) {
	return stampFrom(m.Stat(name))
}

// stampFrom returns the stamp for an answer of os.Stat.
func stampFrom(info fs.FileInfo, err error) (Stamp, error) {
	switch {
	case NotExist(err):
		return Stamp{}, nil
	case err != nil:
		return Stamp{}, err
	}
	return StampOf(info), nil
}

// Stamps is Stamp for several paths: it returns their stamps, in their order, and the
// first error. A path of which stat is refused has the zero Stamp. It is much faster
// than a Stamp for each path.
func (m FS) Stamps(names ...string) ([]Stamp, error) {
	return stampEach(m.FileCalls(), names, m.stater())
}

// stater returns a function that is Stat without a deadline, for paths of one moment.
func (m FS) stater() func(name string) (fs.FileInfo, error) {
	if !m.paths.counts() {
		m = m.WithPathCache()
	}
	return func(name string) (fs.FileInfo, error) {
		p, err := m.locate(name)
		if err != nil {
			return nil, err
		}
		return os.Stat(p)
	}
}

// StampsTogether is the number of paths that are stamped with one call. A slow disk that
// is busy takes a hundredth of a second for each, and a call has FileLimit.
const StampsTogether = 64

// stampEach returns the stamps of paths, in their order, and the first error.
func stampEach(f *Files, paths []string, stat func(path string) (fs.FileInfo, error)) (stamps []Stamp, first error) {
	for len(paths) > 0 {
		n := min(len(paths), StampsTogether)
		more, err := stampTogether(f, paths[:n], stat)
		if first == nil {
			first = err
		}
		stamps, paths = append(stamps, more...), paths[n:]
	}
	return stamps, first
}

// stampTogether is stampEach with one call about all paths: most of the time of a call is
// spent on its goroutine. If that call is late, or any other is, it makes one for each path:
// then a file that does not answer hides no other, unless there are LateMost of them.
func stampTogether(f *Files, paths []string, stat func(path string) (fs.FileInfo, error)) ([]Stamp, error) {
	if !f.anyLate() {
		stamps, err := CallInTime(f, strings.Join(paths, "\n"), func() ([]Stamp, error) { return stampAll(paths, stat) })
		if !errors.Is(err, ErrLate) {
			return stamps, err
		}
	}
	return stampAll(paths, func(path string) (fs.FileInfo, error) {
		return CallInTime(f, path, func() (fs.FileInfo, error) { return stat(path) })
	})
}

// stampAll is stampEach without a deadline.
func stampAll(paths []string, stat func(path string) (fs.FileInfo, error)) (stamps []Stamp, first error) {
	for _, path := range paths {
		stamp, err := stampFrom(stat(path))
		if first == nil {
			first = err
		}
		stamps = append(stamps, stamp)
	}
	return stamps, first
}

// StampsNow is Stamps with one call, which is known by its name: if it is late, the error is
// ErrLate, and there are no stamps. No call is made while any other is late.
func (m FS) StampsNow(name string, files []string) ([]Stamp, error) {
	if m.FileCalls().anyLate() {
		return nil, lateError(name)
	}
	stat := m.stater()
	return CallInTime(m.FileCalls(), name, func() ([]Stamp, error) {
		stamps, _ := stampAll(files, stat)
		return stamps, nil
	})
}

// StampsIn returns the stamps of files below a folder of the Mac, in their order, with one
// call, although they may be many. A name that leads out of the folder has the zero Stamp,
// and so has a file of which stat is refused. The errors are those of Stat for the folder.
func (m FS) StampsIn(folder string, names []string) ([]Stamp, error) {
	stat := m.stater()
	return CallInTime(m.FileCalls(), folder, func() ([]Stamp, error) {
		if _, err := stat(folder); err != nil {
			return nil, err
		}
		stamps, _ := stampAll(names, func(name string) (fs.FileInfo, error) {
			if !filepath.IsLocal(name) {
				return nil, fs.ErrNotExist
			}
			return stat(folder + "/" + name)
		})
		return stamps, nil
	})
}

// LocalStamps returns the stamps of paths of this machine, in their order. A stamp is
// zero if the file is missing, stat is refused, or the file does not answer in time.
func LocalStamps(paths ...string) []Stamp {
	stamps, _ := stampEach(ownFiles, paths, os.Stat)
	return stamps
}

// LocalStamp is LocalStamps for one path.
func LocalStamp(path string) Stamp { return LocalStamps(path)[0] }

// FileID identifies a file or folder. It changes if another one takes its place
// at the same path.
type FileID struct{ device, inode uint64 }

// Identify returns the FileID for a file info of os.Stat.
func Identify(info fs.FileInfo) FileID {
	st := info.Sys().(*syscall.Stat_t)
	return FileID{uint64(st.Dev), st.Ino}
}

// NotExist reports whether err means that there is no file at a path.
func NotExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
