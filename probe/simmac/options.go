package simmac

import (
	"fmt"
	"time"

	"kextwatch/probe"
)

// Options describe the Mac that New makes. The zero value is an Intel Mac with macOS
// 10.15.7 and the user "me", without Parallels, booted now.
type Options struct {
	MacOS     string        // "10.15.7"; 10.13 or later
	Build     string        // "19H2026"; empty: the build of MacOS
	Parallels string        // "18.1.1-53328" or "18.1.1"; empty: not installed
	Edition   probe.Edition // of Parallels
	Arch      probe.Arch
	User      string    // short name of the one user, "me"
	Language  string    // that the user prefers, "de-AT"; empty: none is set
	Standard  bool      // the user is not an administrator
	Now       time.Time // when this Mac was set up and booted
	VMs       []VM      // virtual machines in ~/Parallels
}

var userName = probe.Form{Expr: `^[a-z_][a-z0-9_-]*$`}

func withDefaults(o Options) Options {
	if o.MacOS == "" {
		o.MacOS = "10.15.7"
	}
	if o.Arch == "" {
		o.Arch = probe.Intel
	}
	if o.Edition == "" {
		o.Edition = probe.Standard
	}
	if o.User == "" {
		o.User = "me"
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return o
}

// check returns an error for a Mac that cannot exist.
func (o Options) check() (probe.OSVersion, error) {
	v, err := parseMacOS(o.MacOS, o.Build)
	if err != nil {
		return v, err
	}
	if o.Parallels != "" {
		version, _, err := parseParallels(o.Parallels)
		if err != nil {
			return v, err
		}
		if err := runsOn(o.Arch, "Parallels Desktop", version); err != nil {
			return v, err
		}
	}
	if err := runsOn(o.Arch, "macOS", v.Version); err != nil {
		return v, err
	}
	switch {
	case o.Arch != probe.Intel && o.Arch != probe.AppleSilicon:
		return v, fmt.Errorf("unknown processor %q: use %s or %s", o.Arch, probe.Intel, probe.AppleSilicon)
	case o.Arch == probe.AppleSilicon && v.Major() < 11:
		return v, fmt.Errorf("macOS %s does not run on Apple silicon: use 11 or later", v)
	case bundleIDs[o.Edition] == "":
		return v, fmt.Errorf("unknown edition %q: use %s or %s", o.Edition, probe.Standard, probe.AppStore)
	case !userName.MatchString(o.User):
		return v, fmt.Errorf("invalid user %q: use a short name of lower-case letters and digits", o.User)
	}
	return v, nil
}

// lastForIntel is the last major version of macOS, and of Parallels Desktop, for Macs
// with an Intel processor.
const lastForIntel = 26

// runsOn returns an error for a version that was never made for a processor.
func runsOn(arch probe.Arch, product, version string) error {
	if arch != probe.Intel || numbers(version)[0] <= lastForIntel {
		return nil
	}
	return fmt.Errorf("%s %s does not run on an Intel processor: use %d or earlier, or a Mac with %s", product, version, lastForIntel, probe.AppleSilicon)
}
