package mac

import (
	"errors"
	"fmt"
	"regexp"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

var (

	// Parallels' kernel extensions have versions with a space: "14.0.1 45154".
	bundleVersionForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z ._+-]{0,63}$`)
)

// ReadParallels finds Parallels Desktop; nil where it is not installed. Where it
// is there but cannot be read, what is known of it comes with the error.
func ReadParallels(m root.FS) (*probe.App, error) {
	if _, err := m.Stat(probe.ParallelsApp); root.NotExist(err) {
		return nil, nil
	}
	app := &probe.App{Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Path: probe.ParallelsApp}
	info, err := m.ReadInfo(probe.ParallelsApp)
	if err != nil {
		return app, err
	}
	switch info.ID {
	case "com.parallels.desktop.console":
		app.Edition = probe.Standard
	case "com.parallels.desktop.appstore":
		app.Edition = probe.AppStore
	case "":
		return app, errors.New(probe.ParallelsApp + " has no bundle identifier")
	default:
		return nil, fmt.Errorf("%s is not Parallels Desktop but %q", probe.ParallelsApp, probe.Printable(info.ID))
	}
	app.BundleID = info.ID
	if !bundleVersionForm.MatchString(info.ShortVersion) || !bundleVersionForm.MatchString(info.Version) {
		return app, fmt.Errorf("%s has the impossible version %q (%q)", probe.ParallelsApp, probe.Printable(info.ShortVersion), probe.Printable(info.Version))
	}
	app.Version, app.Build = info.ShortVersion, info.Version
	return app, nil
}
