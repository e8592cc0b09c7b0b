package mac

import (
	"context"
	"slices"

	"kextwatch/probe"
)

// consentKey is what a query for the consent depends on.
type consentKey struct {
	boot  bootNumber
	teams bool // query the teams that are allowed in Recovery, too
}

// readEnforcement reads the settings besides the policy that decide whether a
// kext needs an approval and who may give it. System Integrity Protection and the
// consent can only be changed in Recovery, so they are queried once in a boot
// session. The profile is a file; only without that file, a tool is queried.
func (p *Prober) readEnforcement(s *shot) {
	if !needsLoaded(s.snap) {
		p.profile.clear()
		return
	}
	e, boot, os := &s.snap.Enforcement, p.boots.number(s.snap.Mac.BootSession), s.snap.Mac.OS
	var gaps []probe.Gap
	e.SIP, gaps = answer(s, &p.sip, boot, []probe.Fact{probe.FactSIP}, func(ctx context.Context) (probe.SIP, []probe.Gap) {
		return readSIP(ctx, p.mac)
	})
	s.missing(gaps...)
	key := consentKey{boot: boot, teams: needsTeams(s.snap)}
	var enabled probe.Answer // in this boot, as far as it was queried
	if p.consent.key.boot == boot {
		enabled = p.consent.value.Enabled
	}
	e.Consent, gaps = answer(s, &p.consent, key, []probe.Fact{probe.FactConsent}, func(ctx context.Context) (probe.Consent, []probe.Gap) {
		return readConsent(ctx, p.mac, enabled, key.teams)
	})
	s.missing(gaps...)
	p.readProfile(s, boot, os)
}

func (p *Prober) readProfile(s *shot, boot bootNumber, os probe.OSVersion) {
	if profile, gaps, found := readManagedFile(s.mac, os); found {
		p.profile.clear() // an earlier answer may be wrong when the file is gone
		s.snap.Enforcement.Profile = profile
		s.missing(gaps...)
		return
	}
	profile, gaps := answer(s, &p.profile, boot, []probe.Fact{probe.FactProfiles}, func(ctx context.Context) (probe.KextProfile, []probe.Gap) {
		return queryProfile(ctx, p.mac, os)
	})
	s.snap.Enforcement.Profile = profile
	s.missing(gaps...)
}

// needsTeams reports whether a verdict depends on the teams that are allowed in
// Recovery: they decide only about a kext that nobody else allows.
func needsTeams(snap probe.Snapshot) bool {
	if snap.Policy == nil {
		return true
	}
	allowed := map[string]bool{}
	for _, row := range snap.Policy.Rows {
		allowed[row.BundleID] = row.Allowed
		if !row.Allowed && snap.Matters(row.TeamID, row.BundleID) {
			return true
		}
	}
	return slices.ContainsFunc(snap.Kexts, func(k probe.Kext) bool {
		return snap.Matters(k.TeamID, k.BundleID) && !allowed[k.BundleID]
	})
}
