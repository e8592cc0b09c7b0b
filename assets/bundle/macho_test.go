package main

import (
	"bytes"
	"debug/macho"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestGoProgramsHaveNoFaults(t *testing.T) {
	for i, path := range build(t, "os") {
		s, err := readSlice(path)
		if err != nil {
			t.Fatal(err)
		}
		if faults := s.faults(); len(faults) > 0 {
			t.Errorf("%s: %q", path, faults)
		}
		if want := []string{"x86_64", "arm64"}[i]; s.arch() != want {
			t.Errorf("%s is for %s, want %s", path, s.arch(), want)
		}
		if s.oldest != monterey || !s.uuid || s.tray() || len(s.libraries) == 0 || len(s.imports) == 0 {
			t.Errorf("%s: %s, UUID %v, %d symbols", path, s, s.uuid, len(s.imports))
		}
	}
}

// For a macOS before 10.14 clang writes the older of two load commands. Only a Mac
// makes such a program; this test converts a program.
func TestGoOlderLoadCommandForOldestMacOS(t *testing.T) {
	data := []byte(read(t, build(t, "os")[0]))
	newer := []byte{loadBuildVersion, 0, 0, 0, 24, 0, 0, 0}
	older := []byte{loadVersionMin, 0, 0, 0, 24, 0, 0, 0, 0, 13, 10, 0}
	at := bytes.Index(data, newer)
	if at < 0 {
		t.Fatal("the program has no LC_BUILD_VERSION")
	}
	copy(data[at:], older)
	path := filepath.Join(t.TempDir(), "older")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if s, err := readSlice(path); err != nil || s.oldest != highSierra {
		t.Errorf("the oldest macOS is %s, want %s (%v)", s.oldest, highSierra, err)
	}
}

// Such a program needs macOS 12 when it is loaded, whatever version is in its
// header.
func TestGoCertificatesAreAFault(t *testing.T) {
	path := build(t, "crypto/x509")[0]
	var out bytes.Buffer
	err := run([]string{"check", path}, &out)
	if err == nil || !strings.Contains(err.Error(), "contains crypto/x509") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "amd64: x86_64, macOS 12.0 or later, without the tray") {
		t.Errorf("it says %q", &out)
	}
}

func TestFaults(t *testing.T) {
	with := func(cgo string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "CGO_ENABLED", Value: cgo}}}
	}
	for name, tc := range map[string]struct {
		spoil func(*slice)
		want  string // of the fault; "" for none
	}{
		"a fit one":               {func(*slice) {}, ""},
		"Intel, with cgo":         {func(s *slice) { s.cpu, s.oldest = macho.CpuAmd64, highSierra }, ""},
		"without cgo":             {func(s *slice) { s.info, s.oldest = with("0"), monterey }, ""},
		"no target for clang":     {func(s *slice) { s.oldest = release(26 << 16) }, "asks for macOS 26.0; it should load on 11.0"},
		"Intel, the other's":      {func(s *slice) { s.cpu = macho.CpuAmd64 }, "asks for macOS 11.0; it should load on 10.13"},
		"a newer Go without cgo":  {func(s *slice) { s.info, s.oldest = with("0"), release(13<<16) }, "it should load on 12.0"},
		"no macOS at all":         {func(s *slice) { s.oldest = 0 }, "does not say which macOS"},
		"an iPhone of old":        {func(s *slice) { s.cpu = macho.CpuArm }, "which no Mac has"},
		"no UUID":                 {func(s *slice) { s.uuid = false }, "no UUID"},
		"no signature":            {func(s *slice) { s.signed = false }, "no signature"},
		"Intel, no signature":     {func(s *slice) { s.cpu, s.oldest, s.signed = macho.CpuAmd64, highSierra, false }, ""},
		"a library of Homebrew's": {func(s *slice) { s.libraries = []string{"/opt/homebrew/lib/libz.dylib"} }, "not part of macOS"},
		"a library by a link":     {func(s *slice) { s.libraries = []string{"@rpath/libz.dylib"} }, "not part of macOS"},
		"kextwatch starts tools":  {func(s *slice) { s.starts = true }, ""},
		"the reader starts none":  {func(s *slice) { s.starts, s.info = true, &debug.BuildInfo{Path: readerPackage} }, "can start other programs"},
		"x509":                    {func(s *slice) { s.certificates = true }, "crypto/x509"},
		"a keychain":              {func(s *slice) { s.imports = []string{"_SecItemAdd"} }, "_SecItemAdd"},
	} {
		s := slice{
			cpu: macho.CpuArm64, oldest: bigSur, uuid: true, signed: true, info: with("1"),
			libraries: []string{"/usr/lib/libSystem.B.dylib", "/System/Library/Frameworks/Cocoa.framework/Versions/A/Cocoa"},
			imports:   []string{"_open"},
		}
		tc.spoil(&s)
		faults := strings.Join(s.faults(), "; ")
		if (faults == "") != (tc.want == "") || !strings.Contains(faults, tc.want) {
			t.Errorf("%s: faults %q, want %q", name, faults, tc.want)
		}
	}
}

func TestInvalidPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "-absent"} {
		if err := run([]string{"check", p}, &bytes.Buffer{}); err == nil {
			t.Errorf("no error for %s", p)
		}
	}
}
