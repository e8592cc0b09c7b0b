package simmac

import (
	"encoding/json"
	"fmt"

	"kextwatch/probe"
)

// frameworkAnswer is the file with the output of osascript for a script that reads
// SystemPolicy.framework.
const frameworkAnswer = simDir + "/framework"

// policyItem is an SPKernelExtensionPolicyItem in the form that kextwatch's script
// prints.
type policyItem struct {
	Developer   string   `json:"developer"`
	Application string   `json:"application"`
	Path        string   `json:"path"`
	Team        string   `json:"team"`
	Bundles     []string `json:"bundles"`
	Allowed     bool     `json:"allowed"`
	Restart     bool     `json:"restart"`
	Modified    bool     `json:"modified"`
	Upgrade     bool     `json:"upgrade"`
}

// RemoveFramework removes SPKernelExtensionPolicy from this macOS.
func (m *Mac) RemoveFramework() error {
	return m.change(func(c *change) error {
		c.st.NoFramework = true
		return nil
	})
}

// writeFramework writes the framework's answer for the policy after c.
func (m *Mac) writeFramework(c *change) error {
	answer := map[string]any{"protocol": 1}
	if c.st.NoFramework {
		answer["state"], answer["reason"] = "unsupported", "SystemPolicy.framework has no SPKernelExtensionPolicy"
	} else {
		items, err := m.policyItems(c)
		if err != nil {
			return err
		}
		pending := []policyItem{}
		for _, item := range items {
			if !item.Allowed {
				pending = append(pending, item)
			}
		}
		answer["state"], answer["current"], answer["pending"] = "ok", items, pending
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return m.write(frameworkAnswer, append(data, '\n'), 0o644)
}

// policyItems returns the rows of kext_policy, with related rows merged into one
// item.
func (m *Mac) policyItems(c *change) ([]policyItem, error) {
	installed, err := m.kexts()
	if err != nil {
		return nil, err
	}
	kexts := map[string]kext{}
	for _, k := range installed {
		kexts[k.id] = k
	}
	items, bundles, err := c.policyRows()
	if err != nil {
		return nil, err
	}
	merged := []policyItem{}
	places := map[string]int{}
	for i, item := range items {
		k, onDisk := kexts[bundles[i]]
		if onDisk && item.Team == probe.ParallelsTeamID {
			item.Application, item.Path = "Parallels Desktop", probe.ParallelsApp
			ok, err := c.permitted(k)
			if err != nil {
				return nil, err
			}
			item.Upgrade = item.Allowed && !ok
			item.Restart = item.Allowed && ok && !c.linked(k)
		}
		id := fmt.Sprint(item)
		place, known := places[id]
		if !known {
			place = len(merged)
			places[id] = place
			merged = append(merged, item)
		}
		merged[place].Bundles = append(merged[place].Bundles, bundles[i])
	}
	return merged, nil
}

// policyRows returns each row as an item, and the bundle IDs of the rows.
func (c *change) policyRows() (items []policyItem, bundles []string, err error) {
	rows, err := c.Query(`SELECT ifnull(team_id, ''), bundle_id, allowed IS 1, ifnull(developer_name, '') FROM kext_policy ORDER BY rowid`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var item policyItem
		var bundle string
		if err := rows.Scan(&item.Team, &bundle, &item.Allowed, &item.Developer); err != nil {
			return nil, nil, err
		}
		items, bundles = append(items, item), append(bundles, bundle)
	}
	return items, bundles, rows.Err()
}
