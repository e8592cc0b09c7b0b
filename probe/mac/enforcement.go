package mac

import (
	"context"
	"fmt"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// readEnforcement reads the settings besides the policy that decide whether a
// kext needs an approval and who may give it: System Integrity Protection, the
// consent in Recovery, and the configuration profile.
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

// cachedEnforcement queries once in a boot session, because System Integrity
// Protection and the consent can only be changed in Recovery. It queries again
// when the file of the profile has changed.
func (p *Prober) cachedEnforcement(ctx context.Context, snap probe.Snapshot, fresh bool) (probe.Enforcement, []probe.Gap) {
	if !p.needsLoaded(snap) {
		p.enforcement.clear()
		return probe.Enforcement{}, nil
	}
	key := snap.Mac.BootSession
	if info, err := p.mac.Stat(probe.ManagedKextPolicy); err == nil {
		key += fmt.Sprint(root.StampOf(info))
	}
	if c := p.enforcement; c.has(key) && !fresh {
		return c.value, c.gaps
	}
	enforcement, gaps := readEnforcement(ctx, p.mac, snap.Mac.OS)
	p.enforcement.setUnlessEnded(ctx, key, enforcement, gaps)
	return enforcement, gaps
}
