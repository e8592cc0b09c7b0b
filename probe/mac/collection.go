package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// collectionForm matches a row of the auxiliary collection. No output with kexts that
// are in the collection and not loaded is public, so the columns before the name may
// be numbers, dashes, or missing.
var collectionForm = probe.Form{Expr: `^\s*(?:(?:[0-9]+|(?:0x)?[0-9a-fA-F]+|-+)\s+){0,5}([0-9A-Za-z_+-]+(?:\.[0-9A-Za-z_+-]+)+) \(([0-9A-Za-z ._+-]{1,64})\)(?:\s|$)`}

// kernelPrefix begins the bundle IDs of the kernel's own components.
const kernelPrefix = "com.apple.kpi."

// readCollection queries the auxiliary kernel collection of this boot. The error is
// that of kmutil, or says what is unknown in its list. An empty list proves nothing
// and is not known.
func readCollection(ctx context.Context, m root.FS) (probe.Collection, error) {
	out, err := tool.Query(ctx, m, probe.KmutilTool, "showloaded", "--show", "all", "--collection", "aux", "--list-only")
	if err != nil {
		return probe.Collection{}, err
	}
	return parseCollection(out)
}

// parseCollection reads the rows of the list. A kext that is missing in it needs a
// restart, so a line that is not known makes the whole list unknown, and so does a
// list of other kexts.
func parseCollection(out []byte) (probe.Collection, error) {
	var c probe.Collection
	for line := range bytes.Lines(out) {
		line = bytes.TrimSpace(line)
		row := collectionForm.FindSubmatch(line)
		switch {
		case row == nil && !isHeading(line):
			return probe.Collection{}, fmt.Errorf("the auxiliary kernel collection has the unknown line %q", probe.Printable(string(line)))
		case row == nil:
		case len(c.Kexts) == loadedLimit:
			return probe.Collection{}, fmt.Errorf("the auxiliary kernel collection has more than %d rows", loadedLimit)
		case bytes.HasPrefix(row[1], []byte(kernelPrefix)):
			return probe.Collection{}, errors.New("kmutil listed the kernel instead of the auxiliary collection")
		default:
			c.Kexts = append(c.Kexts, probe.LoadedKext{BundleID: string(row[1]), Version: string(row[2])})
		}
	}
	c.Known = len(c.Kexts) > 0
	return c, nil
}

// isHeading reports whether kmutil prints this line beside the rows.
func isHeading(line []byte) bool {
	text := string(line)
	return text == "" || strings.HasPrefix(text, "Index ") ||
		strings.HasPrefix(text, "Executing: ") || strings.HasPrefix(text, "No variant specified")
}

// readCollection queries the collection only if it can change a verdict. macOS builds
// it for the next start of the Mac, so it is queried once in a boot session.
func (p *Prober) readCollection(s *shot) {
	if !s.snap.Mac.OS.AtLeast(11, 0) || !slices.ContainsFunc(s.snap.Kexts, func(k probe.Kext) bool {
		return s.snap.Matters(k.TeamID, k.BundleID) && allowedNotLoaded(s.snap, k)
	}) {
		return
	}
	collection, gaps := answer(s, &p.collection, p.boots.number(s.snap.Mac.BootSession), []probe.Fact{probe.FactCollection}, func(ctx context.Context) (probe.Collection, []probe.Gap) {
		collection, err := readCollection(ctx, p.mac)
		if err != nil {
			return collection, []probe.Gap{tool.Gap(probe.FactCollection, err, "kmutil showloaded --show all --collection aux")}
		}
		return collection, nil
	})
	s.snap.Collection = collection
	s.missing(gaps...)
}

// allowedNotLoaded reports whether macOS may load a kext and the kernel has not
// loaded it. A profile counts as allowing it, whatever the profile says. The team of a
// kext on the disk may be unknown: then a row for the bundle ID, or for any team, counts.
func allowedNotLoaded(snap probe.Snapshot, k probe.Kext) bool {
	if snap.Policy == nil || !snap.Loaded.Known || lists(snap.Loaded, k.BundleID) {
		return false
	}
	e := snap.Enforcement
	return e.SIP.KextApproval == probe.No || e.Consent.Enabled == probe.No || slices.Contains(e.Consent.Teams, k.TeamID) || e.Profile.Present == probe.Yes ||
		slices.ContainsFunc(snap.Policy.Rows, func(row probe.PolicyRow) bool {
			return row.Allowed && (row.TeamID == k.TeamID || k.TeamID == "") && row.BundleID == k.BundleID
		}) ||
		slices.ContainsFunc(snap.Policy.MDM, func(row probe.MDMRow) bool {
			return row.Allowed && (row.TeamID == k.TeamID || k.TeamID == "") && (row.BundleID == k.BundleID || row.BundleID == "")
		})
}
