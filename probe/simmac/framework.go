package simmac

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

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
	own, err := m.all()
	if err != nil {
		return nil, err
	}
	recorded, err := m.recordedKexts(c)
	if err != nil {
		return nil, err
	}
	kexts := map[string]kext{}
	for _, k := range slices.Concat(recorded, own) {
		kexts[k.id] = k
	}
	items, bundles, err := c.policyRows()
	if err != nil {
		return nil, err
	}
	merged := []policyItem{}
	places := map[string]int{}
	for i, item := range items {
		if k, onDisk := kexts[bundles[i]]; onDisk && item.Team == k.team {
			if item, err = c.policyItem(item, k); err != nil {
				return nil, err
			}
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

// policyItem adds to an item what is known about a kext of it. How the real framework
// describes the places of other kexts than those in apps is not known.
func (c *change) policyItem(item policyItem, k kext) (policyItem, error) {
	item.Application, item.Path = applicationOf(k.path)
	ok, err := c.permitted(k)
	if err != nil {
		return item, err
	}
	if k.team != probe.ParallelsTeamID && c.st.Approved[k.id] == "" {
		return item, nil // its row was not made by a click, so neither is due
	}
	item.Upgrade = item.Allowed && !ok
	item.Restart = item.Allowed && ok && !c.linked(k)
	return item, nil
}

// applicationOf returns the program in which a kext is: an app or another bundle, or a
// folder of Application Support (TN2459). A kext in /Library/Extensions is in none.
func applicationOf(kextPath string) (name, place string) {
	const support = probe.ApplicationSupport + "/"
	if rest, inSupport := strings.CutPrefix(kextPath, support); inSupport {
		name, _, _ = strings.Cut(rest, "/")
		return name, support + name
	}
	parts := strings.Split(kextPath, "/")
	for i, part := range parts {
		if ext := path.Ext(part); ext != "" && ext != ".kext" {
			return strings.TrimSuffix(part, ext), strings.Join(parts[:i+1], "/")
		}
	}
	return "", ""
}

// recordedKexts returns the kexts of the load history that are on the disk.
func (m *Mac) recordedKexts(c *change) ([]kext, error) {
	rows, err := c.Query(`SELECT path, ifnull(team_id, ''), bundle_id FROM kext_load_history_v3 ORDER BY rowid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var kexts []kext
	for rows.Next() {
		var k kext
		if err := rows.Scan(&k.path, &k.team, &k.id); err != nil {
			return nil, err
		}
		kexts = append(kexts, k)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var found []kext
	for _, k := range kexts {
		var info bundleInfo
		err := m.readPlist(k.path+"/Contents/Info.plist", &info)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if k.version = info.CFBundleVersion; info.CFBundleIdentifier == k.id {
			found = append(found, k)
		}
	}
	return found, nil
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
