package approval

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// KnownKexts is what is known about kernel extensions of one product. Some products have
// several rows, because each macOS has its own extension.
type KnownKexts struct {
	Product   string
	TeamID    string     // empty: not known
	BundleIDs []string   // a * at the end stands for any rest; empty: not known
	Arch      probe.Arch // the only processor that they were made for; empty: both, or not known

	// The oldest and the newest macOS that these extensions are for: "10.15", or "13" for
	// all of 13. Empty: not known.
	MinMacOS, MaxMacOS string

	Confidence Confidence // in the team and the bundle IDs
	Source     string
}

// The sources of several rows.
const (
	kextTools     = "the source code of Apple's kext_tools"
	installomator = "the project Installomator on GitHub"
	defenseKit    = "the project osquery-defense-kit on GitHub"
	mondoo        = "mondoohq/mql pull request 4371 on GitHub"
	approvedTeams = "public lists of approved teams"
)

// knownKexts is sorted by product. Source names the public report, the package or the
// listing of loaded extensions from which a row comes, as a reader finds it. Rows without
// a team match by bundle ID alone.
var knownKexts = []KnownKexts{
	{"Areca", "", []string{"com.Areca.ArcMSR"}, probe.Intel, "", "", Unsure, kextTools},
	{"ATTO ExpressSAS, Celerity", "FC94733TZD", []string{"com.ATTO.driver.*"}, "", "", "", Sure, kextTools},
	{"Box", "M683GB7CPW", nil, "", "", "", Likely, installomator},
	{"CalDigit", "", []string{"com.CalDigit.driver.HDPro", "com.CalDigit.USBHubSupport"}, "", "", "", Sure, kextTools + "; " + defenseKit},
	{"Cisco AnyConnect", "DE8Y96K9QP", []string{"com.cisco.kext.acsock"}, probe.Intel, "", "10.15", Sure, mondoo},
	{"Citrix", "KBVSJ83SS9", nil, "", "", "", Likely, installomator},
	{"CrowdStrike Falcon", "X9E956P446", []string{"com.crowdstrike.sensor"}, probe.Intel, "", "10.15", Likely, mondoo},
	{"DisplayLink", "73YQY62QM3", []string{"com.displaylink.*"}, probe.Intel, "", "10.14", Sure, "Homebrew cask displaylink"},
	{"Dropbox", "G7HH3F8CAK", []string{"com.getdropbox.dropbox.kext"}, probe.Intel, "", "", Sure, "Open Radar report 39209026"},
	{"Focusrite", "7VYBQV3T2Q", []string{"com.focusrite.driver.*"}, "", "", "", Sure, "the project saffire6usb-sonoma of solve-systems on GitHub"},
	{"FTDI", "", []string{"com.FTDI.driver.FTDIUSBSerialDriver"}, probe.Intel, "", "10.15", Sure, "Homebrew cask ftdi-vcp-driver"},
	{"GlobalProtect", "PXPZ95SK77", []string{"com.paloaltonetworks.kext.pangpd"}, probe.Intel, "", "10.15", Sure, approvedTeams},
	{"Google Drive", "EQHXZ8M8AV", []string{"com.google.drivefs.filesystems.dfsfuse", "com.google.dfsfuse.filesystems.dfsfuse"}, probe.Intel, "", "", Sure, approvedTeams},
	{"HighPoint RocketRAID", "DX6G69M9N2", []string{"com.highpoint-tech.kext.*"}, probe.Intel, "", "", Sure, "macFUSE issue 1033 on GitHub"},
	{"iBoysoft NTFS", "EY7538DH4K", []string{"com.iboysoft.filesystems.ms_ntfs"}, "", "", "", Sure, "the installer package of version 8.0"},
	{"Intel", "Z3L495V9L4", []string{"com.intel.kext.intelhaxm"}, probe.Intel, "", "", Sure, "VirtualBox issue 10 on GitHub"},
	{"Karabiner-Elements", "G43BCU2T37", []string{"org.pqrs.driver.Karabiner.VirtualHIDDevice.*"}, probe.Intel, "", "10.15", Sure, "Karabiner-Elements issue 777 on GitHub"},
	{"Keybase", "", []string{"com.github.kbfuse.filesystems.kbfuse"}, "", "", "", Sure, "Keybase client pull request 25338 on GitHub"},
	{"Little Snitch", "MLZF7K7B5R", []string{"at.obdev.nke.LittleSnitch"}, probe.Intel, "", "10.15", Sure, defenseKit},
	{"Logitech", "QED4VVPZWA", nil, probe.Intel, "", "", Sure, approvedTeams},
	{"macFUSE", fuseTeamID, []string{"com.github.osxfuse.filesystems.osxfuse"}, probe.Intel, "", "10.15", Sure, "macFUSE issue 508 on GitHub"},
	{"macFUSE", fuseTeamID, []string{"io.macfuse.filesystems.macfuse"}, "", "", "13", Sure, "macFUSE issues 779 and 828 on GitHub"},
	{"macFUSE", fuseTeamID, []string{"io.macfuse.filesystems.macfuse.23"}, "", "14", "15", Sure, "macFUSE issue 1113 on GitHub"},
	{"macFUSE", fuseTeamID, []string{"io.macfuse.filesystems.macfuse.25"}, "", "26", "26", Sure, "macFUSE issues 1108 and 1158 on GitHub"},
	{"MOTU", "KRCLLMGZ2D", []string{"com.motu.driver.FireWireAudio"}, "", "", "15", Sure, "a listing of the kernel extensions of macOS 26.6"},
	{"Mountain Duck", "G69SCX94XU", nil, "", "", "", Likely, installomator},
	{"NVIDIA CUDA", "6KR3T733EC", nil, probe.Intel, "", "10.13", Likely, installomator},
	{"Objective-See", "VBG97UB4TA", nil, "", "", "", Likely, installomator},
	{"OpenZFS", "735AM5QEU3", []string{"org.openzfsonosx.zfs"}, "", "", "", Sure, "openzfsonosx/openzfs-fork issue 35 on GitHub"},
	{"Paragon extFS", "LSJ6YVK468", []string{"com.paragon-software.filesystems.extfs"}, "", "", "", Sure, defenseKit},
	{"Paragon NTFS", "LSJ6YVK468", []string{"com.paragon-software.filesystems.ntfs"}, "", "", "", Sure, "the installer package of version 17.0.488"},
	{"Prolific", "", []string{"com.prolific.driver.PL2303"}, probe.Intel, "", "10.15", Sure, "Homebrew cask prolific-pl2303"},
	{"Promise Pegasus", "268CCUR4WN", []string{"com.promise.driver.stex"}, "", "", "", Sure, kextTools},
	{"Razer Synapse", "R2H967U7J8", nil, probe.Intel, "", "", Sure, defenseKit},
	{"Silicon Labs CP210x", "", []string{"com.silabs.driver.CP210xVCPDriver"}, probe.Intel, "", "10.15", Sure, "the uninstallers of the vendor"},
	{"SoftRAID", "", []string{"com.softraid.driver.SoftRAID"}, "", "", "", Sure, "macFUSE issue 1033 on GitHub"},
	{"Soundflower", "", []string{"com.Cycling74.driver.Soundflower"}, probe.Intel, "", "10.15", Sure, "RogueAmoeba/Soundflower-Original issue 80 on GitHub"},
	{"SteelSeries", "6WGL6CHFH2", nil, "", "", "", Likely, installomator},
	{"Symantec", "9PTGMPNXZ2", []string{"com.symantec.kext.*"}, probe.Intel, "", "10.15", Sure, approvedTeams},
	{"Tunnelblick", "Z2SG5H3HC8", []string{"net.tunnelblick.tun", "net.tunnelblick.tap"}, "", "", "", Sure, "Tunnelblick issues 628 and 684 on GitHub"},
	{"tuntaposx", "", []string{"net.sf.tuntaposx.tun", "net.sf.tuntaposx.tap"}, probe.Intel, "", "", Sure, "VirtualBox issue 10 on GitHub"},
	{"Tuxera NTFS", "PPNVCC9Z68", []string{"com.tuxera.filesystems.tuxera_ntfs"}, "", "", "", Sure, "macFUSE issue 1033 on GitHub"},
	{"Universal Audio", "4KAC9AX6CG", []string{"com.uaudio.driver.*"}, "", "", "", Sure, defenseKit},
	{"VirtualBox", "VB5E2TV963", []string{"org.virtualbox.kext.*"}, probe.Intel, "", "", Sure, "the change log of VirtualBox 7.0"},
	{"VMware Fusion", "EG7KH642X6", []string{"com.vmware.kext.vmx86", "com.vmware.kext.vmnet", "com.vmware.kext.vmci", "com.vmware.kext.vmioplug.*"}, probe.Intel, "", "10.15", Sure, installomator},
	{"VMware Tools", "EG7KH642X6", []string{"com.vmware.kext.VMwareGfx", "com.vmware.kext.vmhgfs", "com.vmware.kext.vmmemctl"}, probe.Intel, "", "", Sure, "the project macinbox on GitHub"},
	{"Wacom", "EG27766DY7", nil, "", "", "", Likely, installomator},
	{"WCH CH34x", "", []string{"com.wch.usbserial", "cn.wch.CH34xVCPDriver"}, "", "", "10.15", Unsure, "public reports"},
	{"Zoom", "BJ4HAAB9B3", nil, "", "", "", Likely, installomator},
}

const fuseTeamID = "3T5GSNBU6W"

// knownKext returns the row of an extension: the one whose bundle ID it has, otherwise
// the only one of its team. It returns nil if none is known.
func knownKext(teamID, bundleID string) *KnownKexts {
	var ofTeam *KnownKexts
	several := false
	for i := range knownKexts {
		v := &knownKexts[i]
		if v.TeamID != "" && v.TeamID != teamID && teamID != "" {
			continue
		}
		if slices.ContainsFunc(v.BundleIDs, func(id string) bool { return matchesID(id, bundleID) }) {
			return v
		}
		if teamID != "" && v.TeamID == teamID {
			several = several || ofTeam != nil && ofTeam.Product != v.Product
			ofTeam = v
		}
	}
	if several {
		return nil
	}
	return ofTeam
}

// matchesID reports whether a bundle ID matches one of a row. Different releases
// write some of them in other letter cases.
func matchesID(pattern, bundleID string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return len(bundleID) >= len(prefix) && strings.EqualFold(bundleID[:len(prefix)], prefix)
	}
	return strings.EqualFold(pattern, bundleID)
}

// at reports whether these extensions are for a macOS.
func (v *KnownKexts) fits(os probe.OSVersion) bool {
	return (v.MinMacOS == "" || !os.Before(v.MinMacOS)) && (v.MaxMacOS == "" || !os.After(v.MaxMacOS))
}

// fromApple reports whether an extension is part of macOS. A row that does not allow it
// shows that it is not: macOS asks nobody about its own.
func (f *kextFacts) fromApple() bool {
	return probe.FromApple(f.bundleID) || (f.row == nil || f.row.Allowed) && probe.ShippedWithMacOS(f.teamID, f.bundleID, f.path())
}

// KnownProducts returns the names of the products in the table, without repetition.
func KnownProducts() []string {
	var names []string
	for _, k := range knownKexts {
		names = append(names, k.Product)
	}
	return slices.Compact(names)
}
