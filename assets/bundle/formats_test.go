//go:build formats

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"howett.net/plist"
)

// Independent programs of other authors read the release here.

func TestGoOtherToolsReadTheApp(t *testing.T) {
	programs := build(t, "os")
	a := sample(t, programs, programs)
	dir := t.TempDir()
	path := filepath.Join(dir, "Kextwatch.app")
	if err := a.write(path); err != nil {
		t.Fatal(err)
	}
	d := dist{app: path, folder: filepath.Join(dir, "dist"), layoutOnly: true, time: time.Unix(1700000000, 0).UTC()}
	if err := d.write(&strings.Builder{}); err != nil {
		t.Fatal(err)
	}

	t.Run("Info.plist", func(t *testing.T) {
		file := filepath.Join(path, "Contents/Info.plist")
		var theirs, ours map[string]any
		if err := json.Unmarshal(tool(t, dir, "python3", "-c",
			"import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))", file), &theirs); err != nil {
			t.Fatal(err)
		}
		if _, err := plist.Unmarshal([]byte(read(t, file)), &ours); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(theirs, ours) || theirs["CFBundleIdentifier"] != bundleID || theirs["LSUIElement"] != true {
			t.Errorf("plistlib reads\n%v, plist\n%v", theirs, ours)
		}
	})
	t.Run("the icon", func(t *testing.T) {
		out := string(tool(t, dir, "icns2png", "-l", filepath.Join(path, "Contents/Resources", iconFile)))
		if !strings.Contains(out, "'ic07'") { // 128 × 128, in every icon of ours
			t.Errorf("icns2png says\n%s", out)
		}
	})
	t.Run("the zip", func(t *testing.T) {
		archive, err := filepath.Glob(filepath.Join(d.folder, "*.zip"))
		if err != nil || len(archive) != 1 {
			t.Fatal(archive, err)
		}
		out := string(tool(t, dir, "python3", "-m", "zipfile", "-t", archive[0]))
		if !strings.Contains(out, "Done testing") || strings.Contains(out, "bad") {
			t.Errorf("Python says %s", out)
		}
		tool(t, dir, "python3", "-m", "zipfile", "-e", archive[0], filepath.Join(dir, "unpacked"))
		want, err := os.ReadFile(filepath.Join(path, programPath))
		if err != nil || read(t, filepath.Join(dir, "unpacked/Kextwatch.app", programPath)) != string(want) {
			t.Errorf("the program came out otherwise than it went in (%v)", err)
		}
	})
	t.Run("the checksums", func(t *testing.T) {
		if out := string(tool(t, d.folder, "sha256sum", "--check", "--strict", "SHA256SUMS")); strings.Count(out, ": OK") != 2 {
			t.Errorf("sha256sum says\n%s", out)
		}
	})
}

func TestRubyReadsTheFormula(t *testing.T) {
	text, err := formula{URL: "https://example.org/a.tar.gz", Homepage: "https://example.org", SHA256: strings.Repeat("0", 64), Tag: "v1.2.3"}.write()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kextwatch.rb"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := string(tool(t, dir, "ruby", "-wc", "kextwatch.rb")); out != "Syntax OK\n" {
		t.Errorf("ruby says\n%s", out)
	}
}

func tool(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, &stderr)
	}
	return out
}
