package mac

import (
	"errors"
	"fmt"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// bundleVersionForm matches versions of bundles. Parallels' kexts have versions with
// a space: "14.0.1 45154".
var bundleVersionForm = probe.Form{Expr: `^[0-9A-Za-z][0-9A-Za-z ._+-]{0,63}$`}

// ReadParallels reads the installed Parallels Desktop. It returns nil if none is
// installed. If Parallels Desktop cannot be read, ReadParallels returns the facts
// that it knows together with the error.
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
		return app, fmt.Errorf("%s has the invalid version %q (%q)", probe.ParallelsApp, probe.Printable(info.ShortVersion), probe.Printable(info.Version))
	}
	app.Version, app.Build = info.ShortVersion, info.Version
	return app, nil
}
