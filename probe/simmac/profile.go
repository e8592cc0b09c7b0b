package simmac

import (
	"errors"
	"fmt"

	"howett.net/plist"

	"kextwatch/probe"
)

// The payload types that InstallProfile knows.
const (
	kextPayloadType     = "com.apple.syspolicy.kernel-extension-policy"
	settingsPayloadType = "com.apple.ManagedClient.preferences"
)

// configurationProfile is the outer part of a .mobileconfig.
type configurationProfile struct {
	Type     string           `plist:"PayloadType"`
	Version  int              `plist:"PayloadVersion"`
	Payloads []map[string]any `plist:"PayloadContent"`
}

// profilePayload is the part of a payload that decides what macOS does with it.
type profilePayload struct {
	Type  string              `plist:"PayloadType"`
	UUID  string              `plist:"PayloadUUID"`
	Teams []string            `plist:"AllowedTeamIdentifiers"`
	Kexts map[string][]string `plist:"AllowedKernelExtensions"`

	Domains map[string]struct { // by preference domain
		Forced []struct {
			Settings map[string]any `plist:"mcx_preference_settings"`
		}
	} `plist:"PayloadContent"`
}

// InstallProfile installs a configuration profile, as an MDM does. macOS keeps the payload for
// kexts in a file and its teams and kexts in the policy, and writes settings to the file
// of managed preferences. A profile with another payload is an error, because a simulated
// Mac does not show its effect.
func (m *Mac) InstallProfile(mobileconfig []byte) error {
	var profile configurationProfile
	if _, err := plist.Unmarshal(mobileconfig, &profile); err != nil {
		return fmt.Errorf("the profile: %w", err)
	}
	if profile.Type != "Configuration" || profile.Version != 1 || len(profile.Payloads) == 0 {
		return errors.New("the file is not a configuration profile with a payload")
	}
	for _, keys := range profile.Payloads {
		data, err := plist.Marshal(keys, plist.BinaryFormat)
		if err != nil {
			return fmt.Errorf("the payload: %w", err)
		}
		var payload profilePayload
		if _, err := plist.Unmarshal(data, &payload); err != nil {
			return fmt.Errorf("the payload: %w", err)
		}
		switch payload.Type {
		case kextPayloadType:
			err = m.installKextPayload(payload, keys)
		case settingsPayloadType:
			err = m.installSettings(payload)
		default:
			err = fmt.Errorf("a simulated Mac does not show the effect of the payload %q", payload.Type)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mac) installKextPayload(payload profilePayload, keys map[string]any) error {
	kexts := map[string][]string{}
	for _, team := range payload.Teams {
		kexts[team] = []string{""} // in the policy, every kext of the team
	}
	for team, ids := range payload.Kexts {
		kexts[team] = append(kexts[team], ids...)
	}
	err := m.change(func(c *change) error {
		if _, err := c.Exec(`DELETE FROM kext_policy_mdm`); err != nil {
			return err
		}
		for team, ids := range kexts {
			for _, id := range ids {
				if _, err := c.Exec(`INSERT OR REPLACE INTO kext_policy_mdm (team_id, bundle_id, allowed, payload_uuid) VALUES (?, ?, 1, ?)`,
					team, id, payload.UUID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.writePlist(probe.ManagedKextPolicy, keys, plist.BinaryFormat)
}

// installSettings writes the forced values of each domain to the file for all users.
func (m *Mac) installSettings(payload profilePayload) error {
	for domain, settings := range payload.Domains {
		if !probe.IsBundleID(domain) {
			return fmt.Errorf("invalid preference domain %q", domain)
		}
		values := map[string]any{}
		for _, forced := range settings.Forced {
			for key, value := range forced.Settings {
				values[key] = value
			}
		}
		if err := m.writePlist(probe.ManagedSettings+"/"+domain+".plist", values, plist.BinaryFormat); err != nil {
			return err
		}
	}
	return nil
}
