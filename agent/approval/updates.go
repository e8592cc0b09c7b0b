package approval

import (
	"slices"
	"time"

	"kextwatch/probe"
)

// installedAt returns when this macOS was installed: the newest entry of the
// install history with this version. It is zero if there is no such entry.
func installedAt(u probe.Updates, os probe.OSVersion) time.Time {
	var at time.Time
	for _, i := range u.Installed {
		if i.Version == os.Version && i.At.After(at) {
			at = i.At
		}
	}
	return at
}

// offers warns once about each offered macOS after which a product needs something. It
// waits for the tools, because the one warning names every product.
func (s Settings) offers(mem *Memory, status Status) []Notice {
	if status.Facts.Pending {
		return nil
	}
	var notices []Notice
	for _, offer := range status.Facts.Updates.Offered {
		if slices.Contains(mem.Offered, offer.Version) {
			continue
		}
		findings := status.Warnings(probe.OSVersion{Version: offer.Version})
		if len(findings) == 0 {
			continue
		}
		n := Notice{Event: MacOSOffered, Product: findings[0].Product, From: status.Mac.OS.Version, To: offer.Version, Findings: findings}
		if s.BeforeUpdates {
			n.Urgency = Plain
		}
		notices = append(notices, n)
		mem.Offered = append(mem.Offered, offer.Version)
	}
	// Offered versions stay in the list. Otherwise there would be a second warning.
	const kept = 32
	offered := func(version string) bool {
		return slices.ContainsFunc(status.Facts.Updates.Offered, func(o probe.Offer) bool { return o.Version == version })
	}
	drop := len(mem.Offered) - kept
	mem.Offered = slices.DeleteFunc(mem.Offered, func(version string) bool {
		drop--
		return drop >= 0 && !offered(version)
	})
	return notices
}

// laterMacOS reports whether a is a later release than b. Every known one is later than an
// unknown one.
func laterMacOS(a, b probe.OSVersion) bool {
	return a.After(b.Version) || a.Known() && !b.Known()
}
