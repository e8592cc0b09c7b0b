package root

import (
	"io/fs"
	"os"
	"sync"
	"time"
)

// waysTime is how long ways are remembered. The files of a snapshot are read within a
// few milliseconds. A folder that is swapped for a link later must be noticed.
const waysTime = 100 * time.Millisecond

// Remembering returns m with a memory of the folders and links on the way to its
// files. It is for calls that belong to one moment, such as those of one snapshot:
// they lead through the same few folders. The memory is used for 100 milliseconds. It
// holds no files, and nothing that is missing.
func (m FS) Remembering() FS {
	m.ways = &ways{until: time.Now().Add(waysTime), known: map[string]way{}}
	return m
}

// ways are the folders and links that are remembered, by their paths on this machine.
// A nil *ways remembers nothing. It is safe for concurrent use.
type ways struct {
	until time.Time

	mu    sync.Mutex
	known map[string]way
}

// way is a folder or a link.
type way struct {
	info   fs.FileInfo
	target string // of a link
}

// Lstat is os.Lstat.
func (w *ways) Lstat(path string) (fs.FileInfo, error) {
	if found, ok := w.find(path); ok {
		return found.info, nil
	}
	info, err := os.Lstat(path)
	if err == nil {
		w.remember(path, info)
	}
	return info, err
}

// Readlink is os.Readlink.
func (w *ways) Readlink(path string) (string, error) {
	if found, ok := w.find(path); ok {
		return found.target, nil
	}
	return os.Readlink(path)
}

func (w *ways) counts() bool { return w != nil && time.Now().Before(w.until) }

func (w *ways) find(path string) (found way, ok bool) {
	if !w.counts() {
		return way{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	found, ok = w.known[path]
	return found, ok
}

func (w *ways) remember(path string, info fs.FileInfo) {
	if !w.counts() {
		return
	}
	found := way{info: info}
	switch info.Mode().Type() {
	case fs.ModeDir:
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return
		}
		found.target = target
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[path] = found
}
