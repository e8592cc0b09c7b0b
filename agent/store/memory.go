package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"syscall"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/probe/root"
)

// MemoryFile is the content of memory.plist: the state that survives a restart of
// the agent.
type MemoryFile struct {
	Schema  int             `plist:"Schema"`
	Memory  approval.Memory `plist:"Memory"`
	Pending []string        `plist:"Pending"` // events that may not be in the history yet, one JSON object each
}

// largestPlist is the largest size in bytes of a property list of the agent. The
// limit of ten thousand policy rows takes about 20 million bytes. A larger list
// is not written: it could not be read back, and the agent would announce
// everything again.
const largestPlist = 64 << 20

// ReadMemory reads the memory. A missing file is an empty memory.
func ReadMemory(path string) (MemoryFile, error) {
	data, err := root.ReadFile(path, largestPlist)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return MemoryFile{}, nil
	case root.Damaged(err):
		return MemoryFile{}, fmt.Errorf("%w: %w", errDamaged, err)
	case err != nil:
		return MemoryFile{}, err
	}
	return decodeMemory(data, migrations)
}

// takeMemory reads the memory for the agent, which will write the file. It
// renames a file that it cannot use; the new name says why and when. A file
// that cannot be read for another reason, such as too few file descriptors, may
// be intact and stays in place.
func takeMemory(path string, now time.Time) (m MemoryFile, renamed string, err error) {
	m, err = ReadMemory(path)
	why := ""
	switch {
	case errors.Is(err, errDamaged):
		why = "damaged"
	case errors.Is(err, errNewer):
		why = "newer"
	default:
		return m, "", err
	}
	renamed = fmt.Sprintf("%s.%s-%s", path, why, now.UTC().Format("20060102T150405Z"))
	if failed := os.Rename(path, renamed); failed != nil {
		return m, "", errors.Join(err, failed)
	}
	return m, renamed, err
}

// SaveMemory replaces the memory file: it writes a temporary file, syncs it and
// renames it.
func SaveMemory(path string, m MemoryFile) error {
	m.Schema = schemaOf(migrations)
	return savePlist(path, m)
}

func savePlist(path string, value any) error {
	data, err := plist.MarshalIndent(value, plist.XMLFormat, "\t")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	if len(data) > largestPlist {
		return fmt.Errorf("%s would be %w: larger than %d bytes", path, root.ErrTooLarge, largestPlist)
	}
	return root.WriteFile(path, data, 0o600)
}

// sameMemory reports whether b tells a restarted agent nothing more than a. The
// time of the last snapshot and the seconds left of a window are not worth a
// write.
func sameMemory(a, b approval.Memory) bool {
	return reflect.DeepEqual(coarse(a), coarse(b))
}

func coarse(m approval.Memory) approval.Memory {
	m.LastRead = approval.LastRead{}
	items := map[string]approval.ItemMemory{}
	for id, item := range m.Items {
		item.Window.Left = item.Window.Left.Truncate(time.Minute)
		item.Window.LeftAt = time.Time{}
		items[id] = item
	}
	m.Items = items
	return m
}
