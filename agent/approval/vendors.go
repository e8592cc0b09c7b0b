package approval

import (
	"path"
	"slices"
	"strings"
	"unicode"

	"kextwatch/probe"
)

// vendors maps team IDs to product names. A team that is not listed has the
// developer name that macOS shows.
var vendors = map[string]string{
	"VB5E2TV963": "VirtualBox",
	"EG7KH642X6": "VMware Fusion",
	"3T5GSNBU6W": "macFUSE",
	"Z2SG5H3HC8": "Tunnelblick",
	"G43BCU2T37": "Karabiner-Elements",
	"MLZF7K7B5R": "Little Snitch",
	"EQHXZ8M8AV": "Google",
	"G7HH3F8CAK": "Dropbox",
	"Z3L495V9L4": "Intel",
	"9PTGMPNXZ2": "Symantec",
	"QED4VVPZWA": "Logitech",
	"EG27766DY7": "Wacom",
	"DE8Y96K9QP": "Cisco AnyConnect",
	"KBVSJ83SS9": "Citrix",
	"6KR3T733EC": "NVIDIA CUDA",
	"VBG97UB4TA": "Objective-See",
	"73YQY62QM3": "DisplayLink",
	"6WGL6CHFH2": "SteelSeries",
	"M683GB7CPW": "Box",
	"G69SCX94XU": "Mountain Duck",
	"BJ4HAAB9B3": "Zoom",
}

// shippedWithMacOS lists extensions of other vendors that Apple ships in
// /Library/Extensions. The user did not install them, so they are not announced.
var shippedWithMacOS = []string{
	"ACS6x", "ArcMSR", "ATTOCelerityFC8", "ATTOExpressSASHBA2", "ATTOExpressSASRAID2", "CalDigitHDProDrv",
	"HighPointIOP", "HighPointRR", "PromiseSTEX", "SoftRAID",
}

// oneLine cleans the name of a developer, which is foreign text.
func oneLine(developer string) string {
	const longest = 60
	var name []rune
	for _, r := range strings.ToValidUTF8(developer, "") {
		if unicode.IsPrint(r) && len(name) < longest {
			name = append(name, r)
		}
	}
	return strings.TrimSpace(string(name))
}

// fromApple reports whether an extension is part of macOS.
func (f *kextFacts) fromApple() bool {
	if strings.HasPrefix(f.bundleID, "com.apple.") {
		return true
	}
	at := f.path()
	return path.Dir(at) == probe.Extensions && slices.Contains(shippedWithMacOS, strings.TrimSuffix(path.Base(at), ".kext"))
}
