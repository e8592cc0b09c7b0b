package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"kextwatch/launchd"
)

// A module without a license must not be released.
func TestGoLicenses(t *testing.T) {
	t.Chdir("../..")
	text, err := licenses([]module{{"howett.net/plist", "v1.0.1"}, {goModule, "go1.26"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MIT License", "howett.net/plist v1.0.1: LICENSE\n", "Dustin L. Howett", "library go1.26: LICENSE\n", "The Go Authors"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if _, err := licenses([]module{{"howett.net/plist", "v0.0.1"}}); err == nil || !strings.Contains(err.Error(), "build it again") {
		t.Errorf("the wrong version: %v", err)
	}
	// A folder of this repository without its own license.
	if _, err := licenses([]module{{"github.com/getlantern/golog", "v0.0.0-20190830074920-4ef2e798c2d7"}}); err == nil || !strings.Contains(err.Error(), "has no license") {
		t.Errorf("no license: %v", err)
	}
}

func TestLicenseFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"LICENSE", "LICENCE.md", "License-MIT", "UNLICENSE", "COPYING.md", "NOTICE", "PATENTS", "COPYRIGHT-MUSL",
		"license.go", "README.md", "notlicense",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := licenseFiles(dir)
	want := []string{"COPYING.md", "COPYRIGHT-MUSL", "LICENCE.md", "LICENSE", "License-MIT", "NOTICE", "PATENTS", "UNLICENSE"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestModulesOf(t *testing.T) {
	built := func(with string, deps ...*debug.Module) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: with, Deps: deps}
	}
	plist := &debug.Module{Path: "howett.net/plist", Version: "v1.0.1"}
	golog := &debug.Module{Path: "golog", Version: "v0.1.0", Replace: &debug.Module{Path: "./golog"}}
	got, err := modulesOf(built("go1.26.8", plist, golog), built("go1.26.8"))
	if want := []module{{"howett.net/plist", "v1.0.1"}, {"std", "go1.26.8"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := modulesOf(built("go1.26.8"), built("go1.26.7")); err == nil {
		t.Error("two compilers, and no error")
	}
}

func TestPackageURL(t *testing.T) {
	for _, tc := range []struct {
		module module
		want   string
	}{
		{module{"github.com/VividCortex/ewma", "v1.2.0"}, "pkg:golang/github.com/vividcortex/ewma@v1.2.0"},
		{module{"example.org/old", "v2.0.0+incompatible"}, "pkg:golang/example.org/old@v2.0.0%2Bincompatible"},
		{module{goModule, "go1.26.8"}, "pkg:golang/std@1.26.8"},
	} {
		if got := packageURL(tc.module); got != tc.want {
			t.Errorf("%v is %s, want %s", tc.module, got, tc.want)
		}
	}
}

// Login Items shows the app's name for an agent with the app's identifier.
func TestBundleIDIsAgentLabel(t *testing.T) {
	if got := launchd.Agent("/kextwatch", "/").AssociatedBundleIdentifiers; !slices.Equal(got, []string{bundleID}) {
		t.Errorf("the agent names %q, the app is %s", got, bundleID)
	}
}

func TestThreeNumbers(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3": "1.2.3", "v1.2.3-4-gabcdef-dirty": "1.2.3", "abcdef": "0.0.0", "dev": "0.0.0", "": "0.0.0",
	} {
		if got := threeNumbers(version); got != want {
			t.Errorf("%q is %s, want %s", version, got, want)
		}
	}
}
