package mac

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	extensionLimit  = 256 // system extensions; a Mac has a few
	extensionPrefix = "com.apple.system_extension."
)

// extensionsPlist is macOS's file about system extensions, with the keys that
// osquery and KnockKnock read.
type extensionsPlist struct {
	Extensions []fileExtension `plist:"extensions"`
}

type fileExtension struct {
	Identifier string   `plist:"identifier"`
	TeamID     string   `plist:"teamID"`
	State      string   `plist:"state"`
	Categories []string `plist:"categories"`
}

// readSystemExtensions returns the system extensions of every team. It reads macOS's
// own file, or queries systemextensionsctl if the file cannot be read in full. System
// extensions need macOS 10.15. If only some extensions could be read, it returns
// them together with an error.
func readSystemExtensions(ctx context.Context, m root.FS, os probe.OSVersion) ([]probe.SystemExtension, error) {
	if os.Known() && !os.AtLeast(10, 15) {
		return nil, nil
	}
	var file extensionsPlist
	err := m.ReadPlist(probe.SystemExtensionsList, &file)
	if err == nil && file.complete() {
		return file.list()
	}
	out, err := tool.Query(ctx, m, probe.SystemExtensionsTool, "list")
	if err != nil {
		some, _ := file.list()
		return some, err
	}
	return parseExtensions(out)
}

// complete reports whether the file has the list of extensions, and every extension
// an identifier and a state.
func (f extensionsPlist) complete() bool {
	return f.Extensions != nil && !slices.ContainsFunc(f.Extensions, func(e fileExtension) bool { return e.Identifier == "" || e.State == "" })
}

func (f extensionsPlist) list() ([]probe.SystemExtension, error) {
	var all []probe.SystemExtension
	for _, e := range f.Extensions {
		if len(all) == extensionLimit {
			return all, errManyExtensions
		}
		category := ""
		if len(e.Categories) > 0 {
			category = e.Categories[0]
		}
		all = append(all, newExtension(e.TeamID, e.Identifier, category, strings.ReplaceAll(e.State, "_", " ")))
	}
	return all, nil
}

var errManyExtensions = fmt.Errorf("there are more than %d system extensions: only some were read", extensionLimit)

func newExtension(teamID, bundleID, category, state string) probe.SystemExtension {
	return probe.SystemExtension{
		TeamID:   probe.Printable(teamID),
		BundleID: probe.Printable(bundleID),
		Category: strings.TrimPrefix(probe.Printable(category), extensionPrefix),
		State:    probe.Printable(state),
	}
}

// extensionCount matches the first line of the list: "1 extension(s)".
var extensionCount = probe.Form{Expr: `^([0-9]{1,5}) extension\(s\)`}

// parseExtensions reads the list of systemextensionsctl. The line "--- CATEGORY"
// begins the extensions of one category. From macOS 15 it ends with a hint for
// people.
//
//	1 extension(s)
//	--- com.apple.system_extension.network_extension
//	enabled	active	teamID	bundleID (version)	name	[state]
//	*	*	VBG97UB4TA	com.objective-see.lulu.extension (2.3.0/2.3.0)	Extension	[activated enabled]
func parseExtensions(out []byte) ([]probe.SystemExtension, error) {
	var all []probe.SystemExtension
	category, count := "", -1
	for raw := range bytes.Lines(out) {
		line := strings.TrimRight(string(raw), " \r\n")
		if form := extensionCount.FindStringSubmatch(line); form != nil && count < 0 {
			count, _ = strconv.Atoi(form[1])
			continue
		}
		if rest, ok := strings.CutPrefix(line, "--- "); ok {
			category, _, _ = strings.Cut(rest, " ")
			continue
		}
		fields := strings.Split(line, "\t")
		state := fields[len(fields)-1]
		if len(fields) < 6 || fields[2] == "teamID" || !strings.HasPrefix(state, "[") || !strings.HasSuffix(state, "]") {
			continue
		}
		if len(all) == extensionLimit {
			return all, errManyExtensions
		}
		bundleID, _, _ := strings.Cut(fields[3], " ")
		all = append(all, newExtension(fields[2], bundleID, category, state[1:len(state)-1]))
	}
	if count < 0 || len(all) < count {
		return all, fmt.Errorf("%s printed a list with only %d valid lines", probe.SystemExtensionsTool, len(all))
	}
	return all, nil
}
