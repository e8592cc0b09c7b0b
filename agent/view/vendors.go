package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// vendorText says how the extensions of a product are tried again, and what works without
// them. since is the first macOS on which that works; empty: every one.
type vendorText struct{ again, without, since string }

const (
	connectAgain = "connect the device again, or restart the Mac"
	connectDisk  = "connect the disk again"
	connectVPN   = "connect the VPN again"
	systemExtVPN = "or install a newer version, which has a system extension instead"
	doAgain      = "do again what needs it" // for other products
	appleSerial  = "or remove the driver: macOS has one of its own"
)

// vendorWords has a row for each product of the table of which the way is known. It was
// learned from the documentation of the vendors.
func vendorWords(product string) vendorText {
	switch product {
	case "macFUSE":
		return vendorText{"mount the volume again", "or use macFUSE's FSKit backend (-o backend=fskit), which needs no approval and no restart", "15.4"}
	case "VirtualBox":
		return vendorText{"restart the Mac, or run the installer of VirtualBox again", "or install VirtualBox 7, which has no kernel extensions", ""}
	case "Tunnelblick":
		return vendorText{connectVPN, "or use a configuration with “tun”, which needs no kernel extension", ""}
	case "OpenZFS":
		return vendorText{"import the pool again", "", ""}
	case "Paragon NTFS", "Paragon extFS", "Tuxera NTFS", "iBoysoft NTFS":
		return vendorText{connectDisk, "", ""}
	case "Universal Audio", "Focusrite", "MOTU", "SoftRAID", "HighPoint RocketRAID", "Promise Pegasus",
		"ATTO ExpressSAS, Celerity", "Areca", "CalDigit":
		return vendorText{connectAgain, "", ""}
	case "Cisco AnyConnect", "GlobalProtect":
		return vendorText{connectVPN, systemExtVPN, "11"}
	case "Little Snitch", "CrowdStrike Falcon", "Symantec":
		return vendorText{"restart the Mac", systemExtVPN, "11"}
	case "Karabiner-Elements":
		return vendorText{"restart the Mac", "or install a newer version, which has a driver extension instead", "11"}
	case "DisplayLink":
		return vendorText{connectAgain, "or install DisplayLink Manager, which has no kernel extension", ""}
	case "FTDI", "Prolific", "Silicon Labs CP210x", "WCH CH34x":
		return vendorText{"connect the device again", appleSerial, "11"}
	case "Google Drive", "Dropbox", "VMware Fusion", "Box", "Citrix", "Zoom", "Logitech", "Razer Synapse", "Wacom":
		return vendorText{fmt.Sprintf("quit %s and open it again", product), "", ""}
	}
	return vendorText{again: doAgain}
}

// otherVendor reports whether a product is not of Parallels. How Parallels works is known
// in more detail: see TryAgain and withoutKexts.
func otherVendor(p approval.Product) bool { return p.TeamID != probe.ParallelsTeamID }

// instead returns what works without the extensions of another vendor on a macOS.
func instead(p approval.Product, os probe.OSVersion) string {
	words := vendorWords(p.Name)
	since := probe.OSVersion{Version: words.since}
	if words.without == "" || words.since != "" && !os.AtLeast(since.Major(), since.Minor()) {
		return ""
	}
	return words.without
}

// stranger says what an extension is that no row of the table has. It is empty for known
// products.
func stranger(p approval.Product) string {
	if !otherVendor(p) || p.Known != nil {
		return ""
	}
	for _, k := range p.Kexts() {
		what := Clean(k.BundleID)
		if k.Path != "" {
			what += " in " + Clean(k.Path)
		}
		return fmt.Sprintf("kextwatch does not know it (%s). If you do not know it either, leave it", what)
	}
	return ""
}

// first returns a way that comes before others: without "or", and "otherwise" before the
// rest.
func first(way, rest string) string {
	if way == "" {
		return sentences(rest)
	}
	return sentences(strings.TrimPrefix(way, "or "), "otherwise: "+rest)
}
