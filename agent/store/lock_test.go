package store

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

func TestOnlyOneAgentRuns(t *testing.T) {
	p := PlacesIn(t.TempDir())
	if got := AgentRuns(p); got != probe.No {
		t.Errorf("before the first agent: runs %q, want no", got)
	}
	first, err := Lock(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(p); err != ErrRunning {
		t.Errorf("a second one: %v, want %v", err, ErrRunning)
	}
	if got := AgentRuns(p); got != probe.Yes {
		t.Errorf("while it runs: runs %q, want yes", got)
	}
	first.Close()
	if got := AgentRuns(p); got != probe.No {
		t.Errorf("after it ended: runs %q, want no", got)
	}
	second, err := Lock(p)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	second.Close()
}

// Doctor takes a shared lock for a moment. This must not keep an agent from
// starting.
func TestAgentStartsDuringDoctor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := PlacesIn(t.TempDir())
		mactest.WriteFile(t, p.Lock, "")
		doctor, err := os.Open(p.Lock)
		if err != nil {
			t.Fatal(err)
		}
		if err := tryLock(doctor, syscall.LOCK_SH); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(3*lockAgain + lockAgain/2)
			doctor.Close()
		}()
		lock, err := Lock(p)
		if err != nil {
			t.Fatalf("the agent did not start: %v", err)
		}
		lock.Close()
	})
}

// Neither the agent nor doctor waits for an unusual lock file, and
// doctor does not say that no agent runs while one holds it.
func TestUnusualLockFiles(t *testing.T) {
	for name, place := range map[string]func(lock string) error{
		"a FIFO":      func(lock string) error { return syscall.Mkfifo(lock, 0o600) },
		"a directory": func(lock string) error { return os.Mkdir(lock, 0o700) },
		"a link to a file": func(lock string) error {
			return errors.Join(os.WriteFile(lock+"2", nil, 0o600), os.Symlink("lock2", lock))
		},
		"a link to a FIFO": func(lock string) error {
			return errors.Join(syscall.Mkfifo(lock+"2", 0o600), os.Symlink("lock2", lock))
		},
		"a link to nothing":          func(lock string) error { return os.Symlink("lock2", lock) },
		"a link to itself":           func(lock string) error { return os.Symlink("lock", lock) },
		"a file that cannot be read": func(lock string) error { return os.WriteFile(lock, nil, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			p := PlacesIn(t.TempDir())
			if err := os.MkdirAll(p.State, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := place(p.Lock); err != nil {
				t.Fatal(err)
			}
			AgentRuns(p)
			lock, err := Lock(p)
			if err != nil {
				t.Logf("the agent reports: %v", err)
				return
			}
			defer lock.Close()
			if got := AgentRuns(p); got == probe.No {
				t.Error("doctor says that no agent runs")
			}
		})
	}
}
