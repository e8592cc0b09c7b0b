package launchd

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSetAtLogin(t *testing.T) {
	home := t.TempDir()
	path, job := AgentPlist(home), Agent("/Applications/Kextwatch.app/Contents/MacOS/kextwatch", home)
	want, err := job.Plist()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 { // twice is once
		if err := SetAtLogin(job, path, true); err != nil {
			t.Fatalf("on, time %d: %v", i, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%v, the list is\n%s\nwant\n%s", err, got, want)
		}
	}
	for i := range 2 {
		if err := SetAtLogin(job, path, false); err != nil {
			t.Fatalf("off, time %d: %v", i, err)
		}
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%v, want no list", err)
		}
	}
	if err := os.WriteFile(path, []byte("somebody's"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{true, false} {
		if err := SetAtLogin(job, path, on); err == nil {
			t.Errorf("%v touched what is not ours", on)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%v is left", entries)
	}
}
