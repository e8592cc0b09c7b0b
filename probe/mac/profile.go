package mac

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const kextPayload = "com.apple.syspolicy.kernel-extension-policy"

// kextPolicyPlist is the payload about kexts. A missing key means no: Apple's
// default for AllowUserOverrides and AllowNonAdminUserApprovals is false.
type kextPolicyPlist struct {
	UserOverrides  bool                `plist:"AllowUserOverrides"`
	NonAdminsAllow bool                `plist:"AllowNonAdminUserApprovals"`
	Teams          []string            `plist:"AllowedTeamIdentifiers"`
	Kexts          map[string][]string `plist:"AllowedKernelExtensions"`
}

// readManagedFile reads the payload about kexts from the file that macOS keeps of a
// device profile, which every user may read. found is false if there is no file.
func readManagedFile(m root.FS, os probe.OSVersion) (profile probe.KextProfile, gaps []probe.Gap, found bool) {
	var policy kextPolicyPlist
	err := m.ReadPlist(probe.ManagedKextPolicy, &policy)
	switch {
	case err == nil:
		return policy.profile("", os), nil, true
	case root.NotExist(err):
		return probe.KextProfile{}, nil, false
	case errors.Is(err, root.ErrOtherType):
		// What the payload allows is known. A value that could not be read may allow
		// what it seems to refuse.
		profile = policy.profile("", os)
		profile.UserOverrides, profile.NonAdminsAllow = unlessNo(profile.UserOverrides), unlessNo(profile.NonAdminsAllow)
	}
	return profile, []probe.Gap{probe.NewGap(probe.FactKextProfile, err, "Ask whoever manages this Mac which kernel extensions its profiles allow.")}, true
}

func unlessNo(a probe.Answer) probe.Answer {
	if a == probe.No {
		return ""
	}
	return a
}

// queryProfile reads the payload about kexts from the output of the profiles tool.
// The tool shows no device profiles to ordinary users, so only root can know that
// no profile is installed.
func queryProfile(ctx context.Context, m root.FS, os probe.OSVersion) (probe.KextProfile, []probe.Gap) {
	out, err := tool.Query(ctx, m, probe.ProfilesTool, "show", "-type", "configuration")
	if err != nil {
		return probe.KextProfile{}, []probe.Gap{profilesGap(err)}
	}
	found, name, err := parseProfiles(string(out))
	switch {
	case err != nil:
		return probe.KextProfile{}, []probe.Gap{profilesGap(err)}
	case found != nil:
		return found.profile(name, os), nil
	case m.UID == 0:
		return probe.KextProfile{Present: probe.No}, nil
	}
	return probe.KextProfile{}, nil
}

func profilesGap(err error) probe.Gap {
	return tool.Gap(probe.FactProfiles, err, "sudo profiles show -type configuration")
}

// profile returns the payload as facts. Invalid teams and bundle IDs are left out,
// because they allow no kext. Before macOS 11 there was no setting for users
// without administrator rights: all users may approve kexts.
func (p kextPolicyPlist) profile(name string, os probe.OSVersion) probe.KextProfile {
	found := probe.KextProfile{
		Present:       probe.Yes,
		Name:          probe.Printable(name),
		UserOverrides: probe.AnswerOf(p.UserOverrides),
	}
	if os.AtLeast(11, 0) {
		found.NonAdminsAllow = probe.AnswerOf(p.NonAdminsAllow)
	}
	for _, team := range p.Teams {
		if probe.IsTeamID(team) {
			found.Teams = append(found.Teams, strings.Clone(team))
		}
	}
	for _, team := range slices.Sorted(maps.Keys(p.Kexts)) {
		if team != "" && !probe.IsTeamID(team) {
			continue
		}
		kexts := probe.TeamKexts{TeamID: strings.Clone(team)}
		for _, id := range p.Kexts[team] {
			if probe.IsBundleID(id) {
				kexts.BundleIDs = append(kexts.BundleIDs, strings.Clone(id))
			}
		}
		found.Kexts = append(found.Kexts, kexts)
	}
	return found
}
