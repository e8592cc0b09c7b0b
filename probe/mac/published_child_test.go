package mac

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
)

// published is what ReadPublished answered in another process.
type published struct {
	Policy *probe.Policy
	Source probe.Source
}

// readerChild reads what was published as an ordinary user.
func readerChild(arg string) error {
	at, root, _ := strings.Cut(arg, " ")
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	if err := becomeNobody(); err != nil {
		return err
	}
	policy, source := ReadPublished(Mac{Root: root}, now)
	return json.NewEncoder(os.Stdout).Encode(published{policy, source})
}

// readAsUser reads what was published with no right to read the database: as
// another user where this process is root's.
func readAsUser(t *testing.T, m Mac, now time.Time) (*probe.Policy, probe.Source) {
	t.Helper()
	if os.Geteuid() != 0 {
		return ReadPublished(m, now)
	}
	for dir := m.Root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		mactest.NoError(t, os.Chmod(dir, 0o755))
	}
	var answer published
	line := startDatabaseChild(t, "reader "+now.Format(time.RFC3339)+" "+m.Root).line()
	mactest.NoError(t, json.Unmarshal([]byte(line), &answer))
	return answer.Policy, answer.Source
}

// publishChild publishes again and again until it is killed; each time the
// database has changed. It says when the first one is done.
func publishChild(root string) error {
	m := Mac{Root: root}
	file := filepath.Join(root, probe.KextPolicy)
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

// fullChild publishes where no file can grow above some bytes, as if the disk
// was full then.
func fullChild(arg string) error {
	size, root, _ := strings.Cut(arg, " ")
	limit, err := strconv.ParseUint(size, 10, 64)
	if err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	got, err := Publish(context.Background(), Mac{Root: root}, time.Now())
	fmt.Println(got.Written, got.Source.Reason, err)
	return nil
}

// ReadPublished is what a process reads that knows only the files.
func ReadPublished(m Mac, now time.Time) (*probe.Policy, probe.Source) {
	s, r := ReadState(m), readerMemory{}
	r.note(s)
	return s.judge(now, r)
}
