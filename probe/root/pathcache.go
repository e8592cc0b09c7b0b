package root

import (
	"sync"
	"time"
)

// pathCacheTime is how long a folder is cached. The files of a snapshot are read within a
// few milliseconds. A folder that is swapped for a link later must be noticed.
const pathCacheTime = 100 * time.Millisecond

// WithPathCache returns m with a cache of the folders on the paths to its files. It is for
// calls that belong to one moment, such as those of one snapshot: they lead through the
// same few folders. The cache is used for 100 milliseconds. It holds the folders to which
// paths lead, also through a link; no files, and nothing that is missing.
func (m FS) WithPathCache() FS {
	m.paths = &pathCache{until: time.Now().Add(pathCacheTime), folders: map[string]string{}}
	return m
}

// pathCache holds folders that were located. It is safe for concurrent use.
type pathCache struct {
	until time.Time

	mu      sync.Mutex
	folders map[string]string // their paths of this machine, by those of the Mac
}

// counts reports whether there is a cache, and it may be used.
func (c *pathCache) counts() bool { return c != nil && time.Now().Before(c.until) }

func (c *pathCache) folder(name string) (full string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	full, ok = c.folders[name]
	return full, ok
}

func (c *pathCache) add(name, full string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folders[name] = full
}
