package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kextwatch/assets/pkg"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// The scripts of the installer package, on a simulated Mac.
func TestPackage(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/package")
}

// placeholder is in the package instead of kextwatch, which is too large to be copied
// again and again.
const placeholder = "the program"

// packageCommand: package DIR lays out the installer package in DIR, with an app that
// has the files of the real one that matter here.
func packageCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: package DIR")
	}
	dir := ts.MkAbs(args[0])
	app := filepath.Join(filepath.Dir(dir), "Kextwatch.app")
	ts.Check(errors.Join(os.RemoveAll(app), os.MkdirAll(app, 0o755)))
	for name, file := range map[string]struct {
		content []byte
		mode    fs.FileMode
	}{
		"Contents/Info.plist":          {[]byte("<plist/>\n"), 0o644},
		"Contents/MacOS/kextwatch":     {[]byte(placeholder), 0o755},
		"Contents/Resources/uninstall": {pkg.Uninstall, 0o755},
	} {
		path := filepath.Join(app, name)
		ts.Check(errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, file.content, file.mode)))
	}
	ts.Check(os.Mkdir(filepath.Join(app, "Contents/Helpers"), 0o755))
	ts.Check(mactest.WriteProgram(filepath.Join(app, "Contents/Helpers/kextwatch-reader"), module+"agent/reader"))
	ts.Check(pkg.Layout{App: app, Version: "1.2.3.0", Oldest: "10.13"}.Write(dir))
}

// installerCommand: installer PACKAGE VOLUME [RUNNING] installs a package as Apple's
// Installer does, silently: preinstall, the files, postinstall. RUNNING is the
// simulated Mac that runs, if that is another.
func installerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: installer PACKAGE VOLUME [RUNNING]")
	}
	dir, volume := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	running := ts.MkAbs(args[len(args)-1])
	script := func(name string) error {
		env := []string{"-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/var/root", "COMMAND_LINE_INSTALL=1", "SCRIPT_NAME=" + name, "GORACE=" + ts.Getenv("GORACE")}
		return ts.Exec("env", append(env, filepath.Join(dir, "scripts", name), "/tmp/kextwatch.pkg", volume+"/", volume, running)...)
	}
	err := script("preinstall")
	if err == nil {
		ts.Check(unpack(filepath.Join(dir, "root"), volume))
		err = script("postinstall")
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if (err != nil) != neg {
		ts.Fatalf("the installation ended with: %v", err)
	}
}

// giveFolder sets the mode of a folder, and of one that its group may write to, the group
// of the administrators. Only root can do that: for others it stays their own.
func giveFolder(path string, mode fs.FileMode) error {
	if mode&0o020 != 0 {
		if err := os.Chown(path, -1, root.AdminGroup); errors.Is(err, fs.ErrPermission) {
			mode &^= 0o020
		} else if err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// unpack copies the files of a package with their modes, and gives existing folders the
// mode that the package says. This program takes the place of the placeholder.
func unpack(from, to string) error {
	program, err := exec.LookPath("kextwatch")
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			return errors.Join(os.MkdirAll(target, 0o755), giveFolder(target, info.Mode()))
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if strings.HasSuffix(name, "/MacOS/kextwatch") && string(data) == placeholder {
			if err := os.Link(program, target); err == nil {
				return nil
			}
			if data, err = os.ReadFile(program); err != nil {
				return err
			}
		}
		return errors.Join(os.WriteFile(target, data, info.Mode()), os.Chmod(target, info.Mode()))
	})
}
