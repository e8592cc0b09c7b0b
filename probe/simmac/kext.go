package simmac

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

// kext is a kernel extension on the Mac's disk.
type kext struct {
	id, team, path, version string
	archs                   []probe.Arch // the processors that it has code for
}

// cdhash returns a simulated code directory hash: 40 hex digits that differ for
// every version.
func (k kext) cdhash() string {
	sum := sha1.Sum([]byte(k.id + " " + k.version))
	return hex.EncodeToString(sum[:])
}

type bundleInfo struct {
	CFBundleExecutable         string `plist:",omitempty"`
	CFBundleIdentifier         string
	CFBundleName               string
	CFBundlePackageType        string
	CFBundleShortVersionString string
	CFBundleVersion            string
	OSBundleLibraries          map[string]string `plist:",omitempty"`
}

// libraries are the parts of the kernel that a kext needs. One for FireWire also needs
// what macOS 26 does not have any more.
func (k kext) libraries() map[string]string {
	needs := map[string]string{"com.apple.kpi.iokit": "16.0", "com.apple.kpi.libkern": "16.0"}
	if strings.Contains(k.name(), "FireWire") {
		needs["com.apple.iokit.IOFireWireFamily"] = "4.0"
	}
	return needs
}

// name returns the name of the bundle.
func (k kext) name() string { return strings.TrimSuffix(path.Base(k.path), ".kext") }

func names(kexts []kext) string {
	ids := make([]string, len(kexts))
	for i, k := range kexts {
		ids[i] = k.id
	}
	return strings.Join(ids, ",")
}

func (m *Mac) writeKext(k kext) error {
	short, _, _ := strings.Cut(k.version, " ")
	info := bundleInfo{
		CFBundleIdentifier:         k.id,
		CFBundleName:               k.name(),
		CFBundlePackageType:        "KEXT",
		CFBundleShortVersionString: short,
		CFBundleVersion:            k.version,
	}
	if len(k.archs) > 0 {
		info.CFBundleExecutable, info.OSBundleLibraries = k.name(), k.libraries()
		if err := m.write(k.path+"/Contents/MacOS/"+k.name(), Executable(k.id, k.version, k.team, k.archs...), 0o755); err != nil {
			return err
		}
	}
	return m.writePlist(k.path+"/Contents/Info.plist", info, plist.BinaryFormat)
}

// stage copies a kext to the folder from which macOS 10.13 to 10.15 loads it. It copies
// nothing of a kext that HideFolder hides from this user, and not from macOS.
func (m *Mac) stage(k kext) error {
	staged := probe.StagedExtensions + k.path
	if err := m.removeAll(staged); err != nil {
		return err
	}
	to, err := m.entry(staged)
	if err != nil {
		return err
	}
	from, err := m.resolve(k.path)
	if err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return m.removeAll(staged)
}

// bundleAppleExtensions adds kexts of another vendor that Apple ships. They are in
// the load history although nobody approved them.
func (m *Mac) bundleAppleExtensions(now time.Time) error {
	for _, name := range []string{"HighPointRR", "HighPointIOP"} {
		k := kext{
			id: "com.highpoint-tech.kext." + name, team: "DX6G69M9N2", version: "4.4.5",
			path: probe.Extensions + "/" + name + ".kext", archs: []probe.Arch{probe.Intel},
		}
		if err := m.writeKext(k); err != nil {
			return err
		}
		if err := m.change(func(c *change) error { return c.record(k, now) }); err != nil {
			return err
		}
	}
	return nil
}
