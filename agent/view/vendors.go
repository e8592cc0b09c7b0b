package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// vendorText says how the extensions of a product are tried again, and what works without
// them. since is the first macOS on which that works; empty: every one. better says that
// it is the better way for nearly everyone. page is the page of the vendor, or of the
// project, about its kernel extensions or its versions; empty: none is known.
type vendorText struct {
	again, without, since string
	better                bool
	page                  string
}

const (
	connectAgain = "connect the device again, or restart the Mac"
	connectDisk  = "connect the disk again"
	connectVPN   = "connect the VPN again"
	systemExtVPN = "or install a newer version, which has a system extension instead"
	doAgain      = "repeat what needs it" // for other products
	appleSerial  = "or remove the driver: macOS has one of its own"
)

// vendorWords has a row for each product of the table of which the way is known. It was
// learned from the documentation of the vendors.
func vendorWords(product string) vendorText {
	switch product {
	case "macFUSE":
		return vendorText{
			again: "mount the volume again", since: "15.4",
			without: "or let your program use macFUSE's FSKit backend, if it can: turn on macFUSE in {System Settings} > {General} > {Login Items & Extensions} > {File System Extensions}",
			page:    "https://github.com/macfuse/macfuse/wiki/Getting-Started",
		}
	case "VirtualBox":
		return vendorText{again: "restart the Mac, or run the installer of VirtualBox again", without: "or install VirtualBox 7, which has no kernel extensions", better: true, page: "https://www.virtualbox.org/wiki/Downloads"}
	case "Tunnelblick":
		return vendorText{again: connectVPN, without: "or use a configuration with “tun”, which needs no kernel extension", page: "https://tunnelblick.net/cTunTapConnections.html"}
	case "OpenZFS":
		return vendorText{again: "import the pool again", page: "https://openzfsonosx.org/wiki/Install"}
	case "Paragon NTFS", "Paragon extFS", "Tuxera NTFS", "iBoysoft NTFS":
		return vendorText{again: connectDisk}
	case "Universal Audio":
		return vendorText{again: connectAgain, page: "https://help.uaudio.com/hc/en-us/articles/360057137692"}
	case "Focusrite", "MOTU", "SoftRAID", "HighPoint RocketRAID", "Promise Pegasus",
		"ATTO ExpressSAS, Celerity", "Areca", "CalDigit":
		return vendorText{again: connectAgain}
	case "Cisco AnyConnect", "GlobalProtect":
		return vendorText{again: connectVPN, without: systemExtVPN, since: "11", better: true}
	case "Little Snitch", "CrowdStrike Falcon", "Symantec":
		return vendorText{again: "restart the Mac", without: systemExtVPN, since: "11", better: true}
	case "Karabiner-Elements":
		return vendorText{again: "restart the Mac", without: "or install a newer version, which has a driver extension instead", since: "11", better: true, page: "https://karabiner-elements.pqrs.org/docs/getting-started/installation/"}
	case "DisplayLink":
		return vendorText{again: connectAgain, without: "or install DisplayLink Manager, which has no kernel extension", better: true}
	case "FTDI", "Prolific", "Silicon Labs CP210x", "WCH CH34x":
		return vendorText{again: "connect the device again", without: appleSerial, since: "11", better: true}
	case "Google Drive", "Dropbox", "VMware Fusion", "Box", "Citrix", "Zoom", "Logitech", "Razer Synapse", "Wacom":
		return vendorText{again: fmt.Sprintf("quit %s and open it again", product)}
	}
	return vendorText{again: doAgain}
}

// pageOf returns the page of a product's vendor. It is empty if none is known.
func pageOf(p approval.Product) string {
	if !otherVendor(p) {
		return requirements
	}
	return vendorWords(p.Name).page
}

// otherVendor reports whether a product is not of Parallels. How Parallels works is known
// in more detail: see TryAgain and withoutKexts.
func otherVendor(p approval.Product) bool { return p.TeamID != probe.ParallelsTeamID }

// instead returns what works without the extensions of another vendor on a macOS.
func instead(p approval.Product, mac probe.Mac) string {
	words := vendorWords(p.Name)
	since := probe.OSVersion{Version: words.since}
	if words.without == "" || words.since != "" && !mac.OS.AtLeast(since.Major(), since.Minor()) {
		return ""
	}
	return OnScreen(mac, words.without)
}

// stranger names an extension that no row of the table has. It is empty for known
// products.
func stranger(p approval.Product) string {
	if !otherVendor(p) || p.Known != nil {
		return ""
	}
	kexts := p.Kexts()
	if len(kexts) == 0 {
		return ""
	}
	one := kexts[max(0, slices.IndexFunc(kexts, func(k approval.Kext) bool { return k.Blocked }))]
	what := Clean(one.BundleID)
	if at := one.Path; at != "" {
		what += " in " + Clean(at)
	}
	return fmt.Sprintf("kextwatch does not know this developer (%s)", what)
}

// strangerWarning is stranger with advice, for an extension that waits for approval.
func strangerWarning(p approval.Product) string {
	return sentences(stranger(p), strangerInShort(p))
}

// strangerInShort is the advice of strangerWarning, for an alert whose title has the name.
func strangerInShort(p approval.Product) string {
	return when(stranger(p) != "", "allow it only if you know it")
}

// beside returns some steps with the way without an extension: before them if it is the
// better one for nearly everyone, otherwise after them.
func beside(steps string, p approval.Product, mac probe.Mac) string {
	way := withoutKexts(p, mac)
	if otherVendor(p) && vendorWords(p.Name).better && way != "" {
		return sentences(strings.TrimPrefix(way, "or "), "otherwise: "+steps)
	}
	return sentences(steps, way)
}
