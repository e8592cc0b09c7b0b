package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

type softwareUpdate struct {
	AutomaticCheckEnabled            bool
	AutomaticDownload                *bool `plist:",omitempty"`
	AutomaticallyInstallMacOSUpdates *bool `plist:",omitempty"`
	LastAttemptSystemVersion         string
	LastRecommendedUpdatesAvailable  int
	LastSuccessfulDate               time.Time
	LastUpdatesAvailable             int
	RecommendedUpdates               []recommendedUpdate
}

type recommendedUpdate struct {
	DisplayName    string `plist:"Display Name"`
	DisplayVersion string `plist:"Display Version"`
	Identifier     string
	ProductKey     string `plist:"Product Key"`
}

// UpdateMacOS installs a later macOS, migrates the policy database, and restarts.
func (m *Mac) UpdateMacOS(version string, now time.Time) error {
	v, st, err := m.laterMacOS(version)
	if err != nil {
		return err
	}
	if err := m.migratePolicy(v); err != nil {
		return err
	}
	if err := m.writeSystemVersion(v); err != nil {
		return err
	}
	var history []installed
	if err := m.readPlist(probe.InstallHistory, &history); err != nil {
		return err
	}
	if err := m.writePlist(probe.InstallHistory, append(history, macOSInstalled(v, now)), plist.XMLFormat); err != nil {
		return err
	}
	if err := m.writeOffers(v, nil, now); err != nil {
		return err
	}
	if err := m.writeTools(v, st.Arch); err != nil {
		return err
	}
	st.MacOS, st.Build = v.Version, v.Build
	if err := m.saveState(st); err != nil {
		return err
	}
	return m.Restart(now)
}

// OfferMacOS makes Software Update offer a later macOS.
func (m *Mac) OfferMacOS(version string, now time.Time) error {
	v, st, err := m.laterMacOS(version)
	if err != nil {
		return err
	}
	name := marketingName(v)
	offer := recommendedUpdate{DisplayName: name, DisplayVersion: v.Version, Identifier: name + "-" + v.Version, ProductKey: "012-34567"}
	if st.version().AtLeast(12, 0) {
		size := "minor"
		if v.Major() > st.version().Major() {
			size = "major"
		}
		offer.ProductKey = fmt.Sprintf("MSU_UPDATE_%s_patch_%s_%s", v.Build, v.Version, size)
		offer.Identifier = offer.ProductKey
	}
	return m.writeOffers(st.version(), []recommendedUpdate{offer}, now)
}

func (m *Mac) laterMacOS(version string) (probe.OSVersion, *state, error) {
	v, err := parseMacOS(version, "")
	if err != nil {
		return v, nil, err
	}
	st, err := m.loadState()
	if err != nil {
		return v, nil, err
	}
	if !newer(v.Version, st.MacOS) {
		return v, nil, fmt.Errorf("this Mac already has macOS %s: use a later version, not %s", st.MacOS, version)
	}
	return v, st, runsOn(st.Arch, "macOS", v.Version)
}

// writeOffers replaces the offers and keeps the settings of the user.
func (m *Mac) writeOffers(v probe.OSVersion, offers []recommendedUpdate, now time.Time) error {
	var settings softwareUpdate
	if err := m.readPlist(probe.SoftwareUpdateSettings, &settings); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	settings.AutomaticCheckEnabled = true
	settings.LastAttemptSystemVersion = fmt.Sprintf("%s (%s)", v.Version, v.Build)
	settings.LastRecommendedUpdatesAvailable = len(offers)
	settings.LastSuccessfulDate = now.UTC()
	settings.LastUpdatesAvailable = len(offers)
	settings.RecommendedUpdates = offers
	return m.writePlist(probe.SoftwareUpdateSettings, settings, plist.BinaryFormat)
}
