package main

import (
	"archive/zip"
	"bytes"
	"debug/macho"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestGoUniversalProgram(t *testing.T) {
	paths := build(t, "os")
	data, _, err := universal(paths)
	if err != nil {
		t.Fatal(err)
	}
	fat, err := macho.NewFatFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for i, arch := range fat.Arches {
		want, err := os.ReadFile(paths[i])
		if err != nil {
			t.Fatal(err)
		}
		if got := data[arch.Offset : arch.Offset+arch.Size]; !bytes.Equal(got, want) {
			t.Errorf("the slice for %s is not %s", arch.Cpu, paths[i])
		}
		if arch.Offset%(1<<14) != 0 || arch.Align != 14 || arch.SubCpu != arch.File.SubCpu {
			t.Errorf("%+v", arch.FatArchHeader)
		}
	}
	for _, wrong := range [][]string{paths[:1], {paths[1], paths[0]}, {paths[0], paths[0]}} {
		if _, _, err := universal(wrong); err == nil {
			t.Errorf("no error for %q", wrong)
		}
	}
}

func TestGoAppWithoutTrayIsNotReleased(t *testing.T) {
	programs := build(t, "os")
	a := sample(t, programs, programs)
	path, folder := filepath.Join(t.TempDir(), "Kextwatch.app"), filepath.Join(t.TempDir(), "dist")
	if err := a.write(path); err != nil {
		t.Fatal(err)
	}
	info, err := readInfo(filepath.Join(path, "Contents/Info.plist"))
	if err != nil {
		t.Fatal(err)
	}
	if info.KextwatchLayoutOnly == "" || info.CFBundleShortVersionString != "1.2.3" || info.CFBundleVersion != "56" ||
		!strings.HasPrefix(info.NSHumanReadableCopyright, "Copyright © 20") {
		t.Errorf("%+v", info)
	}
	for name, mode := range map[string]os.FileMode{programPath: 0o755, readerPath: 0o755, uninstallPath: 0o755, "Contents/PkgInfo": 0o644} {
		if stat, err := os.Stat(filepath.Join(path, name)); err != nil || stat.Mode()&0o111 != mode&0o111 {
			t.Errorf("%s: %v, %v", name, stat, err)
		}
	}
	d := dist{app: path, folder: folder, time: time.Unix(1700000000, 0).UTC()}
	if err := d.write(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "LAYOUT_ONLY=1") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("an app was written")
	}
	d.layoutOnly = true
	if err := d.write(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, folder), []string{
		"SHA256SUMS", "kextwatch-1.2.3-4-gabcdef-macos-layout-only.cdx.json", "kextwatch-1.2.3-4-gabcdef-macos-layout-only.zip",
	}; !slices.Equal(got, want) {
		t.Errorf("dist has %q, want %q", got, want)
	}
}

func TestGoAppWithTrayIsReleased(t *testing.T) {
	a := sample(t, build(t, trayModule), build(t, "os"))
	var folders []string
	for range 2 {
		dir := t.TempDir()
		path, folder := filepath.Join(dir, "Kextwatch.app"), filepath.Join(dir, "dist")
		if err := a.write(path); err != nil {
			t.Fatal(err)
		}
		// The umask and the times of the files must not change the zip.
		if err := os.Chmod(filepath.Join(path, programPath), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{"dist", "-app", path, "-o", folder, "-time", "1700000000"}, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
	}
	for _, name := range names(t, folders[0]) {
		if read(t, filepath.Join(folders[0], name)) != read(t, filepath.Join(folders[1], name)) {
			t.Errorf("%s is not the same twice", name)
		}
	}
	archive, err := zip.OpenReader(filepath.Join(folders[0], "kextwatch-1.2.3-4-gabcdef-macos.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	modes := map[string]os.FileMode{}
	for _, f := range archive.File {
		modes[f.Name] = f.Mode()
		if !f.Modified.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
	}
	if len(modes) != 11 || modes["Kextwatch.app/"+programPath] != 0o755 || modes["Kextwatch.app/Contents/Info.plist"] != 0o644 {
		t.Errorf("the zip has %v", modes)
	}
	var bom struct {
		Components []struct{ Name, Purl string }
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(folders[0], "kextwatch-1.2.3-4-gabcdef-macos.cdx.json"))), &bom); err != nil {
		t.Fatal(err)
	}
	// systray is a folder here, as golog is in kextwatch. It is not the real module.
	if len(bom.Components) != 1 || bom.Components[0].Name != "std" {
		t.Errorf("the parts are %+v", bom.Components)
	}
}

func TestGoMismatchedPrograms(t *testing.T) {
	with, without := build(t, trayModule), build(t, "os")
	whole := compile(t, "agent", "package main\n\nfunc main() {}\n")
	starts := compile(t, "agent/reader", "package main\n\nimport \"os/exec\"\n\nfunc main() { exec.Command(\"/usr/bin/true\").Run() }\n")
	a := sample(t, without, without)
	for name, tc := range map[string]struct {
		spoil func(*app)
		want  string
	}{
		"a tray on one processor": {func(a *app) { a.programs = []string{with[0], without[1]} }, "only one of the programs"},
		"a reader with a tray":    {func(a *app) { a.readers = with }, "must not have the tray"},
		"the whole program":       {func(a *app) { a.readers = whole }, "is not kextwatch-reader"},
		"a reader that starts":    {func(a *app) { a.readers = starts }, "can start other programs"},
		"a build without number":  {func(a *app) { a.build = "" }, "not a number"},
		"no manual":               {func(a *app) { a.manual = "absent" }, "absent"},
		"one processor":           {func(a *app) { a.readers = without[:1] }, "x86_64"},
	} {
		b, path := a, filepath.Join(t.TempDir(), "Kextwatch.app")
		tc.spoil(&b)
		if err := b.write(path); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, tc.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: an app was written", name)
		}
	}
	if err := a.write(t.TempDir()); err == nil {
		t.Error("a folder that is no app was replaced")
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
