package fleet

import (
	"fmt"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// A running agent writes its file again after Heartbeat, even if nothing changed. After
// StaleAfter, a reader may say that no agent reports. It is longer, because a Mac that
// slept needs a moment.
const (
	Heartbeat  = 6 * time.Hour
	StaleAfter = 24 * time.Hour
)

// file is status.plist for fleet tools. It is flat, and the products are a dictionary: the
// table plist of osquery gives the elements of a list no number. A key whose value is not
// known is missing.
type file struct {
	Schema    int              `plist:"schema"`
	Agent     string           `plist:"agent_version"`
	WrittenAt time.Time        `plist:"written_at"` // of this file
	CheckedAt time.Time        `plist:"checked_at"` // of the facts: when the content changed last, or at the heartbeat
	Answer    Answer           `plist:"answer"`
	Verdict   approval.Verdict `plist:"verdict"`
	Summary   string           `plist:"summary"` // State.Line
	MacOS     string           `plist:"macos,omitempty"`
	Build     string           `plist:"build,omitempty"`
	Arch      probe.Arch       `plist:"arch,omitempty"`
	Source    probe.SourceName `plist:"policy_source,omitempty"`
	Offered   string           `plist:"offered_macos,omitempty"`

	Products map[string]productOfFile `plist:"products"` // by ID
}

// productOfFile is a product in the file. The yes or no answers are missing while the
// verdict is "unknown".
type productOfFile struct {
	Name          string                 `plist:"name"`
	TeamID        string                 `plist:"team_id,omitempty"`
	Version       string                 `plist:"version,omitempty"`
	Verdict       approval.Verdict       `plist:"verdict"`
	Blocked       *bool                  `plist:"blocked,omitempty"`
	NeedsRestart  *bool                  `plist:"needs_restart,omitempty"`
	NeedsRecovery *bool                  `plist:"needs_recovery,omitempty"`
	ClosesAt      *time.Time             `plist:"window_closes_at,omitempty"`
	With          approval.UpgradeResult `plist:"with_offered_macos,omitempty"`
}

// free returns a key that no more urgent product has. Two products can ask for one key: a
// developer can choose a bundle ID that equals the ID of another product.
func (f file) free(id string) string {
	key := id
	for n := 2; ; n++ {
		if _, taken := f.Products[key]; !taken {
			return key
		}
		key = fmt.Sprintf("%s (%d)", id, n)
	}
}

// File returns the content of status.plist for fleet tools.
func (s State) File(version string, written time.Time) ([]byte, error) {
	f := file{
		Schema: Schema, Agent: version, WrittenAt: written.UTC().Truncate(time.Second), CheckedAt: s.Checked,
		Answer: s.Answer, Verdict: s.Verdict, Summary: s.Line(), MacOS: s.MacOS.Version, Build: s.MacOS.Build,
		Arch: s.Arch, Source: s.Source, Offered: s.Offered, Products: map[string]productOfFile{},
	}
	for _, p := range s.Products {
		of := productOfFile{Name: p.Name, TeamID: p.TeamID, Version: p.Version, Verdict: p.Verdict, With: p.With}
		if p.Verdict != approval.Unknown {
			blocked, restart, recovery := p.Verdict.Blocked(), p.restart(), p.recovery()
			of.Blocked, of.NeedsRestart, of.NeedsRecovery = &blocked, &restart, &recovery
		}
		if !p.ClosesAt.IsZero() {
			of.ClosesAt = &p.ClosesAt
		}
		f.Products[f.free(p.ID)] = of
	}
	data, err := plist.MarshalIndent(f, plist.XMLFormat, "\t")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}
