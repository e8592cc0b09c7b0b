package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/probe/root"
)

// MemoryFile is what survives a restart of the agent.
type MemoryFile struct {
	Schema  int             `plist:"Schema"`
	Memory  approval.Memory `plist:"Memory"`
	Pending []string        `plist:"Pending"` // events that may not be in the history yet, one JSON object each
}

const memorySchema = 1

// largestPlist is how many bytes a property list of the agent may have. The ten
// thousand rows of a policy that are read take about 20 million. What is larger
// is not written: it could not be read back, and everything would be told again.
const largestPlist = 64 << 20

// ReadMemory reads the memory; an absent file is an empty one.
func ReadMemory(path string) (MemoryFile, error) {
	var m MemoryFile
	data, err := root.ReadFile(path, largestPlist)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return m, nil
	case root.Damaged(err):
		return m, fmt.Errorf("%w: %w", errDamaged, err)
	case err != nil:
		return m, err
	}
	if err := root.DecodePlist(data, &m); err != nil {
		return MemoryFile{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if m.Schema != memorySchema {
		return MemoryFile{}, fmt.Errorf("%w: schema %d is not known to this version", errDamaged, m.Schema)
	}
	return m, nil
}

var errDamaged = errors.New("the memory is damaged")

// takeMemory is ReadMemory for the agent itself: it sets a damaged file aside,
// under a name that says when. aside is that name. A file that cannot be read
// for another reason, such as too few file descriptors, may be whole and stays.
func takeMemory(path string, now time.Time) (m MemoryFile, aside string, err error) {
	m, err = ReadMemory(path)
	if !errors.Is(err, errDamaged) {
		return m, "", err
	}
	aside = fmt.Sprintf("%s.damaged-%s", path, now.UTC().Format("20060102T150405Z"))
	if renamed := os.Rename(path, aside); renamed != nil {
		return m, "", errors.Join(err, renamed)
	}
	return m, aside, err
}

// SaveMemory replaces the memory: temporary file, sync, rename.
func SaveMemory(path string, m MemoryFile) error {
	m.Schema = memorySchema
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
	return renameio.WriteFile(path, data, 0o600)
}

// sameMemory reports whether saving b after a would tell a restarted agent
// nothing new: the time of the last look, and the seconds of a window that
// runs on, are not worth a write.
func sameMemory(a, b approval.Memory) bool {
	return reflect.DeepEqual(coarse(a), coarse(b))
}

func coarse(m approval.Memory) approval.Memory {
	m.Look = approval.Look{}
	items := map[string]approval.ItemMemory{}
	for id, item := range m.Items {
		item.Window.Left = item.Window.Left.Truncate(time.Minute)
		item.Window.LeftAt = time.Time{}
		items[id] = item
	}
	m.Items = items
	return m
}
