package launchd

import (
	"strings"
	"syscall"
	"testing"
)

// What helps depends on why a folder cannot be written to: no other owner makes a read-only
// disk writable.
func TestWhatHelpsIfAFolderCannotBeWrittenTo(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EROFS:  "/home/Library is on a read-only disk: make the disk writable and try again",
		syscall.EACCES: "sudo chown",
		syscall.EPERM:  "sudo chown",
	} {
		if got := notWritable("/home/Library", err).Error(); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
