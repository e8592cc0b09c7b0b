package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/macho"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// slice has the facts about a program for one processor.
type slice struct {
	cpu          macho.Cpu
	oldest       release // oldest macOS in its header
	uuid         bool
	signed       bool
	libraries    []string
	imports      []string // symbols of those libraries
	certificates bool     // crypto/x509 is in it
	starts       bool     // it can start other programs
	info         *debug.BuildInfo
	data         []byte
}

// release is a version of macOS in the form of Mach-O files: 16, 8 and 8 bits.
type release uint32

func (r release) String() string { return fmt.Sprintf("%d.%d", r>>16, r>>8&0xff) }

const (
	highSierra release = 10<<16 | 13<<8
	bigSur     release = 11 << 16
	monterey   release = 12 << 16
)

// Load commands without a type in debug/macho; see mach-o/loader.h.
const (
	loadUUID          = 0x1b
	loadCodeSignature = 0x1d
	loadVersionMin    = 0x24 // the version follows
	loadBuildVersion  = 0x32 // the platform follows, then the version
)

const (
	trayModule    = "github.com/getlantern/systray"
	readerPackage = "kextwatch/agent/reader"
)

// readSlices returns every slice of a program for one or more processors.
func readSlices(path string) ([]slice, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fat, err := macho.NewFatFile(bytes.NewReader(data))
	if errors.Is(err, macho.ErrNotFat) {
		s, err := parseSlice(path, data)
		return []slice{s}, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a macOS program: %w", path, err)
	}
	defer fat.Close()
	var all []slice
	for _, arch := range fat.Arches {
		if end := uint64(arch.Offset) + uint64(arch.Size); end > uint64(len(data)) {
			return nil, fmt.Errorf("%s is cut: a slice ends at byte %d of %d", path, end, len(data))
		}
		s, err := parseSlice(path, data[arch.Offset:arch.Offset+arch.Size])
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// readSlice returns the program for one processor at path.
func readSlice(path string) (slice, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return slice{}, err
	}
	return parseSlice(path, data)
}

func parseSlice(path string, data []byte) (slice, error) {
	f, err := macho.NewFile(bytes.NewReader(data))
	if err != nil {
		return slice{}, fmt.Errorf("%s is not a macOS program for one processor: %w", path, err)
	}
	s := slice{
		cpu:          f.Cpu,
		certificates: bytes.Contains(data, []byte("crypto/x509.")),
		starts:       bytes.Contains(data, []byte("syscall.forkExec")),
		data:         data,
	}
	for _, load := range f.Loads {
		raw := load.Raw()
		word := func(i int) uint32 {
			if len(raw) < 4*(i+1) {
				return 0
			}
			return f.ByteOrder.Uint32(raw[4*i:])
		}
		switch word(0) {
		case loadUUID:
			s.uuid = true
		case loadCodeSignature:
			s.signed = true
		case loadVersionMin:
			s.oldest = release(word(2))
		case loadBuildVersion:
			s.oldest = release(word(3))
		}
	}
	if s.libraries, err = f.ImportedLibraries(); err != nil {
		return slice{}, fmt.Errorf("reading the libraries of %s: %w", path, err)
	}
	if s.imports, err = f.ImportedSymbols(); err != nil {
		return slice{}, fmt.Errorf("reading the symbols of %s: %w", path, err)
	}
	if s.info, err = buildinfo.Read(bytes.NewReader(data)); err != nil {
		return slice{}, fmt.Errorf("%s has no build information: %w", path, err)
	}
	return s, nil
}

func (s slice) String() string {
	tray := "without the tray"
	if s.tray() {
		tray = "with the tray"
	}
	return fmt.Sprintf("%s, macOS %s or later, %s, libraries: %s",
		s.arch(), s.oldest, tray, strings.Join(s.libraries, " "))
}

// arch returns Apple's name of the processor.
func (s slice) arch() string {
	switch s.cpu {
	case macho.CpuAmd64:
		return "x86_64"
	case macho.CpuArm64:
		return "arm64"
	}
	return s.cpu.String()
}

func (s slice) tray() bool { return containsModule(s.info.Deps, trayModule) }

// reader reports whether this is kextwatch-reader, which runs as root.
func (s slice) reader() bool { return s.info.Path == readerPackage }

func containsModule(modules []*debug.Module, path string) bool {
	return slices.ContainsFunc(modules, func(m *debug.Module) bool { return m.Path == path })
}

// limit returns the newest version that may be in the header as the oldest macOS.
// With cgo it is the deployment target in the Makefile. Without cgo it cannot be
// chosen: Go 1.26 always writes 12.0, although the libraries exist in 10.13.
func (s slice) limit() release {
	for _, setting := range s.info.Settings {
		if setting.Key == "CGO_ENABLED" && setting.Value == "0" {
			return monterey
		}
	}
	if s.cpu == macho.CpuArm64 {
		return bigSur
	}
	return highSierra
}

// faults returns the reasons why a supported Mac could not run the program.
func (s slice) faults() []string {
	var faults []string
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	fault(s.cpu != macho.CpuAmd64 && s.cpu != macho.CpuArm64, "it is for %s, which no Mac has", s.cpu)
	fault(s.oldest == 0, "it does not say which macOS it needs")
	fault(s.oldest > s.limit(), "it asks for macOS %s; it should load on %s", s.oldest, s.limit())
	fault(!s.uuid, "it has no UUID, and macOS 26 refuses to load such a program")
	fault(s.cpu == macho.CpuArm64 && !s.signed, "it has no signature, and a Mac with Apple silicon ends such a program at once")
	for _, library := range s.libraries {
		fault(!strings.HasPrefix(library, "/usr/lib/") && !strings.HasPrefix(library, "/System/Library/"),
			"it needs %s, which is not part of macOS", library)
	}
	fault(s.reader() && s.starts, "it runs as root and can start other programs")
	fault(s.certificates, "it contains crypto/x509, which needs macOS 12")
	for _, symbol := range s.imports {
		fault(strings.HasPrefix(symbol, "_Sec"), "it imports %s: crypto/x509 or a like got in", symbol)
	}
	return faults
}
