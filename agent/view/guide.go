package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// Guide holds the steps for one product on this Mac, as one page to print or to read on
// a phone: the Mac may be off during some of them. Its JSON is that of `guide --json`.
type Guide struct {
	Schema  int              `json:"schema"`
	Product string           `json:"product"` // empty: kextwatch watches none
	TeamID  string           `json:"team_id"`
	Verdict approval.Verdict `json:"verdict"`
	Title   string           `json:"title"`
	Why     string           `json:"why"`
	Notes   []string         `json:"notes"`             // to read before the first step
	Steps   []GuideStep      `json:"steps"`             // empty: nothing to do; the last note says so
	Message string           `json:"message,omitempty"` // to send to the administrator
	Without string           `json:"without,omitempty"` // the way without a kernel extension
	Page    string           `json:"page,omitempty"`    // of the vendor

	WithoutFirst bool        `json:"-"` // Without is better than the steps
	Mac          string      `json:"-"`
	Made         time.Time   `json:"-"`
	Version      string      `json:"-"` // of kextwatch
	Shape        notify.Icon `json:"-"`
	Icon         []byte      `json:"-"` // see Head
}

// GuideStep is one step. Its number stays the same while the user follows the guide.
type GuideStep struct {
	Number int       `json:"number"`
	State  StepState `json:"state"`
	Do     string    `json:"do"`
	See    string    `json:"see,omitempty"`  // what the screen shows then
	Help   string    `json:"help,omitempty"` // if it does not

	recovery bool // it changes the boot policy: the Mac is off, or in macOS Recovery
}

// StepState is the state of a step, as far as the facts about the Mac show it.
type StepState string

// The states of a step.
const (
	StepDone     StepState = "done"
	StepNow      StepState = "now"
	StepLater    StepState = "later"
	StepIfNeeded StepState = "if-needed" // the fact that decides is not known; the step says how to tell
)

// stepsOf returns the steps for a product whose verdict has them.
type stepsOf func(p approval.Product, st approval.Status) []GuideStep

// GuideProduct returns the product that the guide is about unless the user names one: the
// leading one, or the first that needs something. One that is only listed can need the
// next step, too: nothing tries to load it while the Mac is in macOS Recovery, and it may
// need a restart after the approval.
func GuideProduct(st approval.Status) (p approval.Product, found bool) {
	leading, leads := st.Leading()
	if leads && (leading.Verdict.NeedsAction() || leading.Window.Open()) {
		return leading, true
	}
	for _, p := range st.Products {
		if p.Verdict.NeedsAction() && !p.Ignored {
			return p, true
		}
	}
	if !leads && len(st.Products) > 0 {
		return st.Products[0], true
	}
	if leading.Verdict == approval.NotInstalled || leading.Verdict == approval.NotNeeded {
		if i := slices.IndexFunc(st.Products, mayNeedRestart); i >= 0 {
			return st.Products[i], true
		}
	}
	return leading, leads
}

// mayNeedRestart reports whether a product is approved and nothing shows that macOS would
// load it.
func mayNeedRestart(p approval.Product) bool { return p.Uncertain && !p.Ignored }

// GuideTo returns the guide for GuideProduct.
func GuideTo(st approval.Status) Guide {
	if p, found := GuideProduct(st); found {
		return NewGuide(p, st)
	}
	title, next := noneWaits(st)
	return Guide{
		Schema: 1, Verdict: st.Verdict, Title: title, Notes: orNone([]string{next}), Steps: []GuideStep{},
		Mac: macLine(st.Mac, stamp), Made: st.At, Shape: shapeOnPage(st, nil),
	}
}

// hasSteps reports whether the guide for GuideProduct has steps.
func hasSteps(st approval.Status) bool {
	p, found := GuideProduct(st)
	return found && len(guideSteps(p, st)) > 0
}

// only returns the status of a Mac with this product alone.
func only(p approval.Product, st approval.Status) approval.Status {
	p.Listed = false
	st.Verdict, st.Products = p.Verdict, []approval.Product{p}
	return st
}

// NewGuide returns the guide for a product.
func NewGuide(p approval.Product, st approval.Status) Guide {
	g := Guide{
		Schema: 1, Product: p.Name, TeamID: Clean(p.TeamID), Verdict: p.Verdict,
		Title: fmt.Sprintf("%s: %s", title(p), stateOnPage(p, st)), Why: whyOnPage(p, st), Steps: guideSteps(p, st),
		Mac: macLine(st.Mac, stamp), Made: st.At, Shape: shapeOnPage(only(p, st), nil),
	}
	if len(g.Steps) == 0 {
		notes := []string{Next(p, st), leftToDo(p, st)}
		if names := openNamesOnMac(st); names != "" && openNames(p, st) == "" {
			notes = append(notes, cannotTell(names))
		}
		g.Notes = orNone(notes)
		return g
	}
	g.Notes = append(guideNotes(p, st, g.Steps), present(contactLine(st))...)
	if otherVendor(p) { // that of Parallels is in the notes
		g.Page = pageOf(p)
	}
	switch p.Verdict {
	case approval.Managed:
		g.Message = toAdministrator(p, st)
	case approval.NeedsRecovery, approval.CannotLoad:
		g.WithoutFirst = !otherVendor(p) || vendorWords(p.Name).better
	case approval.RestartPending, approval.Incompatible, approval.Unknown:
		return g
	}
	way := withoutKexts(p, st.Mac)
	g.Without = sentence(strings.TrimPrefix(strings.TrimPrefix(way, "or "), "Or "))
	return g
}

// guideSteps returns the numbered steps. Without steps of its own, a verdict that asks for
// something has one: the next step.
func guideSteps(p approval.Product, st approval.Status) []GuideStep {
	steps := []GuideStep{} // a document has an empty list, not null
	switch words := verdictWords[p.Verdict]; {
	case words.at != 0:
		steps = approving(words.at, p, st)
	case words.steps != nil:
		steps = append(steps, words.steps(p, st)...)
	}
	if next := Next(p, st); len(steps) == 0 && next != "" && (p.Verdict.NeedsAction() || p.Verdict == approval.Unknown) {
		steps = append(steps, GuideStep{State: StepNow, Do: next})
	}
	for i := range steps {
		steps[i].Number = i + 1
	}
	return steps
}

// guideNotes returns what the user must read before the first step.
func guideNotes(p approval.Product, st approval.Status, steps []GuideStep) []string {
	notes := []string{strangerWarning(p)}
	if away := awayFromMac(steps); away != "" {
		notes = append(notes, fmt.Sprintf("Print these steps or photograph them with a phone: kextwatch cannot show them during steps %s.", away))
	}
	for _, r := range append(notSaidOfRecovery(p, st), obstacles(p, st)...) {
		notes = append(notes, sentences(r.Title, r.Text, r.Next))
	}
	switch {
	case p.Verdict.Blocked() && p.Verdict != approval.Managed && p.Verdict != approval.NeedsRecovery:
		notes = append(notes, besideButton(p, st))
	case p.Verdict == approval.LoadFailing || p.Verdict == approval.CannotLoad:
		notes = append(notes, sentence(failingPage(p)))
	}
	return append([]string{}, present(notes...)...) // a document has an empty list, not null
}

// awayFromMac names the steps during which the Mac is off or in macOS Recovery.
func awayFromMac(steps []GuideStep) string {
	var numbers []string
	for _, s := range steps {
		if s.recovery && s.State != StepDone {
			numbers = append(numbers, fmt.Sprint(s.Number))
		}
	}
	return strings.Join(numbers, " and ")
}

// notSaidOfRecovery returns the reasons why a change in macOS Recovery may not help.
// approval gives them beside an Allow button only.
func notSaidOfRecovery(p approval.Product, st approval.Status) []Reason {
	var all []Reason
	add := func(answer probe.Answer, code approval.ReasonCode) {
		if p.Verdict == approval.NeedsRecovery && answer == probe.Yes {
			all = append(all, withWords(approval.Reason{Code: code}, p, st))
		}
	}
	add(st.Facts.Boot.External, approval.ReasonExternalDisk)
	add(st.Facts.Boot.Virtual, approval.ReasonVirtualMac)
	return all
}

// toAdministrator is a message with what an administrator needs for a profile. The keys
// are those of Apple's payload SystemPolicyKernelExtensions.
func toAdministrator(p approval.Product, st approval.Status) string {
	const most = 20
	var ids []string
	for _, k := range p.Kexts() {
		if len(ids) < most {
			ids = append(ids, Clean(k.BundleID))
		}
	}
	lines := []string{
		fmt.Sprintf("Please allow the kernel extensions of %s on my Mac with a configuration profile (com.apple.syspolicy.kernel-extension-policy).", p.Name),
		"",
		fmt.Sprintf("Team ID, for AllowedTeamIdentifiers: %s", Clean(p.TeamID)),
		fmt.Sprintf("Or bundle IDs, for AllowedKernelExtensions: %s", strings.Join(ids, ", ")),
		fmt.Sprintf("Mac: %s", macName(st.Mac)),
	}
	for _, r := range p.Reasons {
		if name := list(r.About); r.Code == approval.ReasonManaged && name != "" {
			lines = append(lines, fmt.Sprintf("The profile that does not let me allow them: “%s”", name))
		}
	}
	if st.Mac.Arch == probe.AppleSilicon && st.Facts.Boot.MDMKexts != probe.Yes {
		lines = append(lines, "The Mac has Apple silicon, so this also needs Reduced Security with “Allow remote management of kernel extensions and automatic software updates”.")
	}
	return strings.Join(lines, "\n")
}

// Progress says at which step the user is, if a change in macOS Recovery is one of them:
// "Step 3 of 5". It is empty if that is not known.
func Progress(p approval.Product, st approval.Status) string {
	steps := guideSteps(p, st)
	if len(steps) == 0 || !steps[0].recovery || steps[0].State == StepIfNeeded {
		return ""
	}
	for _, s := range steps {
		if s.State == StepNow {
			return fmt.Sprintf("Step %d of %d", s.Number, len(steps))
		}
	}
	return ""
}
