package simmac

import (
	"fmt"
	"strings"

	"howett.net/plist"

	"kextwatch/probe"
)

const (
	extensionsList = simDir + "/system-extensions"
	extensionKind  = "com.apple.system_extension.network_extension"
)

// extensionsFile is macOS's file about system extensions.
type extensionsFile struct {
	BootUUID   string            `plist:"bootUUID"`
	Extensions []systemExtension `plist:"extensions"`
	Version    int               `plist:"version"`
}

type systemExtension struct {
	Categories []string `plist:"categories"`
	Identifier string   `plist:"identifier"`
	State      string   `plist:"state"`
	TeamID     string   `plist:"teamID"`
}

var stateForm = probe.Form{Expr: `^[a-z_]{1,60}$`}

// SetSystemExtension sets the state of a system extension, in macOS's spelling such
// as "activated_waiting_for_user". A new one is a network extension.
func (m *Mac) SetSystemExtension(team, id, state string) error {
	switch {
	case !probe.IsTeamID(team):
		return fmt.Errorf("invalid team %q: use ten letters and digits", team)
	case !probe.IsBundleID(id):
		return fmt.Errorf("invalid bundle ID %q: use one such as com.example.extension", id)
	case !stateForm.MatchString(state):
		return fmt.Errorf("invalid state %q: use one such as activated_waiting_for_user", state)
	}
	var file extensionsFile
	if err := m.readPlist(probe.SystemExtensionsList, &file); err != nil {
		file = extensionsFile{BootUUID: newUUID(), Version: 1} // the first one
	}
	known := false
	for i, e := range file.Extensions {
		if e.TeamID == team && e.Identifier == id {
			file.Extensions[i].State, known = state, true
		}
	}
	if !known {
		file.Extensions = append(file.Extensions, systemExtension{[]string{extensionKind}, id, state, team})
	}
	if err := m.writePlist(probe.SystemExtensionsList, file, plist.BinaryFormat); err != nil {
		return err
	}
	return m.write(extensionsList, []byte(extensionTable(file.Extensions)), 0o644)
}

// extensionTable returns the output of systemextensionsctl.
func extensionTable(extensions []systemExtension) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d extension(s)\n--- %s\nenabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n", len(extensions), extensionKind)
	for _, e := range extensions {
		star := ""
		if e.State == "activated_enabled" {
			star = "*"
		}
		fmt.Fprintf(&b, "%s\t%[1]s\t%s\t%s (1.0/1)\tExtension\t[%s]\n", star, e.TeamID, e.Identifier, strings.ReplaceAll(e.State, "_", " "))
	}
	return b.String()
}
