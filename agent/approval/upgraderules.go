package approval

import (
	"slices"

	"kextwatch/probe"
)

// UpgradeRule says why an upgrade has its result for a product. Scripts rely on these
// values. Package agent/view has the texts.
type UpgradeRule string

// The rules for kernel extensions.
const (
	UpgradeNoCode         UpgradeRule = "no-code"            // no code for the processor
	UpgradeNoFireWire     UpgradeRule = "no-firewire"        // it needs FireWire
	UpgradeOtherProcessor UpgradeRule = "other-processor"    // the table says that it was made for the other processor
	UpgradeUnsureEntry    UpgradeRule = "unsure-entry"       // the row of the table is only a guess
	UpgradeContradicted   UpgradeRule = "entry-contradicted" // it is loaded on a macOS that the table does not name
	UpgradeOtherKext      UpgradeRule = "other-kext"         // that macOS uses another extension, which is not allowed
	UpgradePolicyUnread   UpgradeRule = "policy-not-read"    // that macOS uses another extension, which may be allowed
	UpgradeMadeFor        UpgradeRule = "made-for"           // the table names that macOS
	UpgradeDiskUnread     UpgradeRule = "disk-not-read"      // the extension for that macOS may be on the disk
	UpgradeNewerRelease   UpgradeRule = "newer-release"      // a newer release has an extension for that macOS
	UpgradeAfterTable     UpgradeRule = "after-table"        // that macOS is newer than all that the table knows of the product
	UpgradeMadeForOlder   UpgradeRule = "made-for-older"     // it was made for an older macOS
	UpgradeNoEntry        UpgradeRule = "no-entry"           // the table has no answer
)

// The rules for Parallels Desktop, beside UpgradeUnsureEntry and UpgradeNoEntry.
const (
	UpgradeAppUnread UpgradeRule = "app-not-read"       // its version could not be read
	UpgradeAppOlder  UpgradeRule = "app-made-for-older" // this version was made for an older macOS
	UpgradeAppFits   UpgradeRule = "app-made-for"       // this version was made for that macOS
)

// UpgradeRules lists every rule.
var UpgradeRules = []UpgradeRule{
	UpgradeNoCode, UpgradeNoFireWire, UpgradeOtherProcessor, UpgradeUnsureEntry, UpgradeContradicted, UpgradeOtherKext, UpgradePolicyUnread,
	UpgradeMadeFor, UpgradeDiskUnread, UpgradeNewerRelease, UpgradeAfterTable, UpgradeMadeForOlder, UpgradeNoEntry,
	UpgradeAppUnread, UpgradeAppOlder, UpgradeAppFits,
}

// upgradeRow is a row of a table of rules. source is where the rule itself comes from;
// empty: from the row of the product.
type upgradeRow struct {
	rule   UpgradeRule
	result UpgradeResult
	source string
	holds  func(c *upgradeCase) bool
}

// kextUpgrades has a row for each rule about extensions. The first row that holds decides.
// What macOS itself no longer has comes first: no entry of a table changes that.
var kextUpgrades = []upgradeRow{
	{UpgradeNoCode, NotLoadable, "the code of the extension on this disk", func(c *upgradeCase) bool {
		return slices.ContainsFunc(c.there(), func(k upgradeKext) bool { return k.hasNoCode(c.arch) })
	}},
	{UpgradeNoFireWire, NotLoadable, "listings of the kernel extensions of macOS 26.6", func(c *upgradeCase) bool {
		return c.to.AtLeast(26, 0) && slices.ContainsFunc(c.there(), func(k upgradeKext) bool { return k.needs(fireWire) })
	}},
	{UpgradeUnsureEntry, NotKnown, "", func(c *upgradeCase) bool { return c.row() != nil && c.row().Confidence == Unsure }},
	{UpgradeOtherProcessor, NotLoadable, "", func(c *upgradeCase) bool {
		return c.row() != nil && c.row().Arch != "" && c.arch != "" && c.row().Arch != c.arch &&
			!slices.ContainsFunc(c.there(), func(k upgradeKext) bool { return k.hasCode(c.arch) })
	}},
	{UpgradeContradicted, NotKnown, "", func(c *upgradeCase) bool {
		return slices.ContainsFunc(c.used, func(k upgradeKext) bool { return k.loaded != "" && k.row != nil && !k.row.fits(c.from) })
	}},
	{UpgradeOtherKext, NeedsApproval, "", func(c *upgradeCase) bool { return c.policyRead && c.asksAgain() }},
	{UpgradePolicyUnread, NotKnown, "", (*upgradeCase).asksAgain},
	{UpgradeMadeFor, Works, "", func(c *upgradeCase) bool { return len(c.later) > 0 }},
	{UpgradeDiskUnread, NotKnown, "", func(c *upgradeCase) bool { return c.newerRelease() && !c.diskRead }},
	{UpgradeNewerRelease, NeedsNewer, "", (*upgradeCase).newerRelease},
	{UpgradeAfterTable, NotKnown, "", func(c *upgradeCase) bool { return len(c.rows) > 1 }},
	{UpgradeMadeForOlder, NotLoadable, "", func(c *upgradeCase) bool { return c.row() != nil && c.to.After(c.row().MaxMacOS) }},
	{UpgradeNoEntry, NotKnown, "", func(*upgradeCase) bool { return true }},
}

// parallelsUpgrades has a row for each rule about Parallels Desktop. Its version decides,
// on Macs where it needs no extension, too.
var parallelsUpgrades = []upgradeRow{
	{UpgradeAppUnread, NotKnown, "", func(c *upgradeCase) bool { return c.product.App == nil || c.product.App.Version == "" }},
	{UpgradeNoEntry, NotKnown, "", func(c *upgradeCase) bool { return c.product.Made == nil }},
	{UpgradeUnsureEntry, NotKnown, "", func(c *upgradeCase) bool { return c.product.Made.Confidence == Unsure }},
	{UpgradeAppOlder, NeedsNewer, "", func(c *upgradeCase) bool { return c.product.MadeForOlder(c.to) }},
	{UpgradeAppFits, Works, "", func(c *upgradeCase) bool {
		return c.product.Made.fits(c.to) && (c.product.Made.Arch == "" || c.product.Made.Arch == c.arch)
	}},
	{UpgradeNoEntry, NotKnown, "", func(*upgradeCase) bool { return true }},
}

// upgradeCase holds what the rules depend on: a product, or those of its extensions that
// are one product of the table.
type upgradeCase struct {
	from, to             probe.OSVersion
	arch                 probe.Arch // the processor on which macOS will run; empty: not known
	product              Product
	policyRead, diskRead bool

	all   []upgradeKext
	used  []upgradeKext // those that are not left over
	later []upgradeKext // those on the disk for which the table names the newer macOS
	rows  []*KnownKexts // the rows of the product; none: it has no row
}

// group sets the extensions.
func (c *upgradeCase) group(all []upgradeKext) {
	c.all, c.used, c.rows = all, nil, nil
	for _, k := range all {
		if !k.leftover {
			c.used = append(c.used, k)
		}
	}
	if row := all[0].row; row != nil {
		for i := range knownKexts {
			if other := &knownKexts[i]; other.Product == row.Product && other.TeamID == row.TeamID {
				c.rows = append(c.rows, other)
			}
		}
	}
	c.setLater()
}

func (c *upgradeCase) setLater() {
	c.later = nil
	for _, k := range c.all {
		if k.row != nil && k.row.namesMacOS(c.to) && (k.installed() || !k.leftover) {
			c.later = append(c.later, k)
		}
	}
}

// earlier returns the case of the macOS before the upgrade, on this Mac's processor.
func (c upgradeCase) earlier(arch probe.Arch) *upgradeCase {
	c.to, c.arch = c.from, arch
	c.setLater()
	return &c
}

// namesMacOS reports whether a row says that the extensions are for a macOS. A row
// without a newest macOS does not.
func (v *KnownKexts) namesMacOS(os probe.OSVersion) bool {
	return v.MaxMacOS != "" && v.Confidence != Unsure && v.fits(os)
}

// there returns the extensions that the newer macOS will use.
func (c *upgradeCase) there() []upgradeKext {
	if len(c.later) > 0 {
		return c.later
	}
	return c.used
}

// row returns the row of the extensions that the newer macOS will use; nil: none.
func (c *upgradeCase) row() *KnownKexts { return c.there()[0].row }

// asksAgain reports whether macOS will ask for an approval of the extension that it uses
// then, as far as the policy was read: another one is allowed now, or is used now.
func (c *upgradeCase) asksAgain() bool {
	if len(c.later) == 0 || slices.ContainsFunc(c.later, func(k upgradeKext) bool { return k.allows }) {
		return false
	}
	isLater := func(k upgradeKext) bool {
		return slices.ContainsFunc(c.later, func(l upgradeKext) bool { return l.bundleID == k.bundleID })
	}
	return !slices.ContainsFunc(c.used, isLater) ||
		slices.ContainsFunc(c.all, func(k upgradeKext) bool { return k.allows && !isLater(k) })
}

// newerRelease reports whether the product has an extension for the newer macOS, in a
// release that is not on this Mac.
func (c *upgradeCase) newerRelease() bool {
	return len(c.later) == 0 && slices.ContainsFunc(c.rows, func(row *KnownKexts) bool { return row.namesMacOS(c.to) })
}

// finding returns what the first rule that holds says.
func (c *upgradeCase) finding(table []upgradeRow) Finding {
	f := Finding{Product: c.product, To: c.to, Confidence: Sure}
	i := slices.IndexFunc(table, func(row upgradeRow) bool { return row.holds(c) })
	f.Rule, f.Result, f.Source = table[i].rule, table[i].result, table[i].source
	if made := c.product.Made; c.product.isParallelsDesktop() {
		f.InUse = true
		if made != nil {
			f.Limit, f.Confidence, f.Source = made.MaxMacOS, made.Confidence, made.Source
		}
	} else {
		c.describe(&f)
	}
	if f.Result == NotKnown {
		f.Confidence = Unsure
	}
	return f
}

// describe adds to a finding what it is about, and where it comes from. The confidence of
// a row is in its team and bundle IDs: that its extensions do not load on a newer macOS is
// likely at most.
func (c *upgradeCase) describe(f *Finding) {
	for _, k := range c.there() {
		f.Kexts = append(f.Kexts, k.bundleID)
	}
	f.InUse = slices.ContainsFunc(c.all, func(k upgradeKext) bool { return k.allows || k.loaded != "" })
	row := c.row()
	if row == nil {
		return
	}
	f.Limit = row.MaxMacOS
	if c.newerRelease() {
		row = c.rows[slices.IndexFunc(c.rows, func(row *KnownKexts) bool { return row.namesMacOS(c.to) })]
	}
	if f.Source == "" {
		f.Confidence, f.Source = row.Confidence, row.Source
		if f.Rule == UpgradeMadeForOlder && f.Confidence == Sure {
			f.Confidence = Likely
		}
	}
}
