package main

import (
	"encoding/json"
	"strings"
	"time"
)

// billOfMaterials lists the modules of the app, for tools that search for known
// vulnerabilities. The format is CycloneDX 1.5; cyclonedx.org documents the names.
func billOfMaterials(i info, modules []module, at time.Time) ([]byte, error) {
	type component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version"`
		URL     string `json:"purl,omitempty"`
	}
	type metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	bom := struct {
		Format      string      `json:"bomFormat"`
		SpecVersion string      `json:"specVersion"`
		Version     int         `json:"version"`
		Metadata    metadata    `json:"metadata"`
		Components  []component `json:"components"`
	}{
		Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata: metadata{at.Format(time.RFC3339), component{
			Type: "application", Ref: i.CFBundleIdentifier, Name: "kextwatch", Version: i.KextwatchVersion,
		}},
	}
	for _, m := range modules {
		url := packageURL(m)
		bom.Components = append(bom.Components, component{"library", url, m.path, m.version, url})
	}
	data, err := json.MarshalIndent(bom, "", "  ")
	return append(data, '\n'), err
}

// packageURL returns the name of a module in vulnerability databases: in lower case,
// and Go's own library as std with its version without "go".
func packageURL(m module) string {
	if m.path == goModule {
		m.version = strings.TrimPrefix(m.version, "go")
	}
	return "pkg:golang/" + strings.ToLower(m.path) + "@" + strings.ReplaceAll(m.version, "+", "%2B")
}
