package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Installer compares the numbers of a version one by one. They never get smaller from
// one commit to the next.
func TestInstallerVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3.0", "v1.2.3-dirty": "1.2.3.0", "v1.2.3-4-gabcdef": "1.2.3.4", "v1.2.3-4-gabcdef-dirty": "1.2.3.4", "v1.2.3-rc1": "1.2.3.0", "v1.2.3-rc1-7-g0123abc": "1.2.3.7",
		"abcdef": "0.0.0.56", "abcdef-dirty": "0.0.0.56", "dev": "0.0.0.56", "": "0.0.0.56",
	} {
		if got, err := installerVersion(version, "56"); err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", version, got, err, want)
		}
	}
	if got, err := installerVersion("v1.2.3", "1.0\"/>"); err == nil {
		t.Errorf("the build is no number: %q", got)
	}
}

// Every slice of the programs is checked before they get into a package.
func TestGoPackage(t *testing.T) {
	without := build(t, "os")
	whole := compile(t, "agent", "package main\n\nfunc main() {}\n")
	a := sample(t, whole, without)
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "Kextwatch.app"), filepath.Join(dir, "pkg")
	lay := func() error { return run([]string{"pkg", "-app", path, "-o", folder}, &strings.Builder{}) }
	if err := a.write(path); err != nil {
		t.Fatal(err)
	}
	if err := lay(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(folder, "version")); got != "1.2.3.4\n" {
		t.Errorf("version %q", got)
	}
	for _, program := range []string{programPath, readerPath} {
		installed := filepath.Join(folder, "root/Applications/Kextwatch.app", program)
		if read(t, installed) != read(t, filepath.Join(path, program)) {
			t.Errorf("%s is not that of the app", program)
		}
		var out strings.Builder
		if err := run([]string{"check", installed}, &out); err != nil || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), "arm64, macOS 12.0") {
			t.Errorf("check of both slices: %v\n%s", err, &out)
		}
	}
	for name, tc := range map[string]struct {
		spoil func() error
		want  string
	}{
		"one processor":            {func() error { return copyFile(without[0], filepath.Join(path, readerPath)) }, "not for x86_64 and arm64"},
		"the program for a reader": {func() error { return copyFile(filepath.Join(path, programPath), filepath.Join(path, readerPath)) }, "another program"},
		"the reader for a program": {func() error { return copyFile(filepath.Join(path, readerPath), filepath.Join(path, programPath)) }, "another program"},
		"half a program":           {func() error { return os.Truncate(filepath.Join(path, programPath), 1<<20) }, "MacOS/kextwatch"},
		"no program":               {func() error { return os.Remove(filepath.Join(path, programPath)) }, "no such file"},
		"a program for Linux":      {func() error { return copyFile("/proc/self/exe", filepath.Join(path, programPath)) }, "macOS program"},
	} {
		if err := a.write(path); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := tc.spoil(); err != nil {
			t.Fatal(err)
		}
		if err := lay(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if _, err := os.Lstat(folder); err == nil {
			t.Errorf("%s: a layout was written", name)
		}
	}
	// An app that says nothing about its icon must have it.
	if err := a.write(path); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(path, "Contents/Info.plist")
	if err := os.WriteFile(list, []byte(strings.Replace(read(t, list), "KextwatchLayoutOnly", "Removed", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := lay(); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("an app without the icon: %v", err)
	}
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
