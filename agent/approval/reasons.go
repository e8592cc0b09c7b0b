package approval

import (
	"slices"
	"strings"

	"kextwatch/probe"
)

// ReasonCode names a reason why a product or the Allow button does not work.
// Scripts rely on these values. Package agent/view has the texts.
type ReasonCode string

// The reasons.
const (
	ReasonManaged         ReasonCode = "managed"
	ReasonBootManaged     ReasonCode = "boot-managed"
	ReasonNeedsRecovery   ReasonCode = "needs-recovery"
	ReasonExternalDisk    ReasonCode = "external-disk"
	ReasonVirtualMac      ReasonCode = "virtual-mac"
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
	ReasonApprovalLost    ReasonCode = "approval-lost"
	ReasonOlderLoaded     ReasonCode = "older-version-loaded"
	ReasonNotSeenLoaded   ReasonCode = "not-seen-loaded"
	ReasonBootUnknown     ReasonCode = "boot-policy-unknown"

	// Those of probe.Failures.
	ReasonBadOwnership      = ReasonCode(probe.BadOwnership)
	ReasonInsecureLocation  = ReasonCode(probe.InsecureLocation)
	ReasonBadSignature      = ReasonCode(probe.BadSignature)
	ReasonExcluded          = ReasonCode(probe.Excluded)
	ReasonMissingDependency = ReasonCode(probe.MissingDependency)
	ReasonWrongArch         = ReasonCode(probe.WrongArch)

	// Only retry reports these: they are about what it tried, not about a snapshot.
	ReasonNotTried  ReasonCode = "not-tried"
	ReasonStarted   ReasonCode = "started"
	ReasonLoadEnded ReasonCode = "load-ended"
)

// Reason is a reason that holds on this Mac.
type Reason struct {
	Code     ReasonCode `json:"code" plist:"code"`
	Severity Severity   `json:"severity" plist:"severity"`
	Check    string     `json:"check" plist:"check"` // the ID of the check in `doctor` about the same fact
	About    []string   `json:"-" plist:"-"`         // programs, profiles, extensions or versions; foreign text
}

// Severity is what a reason means for the user.
type Severity string

// The severities.
const (
	Obstacle Severity = "obstacle" // a click on Allow does not work, or there is nothing to click
	Step     Severity = "step"     // the user still has to do something
	Note     Severity = "note"     // information only
)

// Catalog has one row for each reason, the most important first.
var Catalog = []struct {
	Code     ReasonCode
	Severity Severity
	Check    string
	holds    func(c *reasonCase) (about []string, holds bool)
}{
	{ReasonManaged, Obstacle, "mdm.kext-policy", func(c *reasonCase) ([]string, bool) {
		return named(c.Enforcement.Profile.Name), c.Verdict == Managed && c.Enforcement.Profile.ForbidsUsers()
	}},
	{ReasonBootManaged, Obstacle, "boot.policy", func(c *reasonCase) ([]string, bool) {
		return nil, c.Verdict == Managed && !c.Enforcement.Profile.ForbidsUsers()
	}},
	{ReasonNeedsRecovery, Obstacle, "boot.policy", func(c *reasonCase) ([]string, bool) { return nil, c.Verdict == NeedsRecovery }},
	{ReasonExternalDisk, Obstacle, "boot.volume", func(c *reasonCase) ([]string, bool) {
		return nil, c.unsupported() && c.Boot.External == probe.Yes
	}},
	{ReasonVirtualMac, Obstacle, "boot.volume", func(c *reasonCase) ([]string, bool) {
		return nil, c.unsupported() && c.Boot.Virtual == probe.Yes
	}},
	{ReasonNotAdmin, Obstacle, "session.admin", func(c *reasonCase) ([]string, bool) {
		// Up to 10.15 any user may approve. From 11 only administrators may,
		// unless a profile allows others (Apple, HT208019 and HT211860). macOS Recovery
		// asks for an administrator before it changes the startup security.
		needed := c.waits() || c.Verdict == NeedsRecovery
		return nil, needed && c.Mac.OS.AtLeast(11, 0) && c.Situation.Admin == probe.No &&
			c.Enforcement.Profile.NonAdminsAllow != probe.Yes
	}},
	{ReasonOtherUser, Obstacle, "session.console", func(c *reasonCase) ([]string, bool) {
		s := c.Situation // root (sudo) has no session: the user at the screen clicks
		other := s.UID != 0 && s.ConsoleUID >= 0 && s.ConsoleUID != s.UID
		return nil, c.waits() && s.Asked && (other || s.NobodyHere)
	}},
	{ReasonLocked, Obstacle, "session.locked", func(c *reasonCase) ([]string, bool) {
		return nil, c.waits() && c.Situation.Locked == probe.Yes
	}},
	{ReasonRemote, Obstacle, "session.remote", func(c *reasonCase) ([]string, bool) {
		return c.Situation.Remote, c.waits() && len(c.Situation.Remote) > 0
	}},
	{ReasonInputTool, Obstacle, "session.input-tools", func(c *reasonCase) ([]string, bool) {
		return c.Situation.InputTools, c.waits() && len(c.Situation.InputTools) > 0
	}},
	{ReasonPaneOpen, Obstacle, "settings.pane-open", func(c *reasonCase) ([]string, bool) {
		return nil, c.waits() && c.Situation.PaneOpen == probe.Yes
	}},
	{ReasonWindowOver, Obstacle, "window", func(c *reasonCase) ([]string, bool) { return nil, c.Verdict == BlockedClosed }},
	{ReasonUpdateAgain, Step, "parallels.asked", func(c *reasonCase) ([]string, bool) { return nil, c.Verdict == UpgradePending }},
	{ReasonRestart, Step, "restart", func(c *reasonCase) ([]string, bool) { return nil, c.Verdict == RestartPending }},
	{ReasonTooOld, Obstacle, "parallels.version", func(c *reasonCase) ([]string, bool) {
		if c.Made == nil || c.Need.Answer == probe.No || c.Product.Loaded {
			return nil, false
		}
		older, _ := c.Made.MadeForOlder(c.Mac.OS)
		return named(c.Made.MaxMacOS), older
	}},
	{ReasonExcluded, Step, "parallels.loaded", failedBy(probe.Excluded)},
	{ReasonWrongArch, Step, "parallels.loaded", failedBy(probe.WrongArch)},
	{ReasonBadOwnership, Step, "parallels.loaded", failedBy(probe.BadOwnership)},
	{ReasonInsecureLocation, Step, "parallels.loaded", failedBy(probe.InsecureLocation)},
	{ReasonBadSignature, Step, "parallels.loaded", failedBy(probe.BadSignature)},
	{ReasonMissingDependency, Step, "parallels.loaded", failedBy(probe.MissingDependency)},
	{ReasonApprovalLost, Step, "parallels.asked", func(c *reasonCase) ([]string, bool) { return nil, c.lost() }},
	{ReasonOlderLoaded, Step, "parallels.loaded", func(c *reasonCase) ([]string, bool) {
		about := c.which(Kext.OlderLoaded)
		return about, !c.Mac.OS.AtLeast(11, 0) && len(about) > 0
	}},
	{ReasonNotSeenLoaded, Note, "parallels.loaded", func(c *reasonCase) ([]string, bool) { return nil, c.Uncertain }},
	{ReasonError56521, Step, "parallels.loaded", func(c *reasonCase) ([]string, bool) {
		refused := slices.ContainsFunc(c.Attempts, func(t probe.Attempt) bool {
			return t.From == probe.FromRetry && t.TeamID == probe.ParallelsTeamID && t.Outcome == probe.Refused && !t.At.Before(c.Mac.BootedAt)
		})
		return nil, refused && !c.Product.Loaded
	}},
	{ReasonSystemExtension, Step, "system-extensions", func(c *reasonCase) ([]string, bool) {
		var waiting []string
		for _, e := range c.Situation.Extensions {
			if e.Waiting() {
				waiting = append(waiting, e.BundleID)
			}
		}
		return waiting, len(waiting) > 0
	}},
	{ReasonSIP, Note, "sip", func(c *reasonCase) ([]string, bool) {
		s := c.Enforcement.SIP
		return nil, s.KextApproval == probe.No || s.State == probe.SIPDisabled || s.State == probe.SIPCustom
	}},
	{ReasonConsentOff, Note, "kext-consent", func(c *reasonCase) ([]string, bool) {
		return nil, c.Enforcement.Consent.Enabled == probe.No
	}},
	{ReasonBootUnknown, Note, "boot.policy", func(c *reasonCase) ([]string, bool) {
		return nil, c.waits() && c.Mac.Arch == probe.AppleSilicon && c.Boot.Security == "" && !c.Mac.Offline
	}},
	{ReasonNothingTried, Note, "parallels.asked", func(c *reasonCase) ([]string, bool) { return nil, c.Verdict == NotAsked }},
	{ReasonNotNeeded, Note, "parallels.needed", func(c *reasonCase) ([]string, bool) {
		return nil, c.Verdict == NotNeeded && c.Need.Because != RuleAppleSilicon
	}},
	{ReasonAppleSilicon, Note, "parallels.needed", func(c *reasonCase) ([]string, bool) {
		return nil, c.Verdict == NotNeeded && c.Need.Because == RuleAppleSilicon
	}},
	{ReasonServiceDown, Note, "parallels.service", func(c *reasonCase) ([]string, bool) {
		return nil, c.App != nil && !c.Verdict.Blocked() && c.Situation.Service == probe.No
	}},
}

// reasonCase holds what a reason depends on: a product and its Mac.
type reasonCase struct {
	Product
	probe.Snapshot
}

// which returns the bundle IDs of the extensions that are so.
func (c *reasonCase) which(is func(Kext) bool) []string {
	var ids []string
	for _, k := range c.Product.Kexts() {
		if is(k) {
			ids = append(ids, k.BundleID)
		}
	}
	return ids
}

// failedBy holds if macOS refused an extension in this boot with this outcome.
func failedBy(outcome probe.Outcome) func(c *reasonCase) ([]string, bool) {
	return func(c *reasonCase) ([]string, bool) {
		about := c.which(func(k Kext) bool { return k.Failure == outcome })
		return about, len(about) > 0
	}
}

// waits reports whether there is, or may be, an Allow button to click.
func (c *reasonCase) waits() bool {
	return c.Verdict.Blocked() && c.Verdict != NeedsRecovery && c.Verdict != Managed || c.Verdict == UpgradePending
}

// unsupported reports whether macOS on an external disk, or in a virtual machine, may be
// why an extension does not load. That is known of Apple silicon only.
func (c *reasonCase) unsupported() bool {
	return c.Mac.Arch == probe.AppleSilicon && (c.waits() || c.Verdict == Managed || c.Verdict == LoadFailing || c.Verdict == CannotLoad)
}

// reasons returns the reasons that hold for a product. A reason about Parallels
// never holds for another product.
func (a *assessment) reasons(w watched, p Product) []Reason {
	if w.always && p.Verdict == NotInstalled {
		return nil
	}
	c := &reasonCase{p, a.snap}
	var all []Reason
	for _, r := range Catalog {
		if strings.HasPrefix(r.Check, "parallels.") && !w.parallels() {
			continue
		}
		if about, holds := r.holds(c); holds {
			all = append(all, Reason{r.Code, r.Severity, r.Check, about})
		}
	}
	return all
}

// named returns a list with the name, or an empty list for an empty name.
func named(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}
