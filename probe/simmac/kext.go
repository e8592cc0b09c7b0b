package simmac

import (
	"crypto/sha1"
	"encoding/hex"
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
}

// cdhash returns a simulated code directory hash: 40 hex digits that differ for
// every version.
func (k kext) cdhash() string {
	sum := sha1.Sum([]byte(k.id + " " + k.version))
	return hex.EncodeToString(sum[:])
}

type bundleInfo struct {
	CFBundleExecutable         string
	CFBundleIdentifier         string
	CFBundleName               string
	CFBundlePackageType        string
	CFBundleShortVersionString string
	CFBundleVersion            string
}

func names(kexts []kext) string {
	ids := make([]string, len(kexts))
	for i, k := range kexts {
		ids[i] = k.id
	}
	return strings.Join(ids, ",")
}

func (m *Mac) writeKext(k kext) error {
	name := strings.TrimSuffix(path.Base(k.path), ".kext")
	short, _, _ := strings.Cut(k.version, " ")
	if err := m.write(k.path+"/Contents/MacOS/"+name, []byte(k.cdhash()+"\n"), 0o755); err != nil {
		return err
	}
	return m.writePlist(k.path+"/Contents/Info.plist", bundleInfo{
		CFBundleExecutable:         name,
		CFBundleIdentifier:         k.id,
		CFBundleName:               name,
		CFBundlePackageType:        "KEXT",
		CFBundleShortVersionString: short,
		CFBundleVersion:            k.version,
	}, plist.BinaryFormat)
}

// stage copies a kext to the folder from which macOS 10.13 to 10.15 loads it.
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
	return os.CopyFS(to, os.DirFS(from))
}

// bundleAppleExtensions adds kexts of another vendor that Apple ships. They are in
// the load history although nobody approved them.
func (m *Mac) bundleAppleExtensions(now time.Time) error {
	for _, name := range []string{"HighPointRR", "HighPointIOP"} {
		k := kext{
			id: "com.highpoint-tech.kext." + name, team: "DX6G69M9N2", version: "4.4.5",
			path: "/Library/Extensions/" + name + ".kext",
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
