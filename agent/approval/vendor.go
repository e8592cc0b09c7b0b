package approval

import (
	"strings"

	"kextwatch/probe"
)

// parallelsGuide names the sources of the rows about Parallels.
const parallelsGuide = "the guide of Parallels Desktop for administrators; Homebrew casks parallels and parallels-access"

// parallelsKexts are the extensions of Parallels by bundle ID. The rules about Parallels
// need more than a row of knownKexts, so they do not use these.
var parallelsKexts = []KnownKexts{
	{"Parallels Desktop", probe.ParallelsTeamID, []string{
		probe.ParallelsKextPrefix + "hypervisor", probe.ParallelsKextPrefix + "netbridge",
		probe.ParallelsKextPrefix + "usbconnect", probe.ParallelsKextPrefix + "vnic",
	}, probe.Intel, "", "", Sure, parallelsGuide},
	{"Parallels Access", probe.ParallelsTeamID, []string{"com.parallels.virtualhid", "com.parallels.virtualsound"}, probe.Intel, "", "", Sure, parallelsGuide},
}

func vendorTable() []KnownKexts {
	return append(parallelsKexts[:len(parallelsKexts):len(parallelsKexts)], knownKexts...)
}

// VendorKexts returns what is known about the extensions of a product, or of all products
// of a team. vendor is the name of the product in any letter case, or the team ID. It
// returns nil for a vendor that the table does not have.
func VendorKexts(vendor string) []KnownKexts {
	var found []KnownKexts
	for _, k := range vendorTable() {
		if strings.EqualFold(k.Product, vendor) || k.TeamID != "" && k.TeamID == vendor {
			found = append(found, k)
		}
	}
	return found
}

// VendorNames returns the names of the products for which VendorKexts knows a team.
func VendorNames() []string {
	var names []string
	for _, k := range vendorTable() {
		if k.TeamID != "" && (len(names) == 0 || names[len(names)-1] != k.Product) {
			names = append(names, k.Product)
		}
	}
	return names
}
