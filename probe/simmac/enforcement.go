package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

// SIP is a setting of System Integrity Protection.
type SIP string

// The settings of SIP.
const (
	SIPEnabled    SIP = "enabled"
	SIPDisabled   SIP = "disabled"
	SIPCustom     SIP = "custom"      // signatures of kexts and the file system are not protected
	SIPNoApproval SIP = "no-approval" // kexts need no approval
)

// csrConfigs maps each setting to the bytes of csr-active-config, as nvram prints
// them.
var csrConfigs = map[SIP]string{
	SIPEnabled:    "",
	SIPDisabled:   "w%00%00%00",
	SIPCustom:     "%03%00%00%00",
	SIPNoApproval: "%00%02%00%00",
}

// SetSIP changes System Integrity Protection in Recovery and restarts the Mac.
func (m *Mac) SetSIP(sip SIP, now time.Time) error {
	if _, ok := csrConfigs[sip]; !ok {
		return fmt.Errorf("unknown setting %q of SIP: use %s, %s, %s or %s", sip, SIPEnabled, SIPDisabled, SIPCustom, SIPNoApproval)
	}
	return m.inRecovery(now, func(st *state) error {
		st.SIP = sip
		return nil
	})
}

// SetConsent changes the user consent for kexts in Recovery and restarts the Mac.
// "on" requires consent and removes the teams that were allowed there, "off"
// requires none, and a team ID allows that team.
func (m *Mac) SetConsent(setting string, now time.Time) error {
	return m.inRecovery(now, func(st *state) error {
		switch {
		case setting == "on" || setting == "off":
			st.ConsentOff, st.ConsentTeams = setting == "off", nil
		case !probe.IsTeamID(setting):
			return fmt.Errorf("unknown consent %q: use on, off, or a team ID such as %s", setting, probe.ParallelsTeamID)
		case !slices.Contains(st.ConsentTeams, setting):
			st.ConsentTeams = append(st.ConsentTeams, setting)
		}
		return nil
	})
}

func (m *Mac) inRecovery(now time.Time, change func(*state) error) error {
	if err := m.changeState(change); err != nil {
		return err
	}
	return m.Restart(now)
}

// needsNoApproval reports whether kexts of a team load without an approval of a user
// or a profile.
func (st *state) needsNoApproval(team string) bool {
	return st.SIP == SIPNoApproval || st.ConsentOff || slices.Contains(st.ConsentTeams, team)
}

// Profile is a configuration profile with the payload for kexts.
type Profile string

// The profiles.
const (
	ProfileForbid     Profile = "forbid"      // allows only another team; users may not approve kexts
	ProfileAllowUsers Profile = "allow-users" // allows another team; users may approve other kexts
	ProfileAllowTeam  Profile = "allow-team"  // allows only Parallels
	NoProfile         Profile = "none"
)

type kextPolicyPayload struct {
	AllowUserOverrides     bool `plist:",omitempty"`
	AllowedTeamIdentifiers []string
}

// anotherTeam is the team that profiles without Parallels allow.
const anotherTeam = "EQHXZ8M8AV"

// SetProfile replaces the installed profile, or removes it for NoProfile. macOS
// keeps the payload in a file and the teams in the policy.
func (m *Mac) SetProfile(profile Profile) error {
	payload := kextPolicyPayload{AllowUserOverrides: profile == ProfileAllowUsers}
	switch profile {
	case ProfileForbid, ProfileAllowUsers:
		payload.AllowedTeamIdentifiers = []string{anotherTeam}
	case ProfileAllowTeam:
		payload.AllowedTeamIdentifiers = []string{probe.ParallelsTeamID}
	case NoProfile:
	default:
		return fmt.Errorf("unknown profile %q: use %s, %s, %s or %s", profile, ProfileForbid, ProfileAllowUsers, ProfileAllowTeam, NoProfile)
	}
	err := m.change(func(c *change) error {
		if _, err := c.Exec(`DELETE FROM kext_policy_mdm`); err != nil {
			return err
		}
		for _, team := range payload.AllowedTeamIdentifiers {
			if err := c.allowTeam(team); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if profile == NoProfile {
		return m.remove(probe.ManagedKextPolicy)
	}
	return m.writePlist(probe.ManagedKextPolicy, payload, plist.BinaryFormat)
}

// usersMayApprove reports whether users may approve kexts: no profile forbids it.
func (m *Mac) usersMayApprove() (bool, error) {
	var payload kextPolicyPayload
	err := m.readPlist(probe.ManagedKextPolicy, &payload)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return payload.AllowUserOverrides, err
}

// csrutilText returns the output of csrutil status. For a custom configuration it
// lists the parts; macOS 11 and later have three more parts.
func csrutilText(st *state) string {
	const head = "System Integrity Protection status: "
	custom := map[string]bool{"Kext Signing": st.SIP == SIPCustom, "Filesystem Protections": st.SIP == SIPCustom}
	state, parts := "enabled", []string{
		"Apple Internal", "Kext Signing", "Filesystem Protections", "Debugging Restrictions",
		"DTrace Restrictions", "NVRAM Protections", "BaseSystem Verification",
	}
	if st.version().AtLeast(11, 0) {
		state = "unknown"
		parts = append(parts, "Boot-arg Restrictions", "Kernel Integrity Protections", "Authenticated Root Requirement")
	}
	switch st.SIP {
	case "", SIPEnabled:
		return head + "enabled.\n"
	case SIPDisabled:
		return head + "disabled.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s (Custom Configuration).\n\nConfiguration:\n", head, state)
	for _, part := range parts {
		is := "enabled"
		if custom[part] || part == "Apple Internal" {
			is = "disabled"
		}
		fmt.Fprintf(&b, "\t%s: %s\n", part, is)
	}
	b.WriteString("\nThis is an unsupported configuration, likely to break in the future and leave your machine in an unknown state.\n")
	return b.String()
}

// nvramText returns the output of nvram: a line for each variable.
func nvramText(st *state) string {
	text := "SystemAudioVolume\t0\n"
	if config := csrConfigs[st.SIP]; config != "" {
		text += "csr-active-config\t" + config + "\n"
	}
	return text
}

// consentText returns the output of spctl kext-consent status.
func consentText(st *state) string {
	if st.ConsentOff {
		return "Kernel Extension User Consent: DISABLED\n"
	}
	return "Kernel Extension User Consent: ENABLED\n"
}

// consentTeamsText returns the output of spctl kext-consent list.
func consentTeamsText(st *state) string {
	if len(st.ConsentTeams) == 0 {
		return "spctl: no kext consent configuration found.\n"
	}
	return "Allowed Team Identifiers:\n" + strings.Join(st.ConsentTeams, "\n") + "\n"
}
