package root

import (
	"errors"
	"io/fs"
	"os"
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
	info, err := m.Stat(name)
	if NotExist(err) {
		return Stamp{}, nil
	}
	if err != nil {
		return Stamp{}, err
	}
	return StampOf(info), nil
}

// Stamps returns the stamps of paths of the Mac, in their order. A path of which
// stat is refused has the zero Stamp.
func (m FS) Stamps(names []string) []Stamp {
	all := make([]Stamp, len(names))
	for i, name := range names {
		all[i], _ = m.Stamp(name)
	}
	return all
}

// StampsIn returns the stamps of files below a folder of the Mac, in their order, with
// one call: for many files it is ten times as fast as Stamps. A file of which stat is
// refused has the zero Stamp, and so has one to which a link leads out of the folder.
// The errors are those of Stat for the folder.
func (m FS) StampsIn(folder string, names []string) ([]Stamp, error) {
	return At(m, folder, m.Reads, func(p string) ([]Stamp, error) {
		dir, err := os.OpenRoot(p)
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		all := make([]Stamp, len(names))
		for i, name := range names {
			if info, err := dir.Stat(name); err == nil {
				all[i] = StampOf(info)
			}
		}
		return all, nil
	})
}

// LocalStamp returns the stamp of a path of this machine. It is zero if the file
// is missing, stat is refused, or the file does not answer in time.
func LocalStamp(path string) Stamp {
	info, err := InTime(path, func() (fs.FileInfo, error) { return os.Stat(path) })
	if err != nil {
		return Stamp{}
	}
	return StampOf(info)
}

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
