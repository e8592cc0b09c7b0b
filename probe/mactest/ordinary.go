package mactest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// AsOrdinaryUser reports whether the test runs as an ordinary user. Root can read
// every file, so for root the test runs again as another user, in that user's folder
// with a copy of these folders.
func AsOrdinaryUser(t *testing.T, folders ...string) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	dir, err := os.MkdirTemp("/tmp", "ordinary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const somebody = 65534
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(dir, "here")
	program := filepath.Join(here, filepath.Base(self))
	data, err := os.ReadFile(self)
	if err == nil {
		err = os.Mkdir(here, 0o755)
	}
	if err == nil {
		err = os.WriteFile(program, data, 0o755)
	}
	for _, folder := range folders {
		if err == nil {
			err = os.CopyFS(filepath.Join(here, folder), os.DirFS(folder))
		}
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	temp := filepath.Join(dir, "tmp")
	if err == nil {
		err = os.Mkdir(temp, 0o700)
	}
	if err == nil {
		err = os.Chown(temp, somebody, somebody)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v", "-test.parallel="+flag.Lookup("test.parallel").Value.String())
	cmd.Dir = here
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "GOTMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
	return false
}
