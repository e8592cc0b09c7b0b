package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// On a disk without a free byte the reader still leaves its sign of life, and the
// agents, which watch the published file, see it.
func TestARealFullDisk(t *testing.T) {
	m, file := newPublishing(t, mactest.ApplePolicy("WAL", mactest.BlockedRow)...)
	disk := filepath.Join(m.Root, filepath.Dir(probe.PublishedPolicy))
	mactest.NoError(t, os.Mkdir(disk, publishedFolder))
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=1m,mode=755"); errors.Is(err, fs.ErrPermission) {
		t.Skip("only root may mount a small disk, and not in every container:", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mactest.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	start := time.Now()
	if _, err := Publish(t.Context(), m, start.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(disk, "filler"))
	mactest.NoError(t, err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !DiskFull(err) {
		t.Fatal(err)
	}
	mactest.FillDatabase(t, file, `UPDATE kext_policy SET allowed = 1`)
	before := stampOf(t, m)
	got, err := Publish(t.Context(), m, start)
	if got.Written || !DiskFull(err) {
		t.Fatalf("%+v, %v", got, err)
	}
	run, err := ReadLastRun(m)
	if err != nil || run.outcome != runDiskFull || run.At.Sub(start).Abs() > time.Second {
		t.Errorf("last run %+v, %v", run, err)
	}
	if stampOf(t, m) == before {
		t.Error("the agents do not notice it")
	}
	closePolicy(t, m)
	if policy, source := readAsUser(t, m, start.Add(time.Second)); policy != nil || source.State != probe.Failed ||
		!strings.Contains(source.Reason, "the disk is full") || source.Next != freeSpace {
		t.Errorf("%+v", source)
	}
	mactest.NoError(t, os.Remove(filler.Name()))
	mactest.NoError(t, filler.Close())
	if _, err := Publish(t.Context(), m, start.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if policy, source := readAsUser(t, m, start.Add(time.Minute)); policy == nil || !policy.Rows[0].Allowed {
		t.Errorf("with space again: %+v", source)
	}
}
