package mac

import (
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const offerLimit = 16 // versions of macOS; Software Update offers two or three at a time

// offered is a recommended update in the settings of Software Update.
type offered struct {
	Name    string `plist:"Display Name"`
	Version string `plist:"Display Version"`
	Key     string `plist:"Product Key"`
	ID      string `plist:"Identifier"` // in English up to macOS 10.15: "macOS Catalina"
}

// productKey matches the key of an update of macOS itself, from macOS 12:
// "MSU_UPDATE_22G830_patch_13.6.9_minor".
var productKey = probe.Form{Expr: `^MSU_UPDATE_([0-9A-Za-z]{3,16})_[a-z]{1,16}_([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})(?:_[a-z]{1,16})?$`}

// readOffers returns the versions of macOS that Software Update offers. It leaves
// out Safari, the Command Line Tools and security updates of the same version. If a
// value has another type, it returns the other versions together with the error.
func readOffers(m root.FS) ([]probe.Offer, error) {
	var settings struct {
		Recommended []offered `plist:"RecommendedUpdates"`
	}
	err := m.ReadPlist(probe.SoftwareUpdateSettings, &settings)
	var all []probe.Offer
	for _, o := range settings.Recommended {
		offer, ok := o.macOS()
		if ok && len(all) < offerLimit {
			all = append(all, offer)
		}
	}
	return all, err
}

// macOS returns the offered version of macOS. It returns false if the update is not
// macOS itself.
func (o offered) macOS() (probe.Offer, bool) {
	name := probe.Printable(o.Name)
	offer := probe.Offer{Name: name}
	if form := productKey.FindStringSubmatch(o.Key); form != nil {
		offer.Build, offer.Version = strings.Clone(form[1]), strings.Clone(form[2])
	} else if macOSForm.MatchString(name) || macOSForm.MatchString(o.ID) {
		offer.Version = strings.Clone(versionIn(strings.TrimSpace(o.Version), name, o.ID))
	}
	if name == "" {
		offer.Name = "macOS " + offer.Version
	}
	return offer, offer.Version != ""
}

// updateSwitches are the settings of Software Update. A missing setting has the
// default of macOS, which depends on the version.
type updateSwitches struct {
	Check    any `plist:"AutomaticCheckEnabled"`
	Download any `plist:"AutomaticDownload"`
	Install  any `plist:"AutomaticallyInstallMacOSUpdates"`
}

// readSwitches reads what macOS updates automatically. A value that a configuration
// profile forces takes the place of the user's value.
func readSwitches(m root.FS, u *probe.Updates) error {
	var user, managed updateSwitches
	err := m.ReadPlist(probe.SoftwareUpdateSettings, &user)
	if managedErr := m.ReadPlist(probe.ManagedSoftwareUpdateSettings, &managed); managedErr != nil && !root.NotExist(managedErr) {
		return managedErr // the forced values are unknown, so the settings are
	}
	u.Check = firstAnswer(managed.Check, user.Check)
	u.Download = firstAnswer(managed.Download, user.Download)
	u.Install = firstAnswer(managed.Install, user.Install)
	return err
}

// firstAnswer returns the first value that is true, false, 1 or 0, as an answer.
func firstAnswer(values ...any) probe.Answer {
	for _, value := range values {
		n, number := value.(uint64)
		switch {
		case isTrue(value):
			return probe.Yes
		case value == false, number && n == 0:
			return probe.No
		}
	}
	return ""
}
