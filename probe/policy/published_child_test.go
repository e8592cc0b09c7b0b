package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// published is the result of readPublished in another process.
type published struct {
	Policy *probe.Policy
	Source probe.Source
}

// readerChild reads the published policy as an ordinary user.
func readerChild(arg string) error {
	at, dir, _ := strings.Cut(arg, " ")
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	if err := becomeNobody(); err != nil {
		return err
	}
	policy, source := readPublished(root.FS{Root: dir}, now)
	return json.NewEncoder(os.Stdout).Encode(published{policy, source})
}

// readAsUser reads the published policy without the right to read the database: in
// a process of another user if this process owns the Mac.
func readAsUser(t *testing.T, m root.FS, now time.Time) (*probe.Policy, probe.Source) {
	t.Helper()
	if os.Geteuid() != 0 {
		return readPublished(m, now)
	}
	for dir := m.Root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		mactest.NoError(t, os.Chmod(dir, 0o755))
	}
	var answer published
	line := startDatabaseChild(t, "reader "+now.Format(time.RFC3339)+" "+m.Root).line()
	mactest.NoError(t, json.Unmarshal([]byte(line), &answer))
	return answer.Policy, answer.Source
}

// publishChild publishes until it is killed. The database changes before each
// time. It prints a line after the first time.
func publishChild(dir string) error {
	m := root.FS{Root: dir}
	file := filepath.Join(dir, probe.KextPolicy)
	parent := os.Getppid()
	for first := true; os.Getppid() == parent; first = false {
		if err := os.Chtimes(file, time.Time{}, time.Now()); err != nil {
			return err
		}
		if got, err := Publish(context.Background(), m, time.Now()); err != nil || !got.Written {
			return fmt.Errorf("%+v, %w", got, err)
		}
		if first {
			fmt.Println("done")
		}
	}
	return nil
}

// fullChild publishes with a limit of the file size, which has the effect of a
// full disk.
func fullChild(arg string) error {
	size, dir, _ := strings.Cut(arg, " ")
	limit, err := strconv.ParseUint(size, 10, 64)
	if err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	got, err := Publish(context.Background(), root.FS{Root: dir}, time.Now())
	fmt.Println(got.Written, got.Source.Reason, err)
	return nil
}

// readPublished reads the policy with no memory of earlier snapshots.
func readPublished(m root.FS, now time.Time) (*probe.Policy, probe.Source) {
	s, r := SnapshotReader(m), ReaderMemory{}
	r.Update(s, now)
	return s.Policy(now, r)
}
