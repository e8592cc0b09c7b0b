package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// leastSpace is less than the agent needs for its memory, in bytes.
const leastSpace = 256 << 10

// CannotWrite returns an error if the disk of the agent's files is full or read-only.
// It writes nothing. nil does not prove that they can be written.
func CannotWrite(p Places) error {
	folder := p.State
	for _, err := os.Stat(folder); err != nil && folder != filepath.Dir(folder); _, err = os.Stat(folder) {
		folder = filepath.Dir(folder)
	}
	const mayWrite = 2 // W_OK of access(2)
	if err := syscall.Access(folder, mayWrite); errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the disk of %s is read-only", folder)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err == nil && uint64(disk.Blocks) > 0 && uint64(disk.Bavail)*uint64(disk.Bsize) < leastSpace {
		return fmt.Errorf("the disk of %s is full", folder)
	}
	return nil
}
