package root

import (
	"io/fs"
	"os"
	"sync"
	"time"
)

// pathCacheTime is how long a path is cached. The files of a snapshot are read within a
// few milliseconds. A folder that is swapped for a link later must be noticed.
const pathCacheTime = 100 * time.Millisecond

// WithPathCache returns m with a cache of the folders and links on the paths to its
// files. It is for calls that belong to one moment, such as those of one snapshot:
// they lead through the same few folders. The cache is used for 100 milliseconds. It
// holds no files, and nothing that is missing.
func (m FS) WithPathCache() FS {
	m.paths = &pathCache{until: time.Now().Add(pathCacheTime), known: map[string]pathEntry{}}
	return m
}

// pathCache holds folders and links, by their paths on this machine. A nil *pathCache
// holds nothing. It is safe for concurrent use.
type pathCache struct {
	until time.Time

	mu    sync.Mutex
	known map[string]pathEntry
}

// pathEntry is a folder or a link.
type pathEntry struct {
	info   fs.FileInfo
	target string // of a link
}

// Lstat is os.Lstat.
func (c *pathCache) Lstat(path string) (fs.FileInfo, error) {
	if found, ok := c.find(path); ok {
		return found.info, nil
	}
	info, err := os.Lstat(path)
	if err == nil {
		c.add(path, info)
	}
	return info, err
}

// Readlink is os.Readlink.
func (c *pathCache) Readlink(path string) (string, error) {
	if found, ok := c.find(path); ok && found.target != "" {
		return found.target, nil
	}
	return os.Readlink(path)
}

func (c *pathCache) counts() bool { return c != nil && time.Now().Before(c.until) }

func (c *pathCache) find(path string) (found pathEntry, ok bool) {
	if !c.counts() {
		return pathEntry{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok = c.known[path]
	return found, ok
}

func (c *pathCache) add(path string, info fs.FileInfo) {
	if !c.counts() {
		return
	}
	found := pathEntry{info: info}
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[path] = found
}
