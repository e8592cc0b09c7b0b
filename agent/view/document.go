package view

import (
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Document is the machine form of a status: `status --json`, and status.plist
// for programs that read property lists. False is always written; what is not
// known is absent or empty.
type Document struct {
	Schema    int              `json:"schema" plist:"schema"`
	CheckedAt time.Time        `json:"checked_at" plist:"checked_at"`
	Verdict   approval.Verdict `json:"verdict" plist:"verdict"`
	Mac       macDoc           `json:"mac" plist:"mac"`
	Policy    policyDoc        `json:"policy" plist:"policy"`
	Products  []productDoc     `json:"products" plist:"products"`
	Gaps      []probe.Gap      `json:"gaps" plist:"gaps"`
}

type macDoc struct {
	MacOS       string     `json:"macos" plist:"macos"`
	Build       string     `json:"build" plist:"build"`
	Extra       string     `json:"extra" plist:"extra"`
	Arch        probe.Arch `json:"arch" plist:"arch"`
	BootedAt    *time.Time `json:"booted_at,omitempty" plist:"booted_at,omitempty"`
	BootSession string     `json:"boot_session" plist:"boot_session"`
}

type policyDoc struct {
	Source  probe.SourceName `json:"source" plist:"source"`
	ReadAt  *time.Time       `json:"read_at,omitempty" plist:"read_at,omitempty"`
	Sources []probe.Source   `json:"sources" plist:"sources"`
}

type productDoc struct {
	Name      string           `json:"name" plist:"name"`
	TeamID    string           `json:"team_id" plist:"team_id"`
	Developer string           `json:"developer" plist:"developer"`
	Version   string           `json:"version" plist:"version"`
	Build     string           `json:"build" plist:"build"`
	Path      string           `json:"path" plist:"path"`
	Edition   probe.Edition    `json:"edition" plist:"edition"`
	Verdict   approval.Verdict `json:"verdict" plist:"verdict"`
	Why       string           `json:"why" plist:"why"`
	Next      string           `json:"next" plist:"next"`
	Window    *WindowDoc       `json:"window,omitempty" plist:"window,omitempty"`
	Reasons   []Reason         `json:"reasons" plist:"reasons"`
	Needed    probe.Answer     `json:"needed" plist:"needed"`
	MadeFor   string           `json:"made_for_macos,omitempty" plist:"made_for_macos,omitempty"`
	Machines  []machineDoc     `json:"virtual_machines" plist:"virtual_machines"`
	Items     []itemDoc        `json:"items" plist:"items"`
}

// machineDoc is a virtual machine. Stuck: it cannot start before an approval.
type machineDoc struct {
	Name       string           `json:"name" plist:"name"`
	State      probe.VMState    `json:"state" plist:"state"`
	Hypervisor probe.Hypervisor `json:"hypervisor" plist:"hypervisor"`
	Nested     probe.Answer     `json:"nested_virtualization" plist:"nested_virtualization"`
	Stuck      bool             `json:"stuck" plist:"stuck"`
}

type WindowDoc struct {
	OpenedAt    time.Time      `json:"opened_at" plist:"opened_at"`
	ClosesAt    time.Time      `json:"closes_at" plist:"closes_at"`
	MinutesLeft int            `json:"minutes_left" plist:"minutes_left"`
	Basis       approval.Basis `json:"basis" plist:"basis"`
	Reopened    int            `json:"reopened" plist:"reopened"`
}

type itemDoc struct {
	Name     string           `json:"name" plist:"name"`
	Verdict  approval.Verdict `json:"verdict" plist:"verdict"`
	Window   *WindowDoc       `json:"window,omitempty" plist:"window,omitempty"`
	Attempts []attemptDoc     `json:"attempts" plist:"attempts"`
	Kexts    []kextDoc        `json:"kexts" plist:"kexts"`
}

type attemptDoc struct {
	At       time.Time      `json:"at" plist:"at"`
	Evidence approval.Basis `json:"evidence" plist:"evidence"`
	BundleID string         `json:"bundle_id" plist:"bundle_id"`
}

type kextDoc struct {
	BundleID      string             `json:"bundle_id" plist:"bundle_id"`
	Path          string             `json:"path" plist:"path"`
	Allowed       bool               `json:"allowed" plist:"allowed"`
	AllowedBy     approval.AllowedBy `json:"allowed_by" plist:"allowed_by"`
	Loaded        bool               `json:"loaded" plist:"loaded"`
	LoadedVersion string             `json:"loaded_version" plist:"loaded_version"`
	DiskVersion   string             `json:"disk_version" plist:"disk_version"`
	LastSeen      *time.Time         `json:"last_seen,omitempty" plist:"last_seen,omitempty"`
	Leftover      bool               `json:"leftover" plist:"leftover"`
}

func NewDocument(st approval.Status) Document {
	doc := Document{
		Schema: 1, CheckedAt: st.At.Truncate(time.Second), Verdict: st.Verdict,
		Mac: macDoc{
			MacOS: st.Mac.OS.Version, Build: st.Mac.OS.Build, Extra: st.Mac.OS.Extra,
			Arch: st.Mac.Arch, BootedAt: known(st.Mac.BootedAt), BootSession: st.Mac.BootSession,
		},
		Policy:   policyDoc{Source: st.Source, ReadAt: known(st.ReadAt), Sources: []probe.Source{}},
		Products: []productDoc{},
		Gaps:     []probe.Gap{},
	}
	for _, s := range st.Sources {
		s.Reason, s.Next = Clean(s.Reason), Clean(s.Next)
		doc.Policy.Sources = append(doc.Policy.Sources, s)
	}
	for _, p := range st.Products {
		doc.Products = append(doc.Products, newProductDoc(p, st))
	}
	for _, g := range st.Gaps {
		g.Err, g.Next = Clean(g.Err), Clean(g.Next)
		doc.Gaps = append(doc.Gaps, g)
	}
	return doc
}

func newProductDoc(p approval.Product, st approval.Status) productDoc {
	doc := productDoc{
		Name: p.Name, TeamID: p.TeamID, Developer: Clean(p.Developer), Verdict: p.Verdict,
		Why: Why(p, st), Next: Next(p, st), Window: NewWindowDoc(p.Window),
		Reasons: Reasons(p, st), Needed: p.Need.Answer, Machines: machineDocs(p, st), Items: []itemDoc{},
	}
	if p.Made != nil {
		doc.MadeFor = p.Made.MaxMacOS
	}
	if p.App != nil {
		doc.Version, doc.Build, doc.Path, doc.Edition = Clean(p.App.Version), Clean(p.App.Build), p.App.Path, p.App.Edition
	}
	for _, item := range p.Items {
		i := itemDoc{Name: Clean(item.Name), Verdict: item.Verdict, Window: NewWindowDoc(item.Window), Attempts: []attemptDoc{}, Kexts: []kextDoc{}}
		for _, a := range item.Attempts {
			i.Attempts = append(i.Attempts, attemptDoc{a.At, a.Evidence, Clean(a.BundleID)})
		}
		for _, k := range item.Kexts {
			i.Kexts = append(i.Kexts, kextDoc{
				BundleID: Clean(k.BundleID), Path: Clean(k.Path), Allowed: k.Allowed, AllowedBy: k.AllowedBy,
				Loaded: k.Loaded, LoadedVersion: Clean(k.LoadedVersion), DiskVersion: Clean(k.DiskVersion),
				LastSeen: known(k.LastSeen), Leftover: k.Leftover,
			})
		}
		doc.Items = append(doc.Items, i)
	}
	return doc
}

// machineDocs are the virtual machines, of Parallels Desktop alone.
func machineDocs(p approval.Product, st approval.Status) []machineDoc {
	docs := []machineDoc{}
	if p.App == nil || p.App.TeamID != probe.ParallelsTeamID {
		return docs
	}
	waits := p.Verdict.NeedsAction()
	for _, vm := range st.Facts.Machines.List {
		docs = append(docs, machineDoc{
			Clean(vm.Name), vm.State, vm.Hypervisor, vm.Nested, waits && vm.Hypervisor == probe.ParallelsHypervisor,
		})
	}
	return docs
}

func NewWindowDoc(w *approval.Window) *WindowDoc {
	if w == nil {
		return nil
	}
	return &WindowDoc{w.OpenedAt.UTC(), w.ClosesAt.UTC(), w.MinutesLeft(), w.Basis, w.Reopened}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
