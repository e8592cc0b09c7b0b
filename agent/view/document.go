package view

import (
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// Document is the machine form of a status: `status --json`, and status.plist
// for programs that read property lists. What is not known is absent: false, an empty
// text and an empty list are answers.
type Document struct {
	Schema    int              `json:"schema" plist:"schema"`
	CheckedAt time.Time        `json:"checked_at" plist:"checked_at"`
	Verdict   approval.Verdict `json:"verdict" plist:"verdict"`
	Mac       macDoc           `json:"mac" plist:"mac"`
	Policy    policyDoc        `json:"policy" plist:"policy"`
	User      *personDoc       `json:"user,omitempty" plist:"user,omitempty"` // for root: whose settings and memory were read
	Products  []productDoc     `json:"products" plist:"products"`
	Gaps      []probe.Gap      `json:"gaps" plist:"gaps"`
}

type macDoc struct {
	MacOS       string     `json:"macos,omitempty" plist:"macos,omitempty"`
	Build       string     `json:"build,omitempty" plist:"build,omitempty"`
	Extra       *string    `json:"extra,omitempty" plist:"extra,omitempty"`
	Arch        probe.Arch `json:"arch,omitempty" plist:"arch,omitempty"`
	BootedAt    *time.Time `json:"booted_at,omitempty" plist:"booted_at,omitempty"`
	BootSession string     `json:"boot_session,omitempty" plist:"boot_session,omitempty"`
	Boot        *bootDoc   `json:"boot,omitempty" plist:"boot,omitempty"` // of Apple silicon only
}

// bootDoc is a probe.Boot.
type bootDoc struct {
	Security  probe.Security `json:"security,omitempty" plist:"security,omitempty"`
	UserKexts probe.Answer   `json:"user_kexts,omitempty" plist:"user_kexts,omitempty"`
	MDMKexts  probe.Answer   `json:"mdm_kexts,omitempty" plist:"mdm_kexts,omitempty"`
	External  probe.Answer   `json:"external,omitempty" plist:"external,omitempty"`
	Virtual   probe.Answer   `json:"virtual,omitempty" plist:"virtual,omitempty"`
}

type policyDoc struct {
	Source  probe.SourceName `json:"source,omitempty" plist:"source,omitempty"`
	ReadAt  *time.Time       `json:"read_at,omitempty" plist:"read_at,omitempty"`
	Sources []probe.Source   `json:"sources" plist:"sources"`
}

type productDoc struct {
	Name      string           `json:"name" plist:"name"`
	TeamID    string           `json:"team_id" plist:"team_id"`
	Developer string           `json:"developer,omitempty" plist:"developer,omitempty"`
	Version   string           `json:"version,omitempty" plist:"version,omitempty"`
	Build     string           `json:"build,omitempty" plist:"build,omitempty"`
	Path      string           `json:"path,omitempty" plist:"path,omitempty"`
	Edition   probe.Edition    `json:"edition,omitempty" plist:"edition,omitempty"`
	Verdict   approval.Verdict `json:"verdict" plist:"verdict"`
	Listed    bool             `json:"listed,omitempty" plist:"listed,omitempty"` // it changes neither the icon nor the exit status
	Ignored   bool             `json:"ignored,omitempty" plist:"ignored,omitempty"`
	Why       string           `json:"why" plist:"why"`
	Next      string           `json:"next" plist:"next"` // empty: nothing
	Window    *WindowDoc       `json:"window,omitempty" plist:"window,omitempty"`
	Reasons   []Reason         `json:"reasons" plist:"reasons"`
	Needed    probe.Answer     `json:"needed,omitempty" plist:"needed,omitempty"`
	MadeFor   string           `json:"made_for_macos,omitempty" plist:"made_for_macos,omitempty"`
	Machines  *[]machineDoc    `json:"virtual_machines,omitempty" plist:"virtual_machines,omitempty"`
	Items     []itemDoc        `json:"items" plist:"items"`
}

// machineDoc is a virtual machine. Stuck: it cannot start before an approval.
type machineDoc struct {
	Name       string           `json:"name" plist:"name"`
	State      probe.VMState    `json:"state,omitempty" plist:"state,omitempty"`
	Hypervisor probe.Hypervisor `json:"hypervisor,omitempty" plist:"hypervisor,omitempty"`
	Nested     probe.Answer     `json:"nested_virtualization,omitempty" plist:"nested_virtualization,omitempty"`
	Stuck      *bool            `json:"stuck,omitempty" plist:"stuck,omitempty"`
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
	Verdict  approval.Verdict `json:"verdict,omitempty" plist:"verdict,omitempty"` // absent: all its kexts are left over
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
	BundleID      string              `json:"bundle_id" plist:"bundle_id"`
	Path          string              `json:"path,omitempty" plist:"path,omitempty"`
	Allowed       *bool               `json:"allowed,omitempty" plist:"allowed,omitempty"`
	AllowedBy     *approval.AllowedBy `json:"allowed_by,omitempty" plist:"allowed_by,omitempty"`
	Loaded        *bool               `json:"loaded,omitempty" plist:"loaded,omitempty"`
	LoadedVersion *string             `json:"loaded_version,omitempty" plist:"loaded_version,omitempty"`
	DiskVersion   string              `json:"disk_version,omitempty" plist:"disk_version,omitempty"`
	LastSeen      *time.Time          `json:"last_seen,omitempty" plist:"last_seen,omitempty"`
	Leftover      *bool               `json:"leftover,omitempty" plist:"leftover,omitempty"`
}

func NewDocument(st approval.Status) Document {
	doc := Document{
		Schema: 1, CheckedAt: st.At.UTC().Truncate(time.Second), Verdict: st.Verdict,
		Mac: macDoc{
			MacOS: st.Mac.OS.Version, Build: st.Mac.OS.Build, Extra: ifKnown(st.Mac.OS.Extra, st.Mac.OS.Known()),
			Arch: st.Mac.Arch, BootedAt: known(st.Mac.BootedAt), BootSession: st.Mac.BootSession,
			Boot: ifKnown(bootDoc(st.Facts.Boot), st.Facts.Boot != probe.Boot{}),
		},
		Policy:   policyDoc{Source: st.Source, ReadAt: known(st.ReadAt), Sources: []probe.Source{}},
		User:     ifKnown(personDoc{Clean(st.Facts.Person.Name), st.Facts.Person.By}, st.Facts.Person.By != ""),
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
	for _, g := range missingFacts(st) {
		g.Err, g.Next = Clean(g.Err), Clean(g.Next)
		doc.Gaps = append(doc.Gaps, g)
	}
	return doc
}

// WithoutNow returns the document without what changes although nothing happens: the time
// of the snapshot, and the minutes left.
func (d Document) WithoutNow() Document {
	d.CheckedAt, d.Policy.ReadAt = time.Time{}, nil
	d.Products = slices.Clone(d.Products)
	for i := range d.Products {
		p := &d.Products[i]
		p.Window = p.Window.withoutNow()
		p.Items = slices.Clone(p.Items)
		for j := range p.Items {
			p.Items[j].Window = p.Items[j].Window.withoutNow()
		}
	}
	return d
}

func (w *WindowDoc) withoutNow() *WindowDoc {
	if w == nil {
		return nil
	}
	is := *w
	is.MinutesLeft = 0
	return &is
}

func newProductDoc(p approval.Product, st approval.Status) productDoc {
	doc := productDoc{
		Name: p.Name, TeamID: Clean(p.TeamID), Developer: Clean(p.Developer), Verdict: p.Verdict, Listed: p.Listed, Ignored: p.Ignored,
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
			i.Attempts = append(i.Attempts, attemptDoc{a.At.UTC(), a.Evidence, Clean(a.BundleID)})
		}
		for _, k := range item.Kexts {
			is := newKnowledge(k, st)
			i.Kexts = append(i.Kexts, kextDoc{
				BundleID: Clean(k.BundleID), Path: Clean(k.Path),
				Allowed: ifKnown(k.Allowed, is.allowed), AllowedBy: ifKnown(k.AllowedBy, is.allowed),
				Loaded: ifKnown(k.Loaded, is.loaded), LoadedVersion: ifKnown(Clean(k.LoadedVersion), is.loaded),
				DiskVersion: Clean(k.DiskVersion), LastSeen: known(k.LastSeen), Leftover: ifKnown(k.Leftover, is.leftover),
			})
		}
		doc.Items = append(doc.Items, i)
	}
	return doc
}

// machineDocs are the virtual machines, of Parallels Desktop alone. It returns nil if
// no source lists them.
func machineDocs(p approval.Product, st approval.Status) *[]machineDoc {
	docs := []machineDoc{}
	if p.App == nil || p.App.TeamID != probe.ParallelsTeamID {
		return &docs
	}
	machines := st.Facts.Machines
	if !machines.Known && len(machines.List) == 0 {
		return nil
	}
	for _, vm := range machines.List {
		docs = append(docs, machineDoc{Clean(vm.Name), vm.State, vm.Hypervisor, vm.Nested, stuckDoc(p, vm)})
	}
	return &docs
}

// stuckDoc tells whether a virtual machine cannot start before an approval; nil: not
// known.
func stuckDoc(p approval.Product, vm probe.VM) *bool {
	waits := p.Verdict.NeedsAction()
	known := vm.Hypervisor == probe.AppleHypervisor || p.Verdict != approval.Unknown && (!waits || vm.Hypervisor != "")
	return ifKnown(waits && vm.Hypervisor == probe.ParallelsHypervisor, known)
}

func NewWindowDoc(w *approval.Window) *WindowDoc {
	if w == nil {
		return nil
	}
	return &WindowDoc{w.OpenedAt.UTC(), w.ClosesAt.UTC(), w.MinutesLeft(), w.Basis, w.Reopened}
}

func ifKnown[T any](value T, known bool) *T {
	if !known {
		return nil
	}
	return &value
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
