package approval

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// ReasonCode names a reason why Parallels, or the Allow button, does not
// simply work; scripts rely on these words. agent/view has the sentences.
type ReasonCode string

// The reasons.
const (
	ReasonManaged         ReasonCode = "managed"
	ReasonNotAdmin        ReasonCode = "not-admin"
	ReasonOtherUser       ReasonCode = "other-user"
	ReasonLocked          ReasonCode = "locked"
	ReasonRemote          ReasonCode = "remote-control"
	ReasonInputTool       ReasonCode = "input-tool"
	ReasonPaneOpen        ReasonCode = "pane-open"
	ReasonWindowOver      ReasonCode = "window-over"
	ReasonUpdateAgain     ReasonCode = "update-needs-approval"
	ReasonRestart         ReasonCode = "restart-missing"
	ReasonTooOld          ReasonCode = "made-for-older-macos"
	ReasonError56521      ReasonCode = "error-56521"
	ReasonSystemExtension ReasonCode = "system-extension"
	ReasonSIP             ReasonCode = "sip"
	ReasonConsentOff      ReasonCode = "consent-off"
	ReasonNothingTried    ReasonCode = "nothing-tried"
	ReasonNotNeeded       ReasonCode = "not-needed"
	ReasonAppleSilicon    ReasonCode = "apple-silicon"
	ReasonServiceDown     ReasonCode = "service-down"
)

// Reason is one of them as it holds on this Mac.
type Reason struct {
	Code     ReasonCode `json:"code" plist:"code"`
	Severity Severity   `json:"severity" plist:"severity"`
	Check    string     `json:"check" plist:"check"` // the check of `doctor` that says the same
	About    []string   `json:"-" plist:"-"`         // names of programs, profiles, extensions or versions; anybody's text
}

// Severity says what a reason means for the one who wants to work.
type Severity string

// The severities.
const (
	Obstacle Severity = "obstacle" // a click on Allow will not do, or there is nothing to click
	Step     Severity = "step"     // something is left to do
	Note     Severity = "note"     // good to know
)

// Catalogue lists every reason, the one that matters most first.
var Catalogue = []struct {
	Code     ReasonCode
	Severity Severity
	Check    string
	holds    func(c reasonCase) (about []string, holds bool)
}{
	{ReasonManaged, Obstacle, "mdm.kext-policy", func(c reasonCase) ([]string, bool) {
		return named(c.Enforcement.Profile.Name), c.Verdict == Managed
	}},
	{ReasonNotAdmin, Obstacle, "session.admin", func(c reasonCase) ([]string, bool) {
		// Up to 10.15 any user may approve; from 11 on administrators, unless a
		// profile lets others (Apple, HT208019 and HT211860).
		return nil, c.waits() && c.Mac.OS.AtLeast(11, 0) && c.Situation.Admin == probe.No &&
			c.Enforcement.Profile.NonAdminsAllow != probe.Yes
	}},
	{ReasonOtherUser, Obstacle, "session.console", func(c reasonCase) ([]string, bool) {
		s := c.Situation // root, who looks with sudo, is at no screen
		return nil, c.waits() && s.Asked && s.UID != 0 && s.ConsoleUID >= 0 && s.ConsoleUID != s.UID
	}},
	{ReasonLocked, Obstacle, "session.locked", func(c reasonCase) ([]string, bool) {
		return nil, c.waits() && c.Situation.Locked == probe.Yes
	}},
	{ReasonRemote, Obstacle, "session.remote", func(c reasonCase) ([]string, bool) {
		return c.Situation.Remote, c.waits() && len(c.Situation.Remote) > 0
	}},
	{ReasonInputTool, Obstacle, "session.input-tools", func(c reasonCase) ([]string, bool) {
		return c.Situation.InputTools, c.waits() && len(c.Situation.InputTools) > 0
	}},
	{ReasonPaneOpen, Obstacle, "settings.pane-open", func(c reasonCase) ([]string, bool) {
		return nil, c.waits() && c.Situation.PaneOpen == probe.Yes
	}},
	{ReasonWindowOver, Obstacle, "window", func(c reasonCase) ([]string, bool) { return nil, c.Verdict == BlockedClosed }},
	{ReasonUpdateAgain, Step, "parallels.asked", func(c reasonCase) ([]string, bool) { return nil, c.Verdict == UpgradePending }},
	{ReasonRestart, Step, "restart", func(c reasonCase) ([]string, bool) { return nil, c.Verdict == RestartPending }},
	{ReasonTooOld, Obstacle, "parallels.version", func(c reasonCase) ([]string, bool) {
		if c.Made == nil || c.Need.Answer == probe.No || c.Product.Loaded {
			return nil, false
		}
		older, _ := c.Made.MadeForOlder(c.Mac.OS)
		return named(c.Made.MaxMacOS), older
	}},
	{ReasonError56521, Step, "parallels.loaded", func(c reasonCase) ([]string, bool) {
		refused := slices.ContainsFunc(c.Attempts, func(t probe.Attempt) bool {
			return t.From == probe.FromRetry && t.Outcome == probe.Refused && !t.At.Before(c.Mac.BootedAt)
		})
		return nil, refused && !c.Product.Loaded
	}},
	{ReasonSystemExtension, Step, "system-extensions", func(c reasonCase) ([]string, bool) {
		var waiting []string
		for _, e := range c.Situation.Extensions {
			if e.Waiting() {
				waiting = append(waiting, e.BundleID)
			}
		}
		return waiting, len(waiting) > 0
	}},
	{ReasonSIP, Note, "sip", func(c reasonCase) ([]string, bool) {
		s := c.Enforcement.SIP
		return nil, s.KextApproval == probe.No || s.State == probe.SIPDisabled || s.State == probe.SIPCustom
	}},
	{ReasonConsentOff, Note, "kext-consent", func(c reasonCase) ([]string, bool) {
		return nil, c.Enforcement.Consent.Enabled == probe.No
	}},
	{ReasonNothingTried, Note, "parallels.asked", func(c reasonCase) ([]string, bool) { return nil, c.Verdict == NotAsked }},
	{ReasonNotNeeded, Note, "parallels.needed", func(c reasonCase) ([]string, bool) {
		return nil, c.Verdict == NotNeeded && c.Need.Because != RuleAppleSilicon
	}},
	{ReasonAppleSilicon, Note, "parallels.needed", func(c reasonCase) ([]string, bool) {
		return nil, c.Verdict == NotNeeded && c.Need.Because == RuleAppleSilicon
	}},
	{ReasonServiceDown, Note, "parallels.service", func(c reasonCase) ([]string, bool) {
		return nil, c.App != nil && !c.Verdict.Blocked() && c.Situation.Service == probe.No
	}},
}

// reasonCase is a product and the Mac it is on.
type reasonCase struct {
	Product
	probe.Snapshot
}

func (c reasonCase) waits() bool { return c.Verdict.Blocked() || c.Verdict == UpgradePending }

// reasons are those that hold for a product. What is about Parallels alone is
// not said of others.
func (a *assessment) reasons(w watched, p Product) []Reason {
	if w.always && p.Verdict == NotInstalled {
		return nil
	}
	c := reasonCase{p, a.snap}
	var all []Reason
	for _, r := range Catalogue {
		if strings.HasPrefix(r.Check, "parallels.") && !w.parallels() {
			continue
		}
		if about, holds := r.holds(c); holds {
			all = append(all, Reason{r.Code, r.Severity, r.Check, about})
		}
	}
	return all
}

// named is a list of one name, or of none.
func named(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}
