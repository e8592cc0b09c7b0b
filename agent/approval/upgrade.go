package approval

import (
	"slices"
	"strconv"
	"strings"

	"kextwatch/probe"
)

// UpgradeResult is what a newer macOS means for a product. Scripts rely on these values.
type UpgradeResult string

// The results. The zero value means that nothing was assessed.
const (
	NotLoadable   UpgradeResult = "cannot-load"
	NeedsNewer    UpgradeResult = "needs-newer-version"
	NeedsApproval UpgradeResult = "needs-approval"
	NotKnown      UpgradeResult = "not-known"
	Works         UpgradeResult = "works"
)

// UpgradeResults lists every result, worst first.
var UpgradeResults = []UpgradeResult{NotLoadable, NeedsNewer, NeedsApproval, NotKnown, Works}

// NeedsAction reports whether the user has to do something before or after the upgrade.
func (r UpgradeResult) NeedsAction() bool {
	return r == NotLoadable || r == NeedsNewer || r == NeedsApproval
}

// Upgrade is what a newer macOS means for the kernel extensions of a Mac.
type Upgrade struct {
	To        probe.OSVersion
	CannotRun bool      // no macOS of that version runs on this Mac. False: it does, or it is not known
	Findings  []Finding // one for each product, the worst first
}

// Finding is what a newer macOS means for one product.
type Finding struct {
	Product    Product
	To         probe.OSVersion
	Result     UpgradeResult
	Rule       UpgradeRule // why
	Kexts      []string    // the bundle IDs of the extensions that it is about
	Limit      string      // the newest macOS that they, or this Parallels, were made for; empty: not known
	Confidence Confidence  // Unsure if the result is NotKnown
	Source     string      // where that comes from; empty: not known

	InUse   bool // an extension of it is allowed or loaded now, or it is Parallels Desktop
	Already bool // its extensions cannot be loaded on the earlier macOS either
}

// NeedsAction reports whether the user has to do something.
func (u Upgrade) NeedsAction() bool {
	return u.CannotRun || slices.ContainsFunc(u.Findings, func(f Finding) bool { return f.Result.NeedsAction() })
}

// Known reports whether every result is known.
func (u Upgrade) Known() bool {
	return !slices.ContainsFunc(u.Findings, func(f Finding) bool { return f.Result == NotKnown })
}

// siliconOnly reports whether a macOS runs on Apple silicon only: from macOS 27 (Apple's
// device-management schema).
func siliconOnly(os probe.OSVersion) bool { return os.AtLeast(27, 0) }

// Upgrade returns what a newer macOS means for each product on this Mac. From macOS 27,
// the processor that counts is Apple's, even if this Mac has another one.
func (s Status) Upgrade(to probe.OSVersion) Upgrade { return s.upgrade(s.Mac.OS, to) }

func (s Status) upgrade(from, to probe.OSVersion) Upgrade {
	u := Upgrade{To: to, CannotRun: s.Mac.Arch == probe.Intel && siliconOnly(to)}
	facts := map[string]*kextFacts{}
	for _, f := range gather(s.Facts) {
		facts[f.id] = f
	}
	for _, p := range s.Products {
		if finding, ok := s.foresee(p, facts, from, to); ok {
			u.Findings = append(u.Findings, finding)
		}
	}
	slices.SortStableFunc(u.Findings, func(a, b Finding) int { return a.rank() - b.rank() })
	return u
}

func (f Finding) rank() int { return slices.Index(UpgradeResults, f.Result) }

// foresee returns the finding about one product. It returns false if nothing of the
// product is on this Mac.
func (s Status) foresee(p Product, facts map[string]*kextFacts, from, to probe.OSVersion) (Finding, bool) {
	c := upgradeCase{
		from: from, to: to, arch: s.Mac.Arch, product: p,
		policyRead: s.Source != "", diskRead: !probe.KextsUnread(s.Facts.Gaps),
	}
	if siliconOnly(to) {
		c.arch = probe.AppleSilicon
	}
	if p.isParallelsDesktop() {
		return c.finding(parallelsUpgrades), p.Verdict != NotInstalled || p.App != nil
	}
	var worst Finding
	found := false
	for _, group := range p.groups(facts) {
		c.group(group)
		if len(c.used) == 0 {
			continue // left over
		}
		finding := c.finding(kextUpgrades)
		finding.Already = finding.Result == NotLoadable && c.earlier(s.Mac.Arch).finding(kextUpgrades).Result == NotLoadable
		switch {
		case !found || finding.rank() < worst.rank():
			worst = finding
		case finding.Rule == worst.Rule:
			worst.Kexts = append(worst.Kexts, finding.Kexts...)
			worst.InUse = worst.InUse || finding.InUse
			worst.Already = worst.Already && finding.Already
		}
		found = true
	}
	return worst, found
}

// isParallelsDesktop reports whether this is the product for which the version of the
// application counts, and not its extensions.
func (p Product) isParallelsDesktop() bool {
	return p.TeamID == probe.ParallelsTeamID && p.Name == parallelsProducts[0].name
}

// groups returns the extensions of a product, those that the table has of one product
// together: each macOS may have its own.
func (p Product) groups(facts map[string]*kextFacts) [][]upgradeKext {
	var order []string
	groups := map[string][]upgradeKext{}
	for _, item := range p.Items {
		for _, k := range item.Kexts {
			f := facts[key(p.TeamID, k.BundleID)]
			if f == nil {
				f = &kextFacts{teamID: p.TeamID, bundleID: k.BundleID}
			}
			kext := upgradeKext{kextFacts: f, row: f.ownRow(), leftover: k.Leftover, allows: k.Allowed}
			name := k.BundleID
			if kext.row != nil {
				name = kext.row.Product
			}
			if groups[name] == nil {
				order = append(order, name)
			}
			groups[name] = append(groups[name], kext)
		}
	}
	var all [][]upgradeKext
	for _, name := range order {
		all = append(all, groups[name])
	}
	return all
}

// upgradeKext is an extension with what the status and the table say about it.
type upgradeKext struct {
	*kextFacts
	row      *KnownKexts // nil: none
	leftover bool
	allows   bool
}

// ownRow returns the row of the table that names this extension, or all of its team. A
// row that has other bundle IDs of the team says nothing about it.
func (f *kextFacts) ownRow() *KnownKexts {
	row := knownKext(f.teamID, f.bundleID)
	if row != nil && len(row.BundleIDs) > 0 && !slices.ContainsFunc(row.BundleIDs, func(id string) bool { return matchesID(id, f.bundleID) }) {
		return nil
	}
	return row
}

// hasNoCode reports whether no copy of an extension on the disk has code for a processor.
// An extension whose code was not read may have some.
func (f *kextFacts) hasNoCode(arch probe.Arch) bool {
	return arch != "" && len(f.disk) > 0 &&
		!slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return k.Code == nil || slices.Contains(k.Code, arch) })
}

// hasCode reports whether a copy on the disk has code for a processor.
func (f *kextFacts) hasCode(arch probe.Arch) bool {
	return slices.ContainsFunc(f.disk, func(k probe.Kext) bool { return slices.Contains(k.Code, arch) })
}

// Foreseen returns the findings about an offered macOS. An update within one release is no
// upgrade.
func (s Status) Foreseen(to probe.OSVersion) []Finding {
	if !laterMacOS(to, s.Mac.OS) {
		return nil
	}
	return slices.DeleteFunc(s.Upgrade(to).Findings, func(f Finding) bool { return f.Product.Ignored })
}

// Warnings returns the findings about which the user is warned before an upgrade.
func (s Status) Warnings(to probe.OSVersion) []Finding {
	return slices.DeleteFunc(s.Foreseen(to), func(f Finding) bool { return !f.news() })
}

// news reports whether a finding is worth an alert: the upgrade adds something to do. A
// product needs another approval only if it has one now.
func (f Finding) news() bool {
	return f.Result.NeedsAction() && !f.Already && !f.Product.Ignored && f.Product.TeamID != "" && (f.InUse || f.Result != NeedsApproval)
}

// newsOf returns what an upgrade of macOS among these updates changed for the products of
// other developers. What it means for Parallels Desktop follows from its verdict.
func (s Status) newsOf(updates []Update) []Finding {
	for _, u := range updates {
		version, _, _ := strings.Cut(u.From, " ")
		from := probe.OSVersion{Version: version}
		if u.Event == MacOSUpdated && laterMacOS(s.Mac.OS, from) {
			return slices.DeleteFunc(s.upgrade(from, s.Mac.OS).Findings, func(f Finding) bool { return !f.news() || f.Product.isParallelsDesktop() })
		}
	}
	return nil
}

// ParseMacOS returns a version of macOS that a person named, such as 27, 26.3 or 10.15.
// After macOS 15 came 26.
func ParseMacOS(text string) (probe.OSVersion, bool) {
	os := probe.OSVersion{Version: text}
	major := os.Major()
	return os, namedForm.MatchString(text) && (major == 10 && strings.Contains(text, ".") || major >= 11 && major <= 15 || major >= 26)
}

var namedForm = probe.Form{Expr: `^[1-9][0-9]{0,2}(\.(0|[1-9][0-9]{0,2})){0,2}$`}

// Older reports whether a version that a person named is older than a macOS. 26 stands for
// each release of 26.
func Older(named, os probe.OSVersion) bool {
	parts := strings.Split(os.Version, ".")
	same := parts[:min(len(parts), len(strings.Split(named.Version, ".")))]
	return os.Known() && compareVersions(named.Version, strings.Join(same, ".")) < 0
}

// NewestOffer returns the newest macOS that Software Update offers, if it is newer than
// the one of this Mac.
func (s Status) NewestOffer() (probe.OSVersion, bool) {
	newest := s.Mac.OS.Version
	for _, offer := range s.Facts.Updates.Offered {
		if compareVersions(offer.Version, newest) > 0 {
			newest = offer.Version
		}
	}
	return probe.OSVersion{Version: newest}, newest != s.Mac.OS.Version
}

// compareVersions compares two versions by their numbers. A missing number is 0.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if d := numberAt(x, i) - numberAt(y, i); d != 0 {
			return d
		}
	}
	return 0
}

func numberAt(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, _ := strconv.Atoi(parts[i])
	return n
}
