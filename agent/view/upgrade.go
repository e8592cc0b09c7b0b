package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// upgradeState holds the words for a result: with the macOS, and for an alert without it.
type upgradeState struct {
	result    approval.UpgradeResult
	on, short string
}

// upgradeStates has one row for each of approval.UpgradeResults. These tables are not maps,
// which would be made at each start.
var upgradeStates = []upgradeState{
	{approval.NotLoadable, "cannot be loaded on macOS %s", "will no longer load"},
	{approval.NeedsNewer, "needs a newer version for macOS %s", "needs a newer version"},
	{approval.NeedsApproval, "needs another approval on macOS %s", "needs another approval"},
	{approval.NotKnown, "not known for macOS %s", "is not known"},
	{approval.Works, "works on macOS %s", "works"},
}

// upgradeText holds the words for a rule about an upgrade of macOS: the facts, what %s in
// them stands for, and what the user can do. Without next there is nothing to do.
type upgradeText struct {
	rule  approval.UpgradeRule
	why   string
	about func(f approval.Finding) string
	next  func(f approval.Finding, st approval.Status) string
}

// upgradeWords has one row for each of approval.UpgradeRules.
var upgradeWords = []upgradeText{
	{approval.UpgradeNoCode, "its kernel extension has no code for %s", lackedProcessor, otherBuild},
	{approval.UpgradeOtherProcessor, "its kernel extension was not made for %s", lackedProcessor, otherBuild},
	{approval.UpgradeNoFireWire, "its kernel extension needs FireWire, which macOS 26 and later do not have", nil, withoutFireWire},
	{approval.UpgradeUnsureEntry, "kextwatch has only an unconfirmed report about it", nil, askDeveloper},
	{approval.UpgradeContradicted, "kextwatch knows its kernel extension only up to macOS %s, but it is loaded on a newer one", limit, askDeveloper},
	{approval.UpgradeOtherKext, "it has another kernel extension for that macOS (%s), which is not allowed yet", kextNames, allowThere},
	{approval.UpgradePolicyUnread, "it has another kernel extension for that macOS (%s), and kextwatch cannot read whether that is allowed", kextNames, readPolicy},
	{approval.UpgradeMadeFor, "its kernel extension was made for that macOS%s", noOtherApproval, nil},
	{approval.UpgradeDiskUnread, "kextwatch could not read whether its kernel extension for that macOS is on this Mac", nil, readDisk},
	{approval.UpgradeNewerRelease, "its kernel extension for that macOS is not on this Mac", nil, newerRelease},
	{approval.UpgradeAfterTable, "kextwatch knows its kernel extensions only up to macOS %s", limit, askDeveloper},
	{approval.UpgradeMadeForOlder, "its kernel extension was made for macOS up to %s", limit, withoutKext},
	{approval.UpgradeNoEntry, "kextwatch does not know whether it was made for that macOS", nil, askDeveloper},
	{approval.UpgradeAppUnread, "kextwatch cannot tell which version is installed", nil, askDeveloper},
	{approval.UpgradeAppOlder, "this version was made for macOS up to %s", limit, newerParallels},
	{approval.UpgradeAppFits, "this version was made for macOS up to %s", limit, nil},
}

func limit(f approval.Finding) string { return f.Limit }

func lackedProcessor(f approval.Finding) string {
	if f.To.AtLeast(27, 0) {
		return fmt.Sprintf("Apple silicon, and macOS %d runs on nothing else", f.To.Major())
	}
	return "the processor of this Mac"
}

func noOtherApproval(f approval.Finding) string {
	return when(f.InUse, ", and kextwatch knows of no reason for another approval")
}

func withoutFireWire(f approval.Finding, _ approval.Status) string {
	return fmt.Sprintf("use %s without FireWire, or keep a Mac with macOS 15 or earlier for it", f.Product.Name)
}

func readPolicy(_ approval.Finding, st approval.Status) string { return unknownNext(st) }

func readDisk(_ approval.Finding, st approval.Status) string {
	for _, g := range st.Gaps {
		if g.Source == probe.FactOtherKexts {
			return Clean(g.Next)
		}
	}
	return ""
}

// withoutKext is the way without an extension that was made for an older macOS.
func withoutKext(f approval.Finding, st approval.Status) string {
	if way := instead(f.Product, onNewer(st, f)); way != "" {
		return strings.TrimPrefix(way, "or ")
	}
	return fmt.Sprintf("ask the developer of %s for a version for that macOS%s", f.Product.Name, seePage(f))
}

// seePage names the page of the vendor in parentheses, if one is known.
func seePage(f approval.Finding) string { return named(" (%s)", pageOf(f.Product)) }

func newerParallels(f approval.Finding, st approval.Status) string {
	return updateFor(f.Product, st, f.To)
}

func otherBuild(f approval.Finding, _ approval.Status) string {
	if f.To.AtLeast(27, 0) {
		return fmt.Sprintf("install a version of %s that was made for Apple silicon%s, or remove it", f.Product.Name, seePage(f))
	}
	return fmt.Sprintf("install a version of %s that was made for this Mac%s, or remove it", f.Product.Name, seePage(f))
}

func askDeveloper(f approval.Finding, st approval.Status) string {
	if !otherVendor(f.Product) {
		return fmt.Sprintf("Parallels lists what each version needs (%s)", requirements)
	}
	ask := fmt.Sprintf("ask the developer of %s whether it works on macOS %s%s", f.Product.Name, f.To, seePage(f))
	if stranger(f.Product) != "" { // its name is that of the developer
		ask = fmt.Sprintf("ask %s whether it works on macOS %s", f.Product.Name, f.To)
	}
	return sentences(stranger(f.Product), ask, instead(f.Product, onNewer(st, f)))
}

// onNewer returns this Mac with the newer macOS of a finding.
func onNewer(st approval.Status, f approval.Finding) probe.Mac {
	mac := st.Mac
	mac.OS = f.To
	return mac
}

// allowThere says how the other extension is allowed on the newer macOS.
func allowThere(f approval.Finding, st approval.Status) string {
	if st.Facts.Enforcement.Profile.ForbidsUsers() {
		return fmt.Sprintf("ask your administrator to allow %s (team %s)", kextNames(f), Clean(f.Product.TeamID))
	}
	allow := OnScreen(st.Mac, "%s, then open %s, click {Allow} and restart the Mac", TryAgain(f.Product, f.To), PaneFor(onNewer(st, f)).Path)
	if f.To.Version != st.Mac.OS.Version {
		allow = "after the upgrade, " + allow
	}
	return sentences(allow, instead(f.Product, onNewer(st, f)))
}

func newerRelease(f approval.Finding, st approval.Status) string {
	return sentences(fmt.Sprintf("install the newest version of %s%s, and expect another approval and a restart", f.Product.Name, seePage(f)), instead(f.Product, onNewer(st, f)))
}

func kextNames(f approval.Finding) string {
	var names []string
	for _, id := range f.Kexts {
		names = append(names, Clean(id))
	}
	return list(names)
}

func stateOf(result approval.UpgradeResult) (on, short string) {
	i := slices.IndexFunc(upgradeStates, func(words upgradeState) bool { return words.result == result })
	return upgradeStates[i].on, upgradeStates[i].short
}

// findingState returns a finding in a few words.
func findingState(f approval.Finding) string {
	on, _ := stateOf(f.Result)
	return fmt.Sprintf(on, f.To.Version)
}

// findingInShort is a finding for an alert, without the macOS.
func findingInShort(f approval.Finding) string {
	_, short := stateOf(f.Result)
	return title(f.Product) + " " + short
}

func wordsOf(rule approval.UpgradeRule) upgradeText {
	i := slices.IndexFunc(upgradeWords, func(words upgradeText) bool { return words.rule == rule })
	return upgradeWords[i]
}

// findingWhy returns the facts behind a finding.
func findingWhy(f approval.Finding) string {
	words := wordsOf(f.Rule)
	why := words.why
	if words.about != nil {
		why = fmt.Sprintf(words.why, words.about(f))
	}
	return sentences(why, when(f.Already, "it cannot be loaded on this macOS either"))
}

// findingNext returns what the user can do. It is empty if there is nothing.
func findingNext(f approval.Finding, st approval.Status) string {
	if next := wordsOf(f.Rule).next; next != nil {
		return sentences(next(f, st))
	}
	return ""
}

// findingSource returns where a finding comes from. It is empty if that is not known.
func findingSource(f approval.Finding) string {
	if f.Source == "" {
		return ""
	}
	return fmt.Sprintf("%s (%s)", Clean(f.Source), f.Confidence)
}

// cannotRun says that a macOS does not run on this Mac.
func cannotRun(u approval.Upgrade) string {
	return fmt.Sprintf("This Mac cannot run macOS %s: it runs on Apple silicon only, and this Mac has an Intel processor.", u.To.Version)
}

func cannotRunNext(u approval.Upgrade) string {
	return sentences("macOS 26 is the newest macOS for Macs with an Intel processor", when(len(u.Findings) > 0, "what follows holds for a Mac with Apple silicon"))
}

// UpgradeText returns the output of `kextwatch upgrade-check`.
func UpgradeText(st approval.Status, u approval.Upgrade) Lines {
	var l Lines
	l.add(Headline, "macOS %s, for this Mac: %s", u.To.Version, macName(st.Mac))
	l.blank()
	if u.CannotRun {
		l.add(NoTone, "%s", cannotRun(u))
		l.labeled("Next", cannotRunNext(u))
	}
	for _, f := range u.Findings {
		l.add(findingTone(f), "%s: %s. %s", title(f.Product), findingState(f), findingWhy(f))
		l.next(withContact(findingNext(f, st), st))
		l.labeled("Source", findingSource(f))
	}
	gaps := UpgradeGaps(st)
	switch {
	case len(u.Findings) == 0 && len(gaps) > 0:
		l.add(NoTone, "kextwatch found no kernel extension of another developer where it could look.")
	case len(u.Findings) == 0:
		l.add(NoTone, "kextwatch found no kernel extension of another developer on this Mac.")
	}
	l.missing(gaps)
	l.blank()
	l.add(NoTone, "%s", upgradeCounts(u))
	return l
}

func findingTone(f approval.Finding) Tone {
	switch {
	case f.Result.NeedsAction():
		return Careful
	case f.Result == approval.Works:
		return Good
	}
	return Headline
}

func upgradeCounts(u approval.Upgrade) string {
	action, works, unknown := 0, 0, 0
	for _, f := range u.Findings {
		switch {
		case f.Result.NeedsAction():
			action++
		case f.Result == approval.Works:
			works++
		default:
			unknown++
		}
	}
	return fmt.Sprintf("%s, %s, %d not known", count(action, "1 needs action", "%d need action"), count(works, "1 works", "%d work"), unknown)
}

// upgradeFacts are the facts without which not every product is known.
var upgradeFacts = []probe.Fact{probe.FactMacOSVersion, probe.FactProcessor, probe.FactKextsOnDisk, probe.FactOtherKexts, probe.FactParallels}

// UpgradeGaps returns the missing facts without which something on this Mac may not be
// known.
func UpgradeGaps(st approval.Status) []probe.Gap {
	var gaps []probe.Gap
	c := newChecking(st, Own{})
	for _, fact := range upgradeFacts {
		if check, missing := c.missing("", []probe.Fact{fact}); missing {
			gaps = append(gaps, probe.Gap{Source: fact, Err: check.Detail, Next: check.Next})
		}
	}
	if st.Source == "" { // only the policy names the extensions in apps
		gaps = append(gaps, probe.Gap{Source: factPolicy, Err: factWords[factPolicy].why, Next: unknownNext(st)})
	}
	return gaps
}

// NoUpgradeText returns the output of `kextwatch upgrade-check` without a version to check.
func NoUpgradeText(st approval.Status) Lines {
	var l Lines
	why, next := noUpgrade(st)
	l.add(NoTone, "%s", why)
	l.labeled("Next", next)
	return l
}

// noUpgrade says that no version was named, and that Software Update offers no newer one.
func noUpgrade(st approval.Status) (why, next string) {
	next = fmt.Sprintf("Name a version, such as: kextwatch upgrade-check %d", max(27, st.Mac.OS.Major()+1))
	if check, missing := newChecking(st, Own{}).missing("", []probe.Fact{probe.FactOfferedUpdates}); missing {
		return sentences("kextwatch cannot read which macOS Software Update offers", check.Detail), next
	}
	return "Software Update offers no newer macOS, so nothing was checked.", next
}

// UpgradeDocument is the machine form of an upgrade check. What is not known is absent.
type UpgradeDocument struct {
	Schema    int              `json:"schema"`
	CheckedAt time.Time        `json:"checked_at"`
	Mac       macDoc           `json:"mac"`
	To        string           `json:"to,omitempty"`          // absent: none was named, and none is offered
	CanRun    *bool            `json:"mac_can_run,omitempty"` // false: not on this processor
	Products  []upgradeProduct `json:"products"`
	Gaps      []probe.Gap      `json:"gaps"`
	Why       string           `json:"why,omitempty"`
	Next      string           `json:"next,omitempty"`
}

type upgradeProduct struct {
	Name       string                 `json:"name"`
	TeamID     string                 `json:"team_id"`
	Version    string                 `json:"version,omitempty"`
	Result     approval.UpgradeResult `json:"result"`
	Rule       approval.UpgradeRule   `json:"rule"`
	Already    bool                   `json:"already"` // it cannot be loaded on this macOS either
	BundleIDs  []string               `json:"bundle_ids"`
	MadeFor    string                 `json:"made_for_macos,omitempty"`
	Why        string                 `json:"why"`
	Next       string                 `json:"next"` // empty: nothing
	Confidence approval.Confidence    `json:"confidence"`
	Source     string                 `json:"source,omitempty"`
}

// NewUpgradeDocument returns the machine form of an upgrade check.
func NewUpgradeDocument(st approval.Status, u approval.Upgrade) UpgradeDocument {
	doc := upgradeFrame(st)
	doc.To, doc.Gaps = u.To.Version, append(doc.Gaps, UpgradeGaps(st)...)
	if u.CannotRun {
		doc.CanRun, doc.Why, doc.Next = new(bool), cannotRun(u), cannotRunNext(u)
	}
	for _, f := range u.Findings {
		product := upgradeProduct{
			Name: f.Product.Name, TeamID: Clean(f.Product.TeamID), Result: f.Result, Rule: f.Rule, Already: f.Already, BundleIDs: []string{},
			MadeFor: f.Limit, Why: findingWhy(f), Next: findingNext(f, st), Confidence: f.Confidence, Source: Clean(f.Source),
		}
		if f.Product.App != nil {
			product.Version = Clean(f.Product.App.Version)
		}
		for _, id := range f.Kexts {
			product.BundleIDs = append(product.BundleIDs, Clean(id))
		}
		doc.Products = append(doc.Products, product)
	}
	return doc
}

// NewNoUpgradeDocument is the document of NoUpgrade.
func NewNoUpgradeDocument(st approval.Status) UpgradeDocument {
	doc := upgradeFrame(st)
	doc.Why, doc.Next = noUpgrade(st)
	return doc
}

func upgradeFrame(st approval.Status) UpgradeDocument {
	status := NewDocument(st)
	return UpgradeDocument{Schema: 1, CheckedAt: status.CheckedAt, Mac: status.Mac, Products: []upgradeProduct{}, Gaps: []probe.Gap{}}
}

// findingsInShort lists findings. An alert has room for a few lines.
func findingsInShort(findings []approval.Finding) []string {
	const most = 3
	var parts []string
	for _, f := range findings[:min(len(findings), most)] {
		parts = append(parts, findingInShort(f))
	}
	if more := len(findings) - most; more > 0 {
		parts = append(parts, count(more, "1 more product needs something", "%d more products need something"))
	}
	return parts
}

// beforeUpdate is the alert about an offered macOS. One finding has its next step;
// several are in doctor.
func beforeUpdate(n approval.Notice, st approval.Status, tray bool) string {
	const backup = "make a backup before you install it"
	if len(n.Findings) != 1 {
		where := "kextwatch doctor has the steps"
		if tray {
			where = "choose Doctor… in the kextwatch menu for the steps"
		}
		return sentences(append(findingsInShort(n.Findings), where, backup)...)
	}
	return sentences(findingSteps(n.Findings[0], st),
		when(n.Findings[0].Result == approval.NeedsNewer, "keep automatic macOS updates off until then"), backup)
}

// findingSteps is a finding with its next step, for an alert.
func findingSteps(f approval.Finding, st approval.Status) string {
	return sentences(findingInShort(f), when(f.Result == approval.NotLoadable, findingWhy(f)), findingNext(f, st))
}

// changedByUpgrade says which products need something since an upgrade of macOS.
func changedByUpgrade(n approval.Notice, st approval.Status) string {
	if len(n.Findings) == 1 {
		return findingSteps(n.Findings[0], st)
	}
	return sentences(findingsInShort(n.Findings)...)
}
