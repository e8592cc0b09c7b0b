package simmac

import (
	"embed"
	"errors"
	"io/fs"

	"kextwatch/probe"
)

// The tools are shell scripts. They find their Mac by the path that they were
// started with. They need a POSIX shell, cat, date, mkdir, rm, tail, tr and wc.
//
//go:embed tools
var tools embed.FS

// toolPlaces has the path and the script of each tool. Two tools print the table of
// kexts. macOS 11 introduced kmutil, 10.15 introduced system extensions. diskutil and
// system_profiler only know the facts about Apple silicon, so other Macs lack them.
var toolPlaces = [...]struct{ place, script string }{
	{"/bin/launchctl", "launchctl.sh"},
	{"/usr/bin/csrutil", "csrutil.sh"},
	{kmutil, "kextstat.sh"},
	{"/usr/bin/log", "log.sh"},
	{"/usr/bin/open", "open.sh"},
	{"/usr/bin/osascript", "osascript.sh"},
	{probe.PbcopyTool, "pbcopy.sh"},
	{"/usr/bin/sw_vers", "sw_vers.sh"},
	{"/usr/bin/profiles", "profiles.sh"},
	{probe.KextloadTool, "kextload.sh"},
	{"/usr/sbin/kextstat", "kextstat.sh"},
	{"/usr/sbin/nvram", "nvram.sh"},
	{"/usr/sbin/spctl", "spctl.sh"},
	{"/usr/sbin/sysctl", "sysctl.sh"},

	{"/bin/ps", "ps.sh"},
	{"/usr/bin/id", "id.sh"},
	{"/usr/sbin/ioreg", "ioreg.sh"},
	{"/usr/sbin/netstat", "netstat.sh"},
	{extensionsTool, "systemextensionsctl.sh"},

	{probe.DiskutilTool, "diskutil.sh"},
	{probe.ProfilerTool, "system_profiler.sh"},
}

const (
	kmutil         = "/usr/bin/kmutil"
	extensionsTool = "/usr/bin/systemextensionsctl"
)

// writeTools installs the missing tools of this macOS.
func (m *Mac) writeTools(v probe.OSVersion, arch probe.Arch) error {
	for _, t := range toolPlaces {
		place := t.place
		if place == kmutil && !v.AtLeast(11, 0) || place == extensionsTool && !v.AtLeast(10, 15) {
			continue
		}
		if (place == probe.DiskutilTool || place == probe.ProfilerTool) && arch != probe.AppleSilicon {
			continue
		}
		if _, err := m.stat(place); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		data, err := tools.ReadFile("tools/" + t.script)
		if err != nil {
			return err
		}
		if err := m.write(place, data, 0o755); err != nil {
			return err
		}
	}
	return nil
}
