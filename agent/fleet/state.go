package fleet

import (
	"cmp"
	"strings"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

// Schema is the version of the keys that fleet tools get. A key may be added to it. A
// key that is removed or changes its meaning needs a new one.
const Schema = 1

// Answer says in one word how a Mac is.
type Answer string

// The answers. A fleet tool compares with OK: a missing answer never counts as ok.
const (
	OK      Answer = "ok"      // nothing has to be done
	Action  Answer = "action"  // somebody has to do something
	Unknown Answer = "unknown" // a fact is missing that the verdict depends on
)

// State is what fleet tools get about one Mac. It names no person and no path. A
// verdict that is not certain is approval.Unknown.
type State struct {
	Answer   Answer
	Verdict  approval.Verdict
	Missing  []probe.Fact // of Unknown; may be empty
	Checked  time.Time
	MacOS    probe.OSVersion
	Arch     probe.Arch
	Source   probe.SourceName // of the policy; empty: none answered
	Offered  string           // the newest macOS that Software Update offers; empty: none newer, or not known
	Products []Product        // the most urgent first
}

// Product is one watched product. Those that are only listed, and those that the user
// ignores, are left out: they change neither the icon nor the verdict.
type Product struct {
	ID       string // stable
	Name     string
	TeamID   string // may be empty
	Version  string // of the application; empty: none, or not known
	Verdict  approval.Verdict
	ClosesAt time.Time // of an open window, in UTC; zero: none is open

	// With is what the offered macOS means for it; empty: none is offered, or not known.
	With approval.UpgradeResult
}

// New returns the state for fleet tools.
func New(st approval.Status) State {
	s := State{
		Answer: answerOf(st), Verdict: st.Verdict, Checked: st.At.UTC().Truncate(time.Second),
		MacOS: st.Mac.OS, Arch: st.Mac.Arch, Source: st.Source,
	}
	if s.Answer == Unknown {
		s.Verdict, s.Missing = approval.Unknown, view.OpenFacts(st)
	}
	with := map[string]approval.UpgradeResult{}
	if offer, offered := st.NewestOffer(); offered && st.Mac.OS.Known() {
		s.Offered = view.Clean(offer.Version)
		for _, f := range st.Upgrade(offer).Findings {
			with[f.Product.ID] = f.Result
		}
	}
	for _, p := range st.Products {
		if p.Listed || p.Ignored {
			continue
		}
		product := Product{ID: idOf(p), Name: view.Clean(p.Name), TeamID: view.Clean(p.TeamID), Verdict: p.Verdict, With: with[p.ID]}
		if !view.CertainOf(p, st) {
			product.Verdict = approval.Unknown
		}
		if p.App != nil {
			product.Version = view.Clean(p.App.Version)
		}
		if p.Window.Open() {
			product.ClosesAt = p.Window.ClosesAt.UTC().Truncate(time.Second)
		}
		s.Products = append(s.Products, product)
	}
	return s
}

func answerOf(st approval.Status) Answer {
	switch {
	case st.Verdict.NeedsAction():
		return Action
	case view.Certain(st):
		return OK
	}
	return Unknown
}

// idOf returns the ID of a product as a key: osquery joins the keys of a path with "/".
func idOf(p approval.Product) string {
	return strings.ReplaceAll(view.Clean(cmp.Or(p.ID, p.TeamID, p.Name)), "/", "_")
}

// Actions are the products for which somebody has to do something.
func (s State) Actions() []Product {
	var all []Product
	for _, p := range s.Products {
		if p.Verdict.NeedsAction() {
			all = append(all, p)
		}
	}
	return all
}

// waitsForRestart reports whether a verdict says that the Mac has to be restarted.
func waitsForRestart(v approval.Verdict) bool {
	return v == approval.RestartPending || v == approval.UpgradePending
}

func (p Product) restart() bool { return waitsForRestart(p.Verdict) }

// recovery reports whether only macOS Recovery or an MDM can help.
func (p Product) recovery() bool { return p.Verdict == approval.NeedsRecovery }

// tooOld reports whether the product is too old for the macOS that is offered.
func (p Product) tooOld() bool { return p.With == approval.NeedsNewer }

const missingMost = 3 // names of missing facts in one line

// Line is the state in one line that a person reads and a tool compares: the answer "ok"
// with the verdict of the Mac, the verdict and the name of each product for which
// something has to be done, or "unknown" with the missing facts.
func (s State) Line() string {
	switch s.Answer {
	case OK:
		return string(OK) + ": " + string(s.Verdict)
	case Action:
		var all []string
		for _, p := range s.Actions() {
			all = append(all, string(p.Verdict)+": "+inLine(p.Name))
		}
		return cmp.Or(strings.Join(all, "; "), string(s.Verdict))
	}
	var names []string
	for _, fact := range s.Missing[:min(len(s.Missing), missingMost)] {
		names = append(names, string(fact))
	}
	return UnknownLine(cmp.Or(strings.Join(names, ", "), "the verdict"))
}

// UnknownLine is the line of a state that is not known.
func UnknownLine(why string) string { return string(Unknown) + ": " + inLine(view.Clean(why)) }

// inLine removes the characters that separate the parts of a line from a foreign text: a
// product named "x; ok: approved" must not count as ok.
func inLine(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer(":", "", ";", "").Replace(text)), " ")
}
