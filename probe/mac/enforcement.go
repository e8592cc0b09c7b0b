package mac

import (
	"context"

	"kextwatch/probe"
)

// enforcement reads what besides the policy decides whether a kernel extension
// needs an approval, and who may give it.
func (m Mac) enforcement(ctx context.Context, os probe.OSVersion) (probe.Enforcement, []probe.Gap) {
	var e probe.Enforcement
	var gaps []probe.Gap
	var more []probe.Gap
	e.SIP, gaps = m.sip(ctx)
	e.Consent, more = m.consent(ctx)
	gaps = append(gaps, more...)
	e.Profile, more = m.profile(ctx, os)
	return e, append(gaps, more...)
}
