package mac

import (
	"context"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// readEnforcement reads what besides the policy decides whether a kernel extension
// needs an approval, and who may give it.
func readEnforcement(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Enforcement, []probe.Gap) {
	var e probe.Enforcement
	var gaps []probe.Gap
	var more []probe.Gap
	e.SIP, gaps = readSIP(ctx, m)
	e.Consent, more = readConsent(ctx, m)
	gaps = append(gaps, more...)
	e.Profile, more = readProfile(ctx, m, os)
	return e, append(gaps, more...)
}
