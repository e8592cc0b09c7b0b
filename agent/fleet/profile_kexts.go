package fleet

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// Vendor is a developer whose kernel extensions a profile allows.
type Vendor struct {
	Name      string   // of the product; empty: only the team is known
	TeamID    string   // signs the extensions
	BundleIDs []string // of the known extensions; a * at the end stands for any rest
	Doubt     string   // what is not certain about the team or the bundle IDs; empty: nothing
}

func (v Vendor) String() string {
	if v.Name == "" {
		return "team " + v.TeamID
	}
	return v.Name
}

// kextApproval allows kernel extensions (com.apple.syspolicy.kernel-extension-policy.yaml).
// Apple's default for AllowUserOverrides is false, and then users can approve nothing else.
// So both switches are always in the file.
//
// AllowNonAdminUserApprovals is false unless it is asked for. That is what macOS 11 and
// later do without a profile: an administrator must approve. Up to macOS 10.15 there is no
// such key, and every user may approve.
func (in ProfileInput) kextApproval() (payload, error) {
	switch {
	case len(in.Vendors) == 0:
		return payload{}, refuse("name one with --vendor", "no developer is named")
	case in.NoUserOverrides && in.NonAdminApprovals:
		return payload{}, refuse("choose one", "--no-user-overrides lets nobody approve, --non-admin-approvals lets everybody")
	}
	keys := map[string]any{
		"AllowUserOverrides":         !in.NoUserOverrides,
		"AllowNonAdminUserApprovals": in.NonAdminApprovals,
	}
	kexts := map[string][]string{}
	for _, v := range in.Vendors {
		if err := checkTeamID("--vendor", v.TeamID); err != nil {
			return payload{}, err
		}
		if in.PerBundle {
			if err := v.checkBundles(); err != nil {
				return payload{}, err
			}
		}
		kexts[v.TeamID] = append(kexts[v.TeamID], v.BundleIDs...)
	}
	if in.PerBundle {
		allowed := map[string]any{}
		for team, ids := range kexts {
			allowed[team] = sorted(ids)
		}
		keys["AllowedKernelExtensions"] = allowed
	} else {
		var teams []string
		for team := range kexts {
			teams = append(teams, team)
		}
		keys["AllowedTeamIdentifiers"] = sorted(teams)
	}
	return payload{in.kextAbout(), keys, in.kextHints()}, nil
}

// kextAbout names the developers.
func (in ProfileInput) kextAbout() string {
	return "Allow the kernel extensions of " + in.vendorNames() + "."
}

// vendorNames names the developers, each once.
func (in ProfileInput) vendorNames() string {
	var names []string
	for _, v := range in.Vendors {
		names = append(names, v.String())
	}
	return strings.Join(sorted(names), ", ")
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// checkBundles reports whether each extension of the vendor can be named. A payload has no
// patterns.
func (v Vendor) checkBundles() error {
	const next = "leave out --per-bundle to allow the whole team"
	if len(v.BundleIDs) == 0 {
		return refuse(next, "kextwatch knows no bundle ID of %s", v)
	}
	for _, id := range v.BundleIDs {
		if strings.Contains(id, "*") {
			return refuse(next, "kextwatch knows the bundle IDs of %s only as the pattern %s, and a profile needs whole bundle IDs", v, id)
		}
		if !probe.IsBundleID(id) {
			return refuse(next, "invalid bundle ID %q of %s", id, v)
		}
	}
	return nil
}

// kextHints returns what else is needed until the extensions load. A profile allows; from
// macOS 11 only a restart loads (device.restart.yaml; Apple Platform Deployment, "System and
// kernel extensions in macOS").
func (in ProfileInput) kextHints() []string {
	parallels := slices.ContainsFunc(in.Vendors, func(v Vendor) bool { return v.TeamID == probe.ParallelsTeamID })
	path := probe.Extensions + "/NAME.kext"
	if parallels {
		path = probe.ParallelsApp + "/Contents/Library/Extensions/10.9/prl_hypervisor.kext"
	}
	hints := []string{
		"it allows the kernel extensions of " + in.vendorNames() + ", and of no other developer",
		"from macOS 11, an allowed extension is loaded only after a restart: send the MDM command RestartDevice with RebuildKernelCache true, and in KextPaths the extensions that macOS has not seen yet, such as " + path,
	}
	silicon := "on Apple silicon, the Mac must also have Reduced Security with “Allow remote management of kernel extensions and automatic software updates”: an MDM can set it after Automated Device Enrollment, with a bootstrap token; otherwise a person sets it in Recovery"
	if parallels {
		silicon += "; Parallels Desktop needs no kernel extension there"
	}
	hints = append(hints, silicon)
	switch {
	case in.NoUserOverrides:
		hints = append(hints, "with --no-user-overrides, users cannot approve any other kernel extension: macOS shows no Allow button for it")
	case in.NonAdminApprovals:
		hints = append(hints, "users can still approve other kernel extensions; from macOS 11, also users who are not administrators")
	default:
		hints = append(hints, "users can still approve other kernel extensions (--no-user-overrides forbids it); from macOS 11, only administrators can (--non-admin-approvals lets everybody)")
	}
	if in.PerBundle {
		hints = append(hints, "with --per-bundle, macOS blocks an extension that gets another bundle ID in an update: make the profile again then")
	}
	for _, v := range in.Vendors {
		if v.Doubt != "" {
			hints = append(hints, v.Doubt+": compare it with codesign -dv on a Mac that has the extension")
		}
	}
	return hints
}
