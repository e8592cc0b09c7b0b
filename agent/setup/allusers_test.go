package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/launchd"
)

// The LaunchAgent of every user must not start a program that one of them can replace.
func TestNoUserReplacesTheProgramOfAll(t *testing.T) {
	const somebody = 4711
	for name, tc := range map[string]struct {
		plant func(dir, program string) error
		says  string // empty: it is taken
	}{
		"as Installer leaves it": {func(string, string) error { return nil }, ""},
		"like /Applications": {func(dir, _ string) error {
			return errors.Join(os.Chown(filepath.Dir(dir), -1, 80), os.Chmod(filepath.Dir(dir), 0o775))
		}, ""},
		"others may write":       {func(_, program string) error { return os.Chmod(program, 0o757) }, "users other than its owner can write to PROGRAM"},
		"a shared folder":        {func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "users other than its owner can write to DIR"},
		"a group's folder above": {func(dir, _ string) error { return os.Chmod(filepath.Dir(dir), 0o775) }, "users other than its owner can write to"},
		"somebody's":             {func(_, program string) error { return os.Chown(program, somebody, -1) }, "belongs to uid 4711"},
		"somebody's folder":      {func(dir, _ string) error { return os.Chown(dir, somebody, -1) }, "belongs to uid 4711"},
		"a link to somebody's": {func(_, program string) error {
			return errors.Join(os.Chown(program, somebody, -1), linked("", program))
		}, "belongs to uid 4711"},
		"missing":       {func(_, program string) error { return os.Remove(program) }, "does not exist"},
		"not a program": {func(_, program string) error { return os.Chmod(program, 0o644) }, "not an executable file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, program, trust := contents(t)
			dir = filepath.Join(dir, "MacOS")
			if err := os.Chmod(program, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := tc.plant(dir, program); errors.Is(err, os.ErrPermission) && os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			} else if err != nil {
				t.Fatal(err)
			}
			err := errors.Join(launchd.Executable(program), closedToUsers(program, trust))
			want := strings.NewReplacer("DIR", dir, "PROGRAM", program).Replace(tc.says)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}
