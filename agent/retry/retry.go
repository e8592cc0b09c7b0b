// Package retry makes the kernel extensions of a product load again, with a method that
// is safe on this macOS. It makes Parallels Desktop try for an ordinary user: it runs no
// program of Parallels as root, and only Parallels' own tools talk to its service. For the
// products of other vendors, it makes macOS load the kernel extensions, which only root
// may. It runs no program of another vendor.
package retry

import (
	"context"
	"errors"
	"slices"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// Options select the Mac and the method.
type Options struct {
	Mac   root.FS
	Clock probe.Clock

	// Status is the state before the attempt. Memory belongs to it.
	Status approval.Status
	Memory approval.Memory
	Rules  approval.Settings

	// Run calls Snapshot every second, until the Allow button is there or the
	// Timeout is over. If it is nil, Run returns when Parallels has answered.
	Snapshot func(ctx context.Context, now time.Time, how mac.Options) probe.Snapshot
	Timeout  time.Duration
	Waited   func(time.Duration) // receives the progress of the wait; may be nil

	// Product is the product to try again. If it is nil, Run takes Parallels Desktop. If
	// Parallels needs nothing, it takes the first blocked product of another vendor.
	Product *approval.Product

	VM   string // the name or UUID of the virtual machine to start; empty: Run chooses the way
	User User   // nil: Run asks nothing and takes the first virtual machine that fits
}

// Plan is what Run is about to do: start or resume VM, load Kexts, or open Parallels
// Desktop.
type Plan struct {
	Product string
	VM      *probe.VM // nil: none; it is resumed if it is suspended
	Kexts   []string  // their paths
}

// User answers the questions of Run. Run returns its errors unchanged.
type User interface {
	// Choose returns one of the virtual machines.
	Choose(ctx context.Context, machines []probe.VM) (probe.VM, error)
	// Confirm reports whether to continue.
	Confirm(ctx context.Context, plan Plan) (bool, error)
}

// How names the method of the attempt.
type How string

const (
	Nothing  How = "nothing"
	OpenApp  How = "open-app"
	StartVM  How = "start-vm"
	ResumeVM How = "resume-vm"
	LoadKext How = "load-kext"
)

// Result is the result of a retry.
type Result struct {
	How      How
	Declined bool             // the user answered no
	VM       *probe.VM        // the virtual machine that was started
	Attempt  *probe.Attempt   // what Parallels or macOS answered; nil: no answer
	Window   *approval.Window // nil: the button did not appear
	Status   approval.Status  // the newest
	Product  approval.Product // the product in Status
	Reasons  []view.Reason    // why the button did not appear, the likeliest first
	Help     string           // the address of Parallels' page about it
}

// Outcome returns the outcome of the load that Parallels or macOS reported.
func (r Result) Outcome() probe.Outcome {
	if r.Attempt == nil {
		return probe.Tried
	}
	return r.Attempt.Outcome
}

// Run makes a product try again.
func Run(ctx context.Context, o Options) (Result, error) {
	p := o.Target()
	nothing := Result{How: Nothing, Status: o.Status, Product: p}
	t := trial{Options: o, before: p, situation: o.Status.Facts.Situation}
	var err error
	switch {
	case p.TeamID != probe.ParallelsTeamID:
		if !p.Verdict.Blocked() && p.Verdict != approval.Unknown || noAttemptHelps(p) {
			return nothing, nil
		}
		t.kexts, err = o.blockedKexts(p)
	case p.Verdict == approval.NotInstalled:
		return nothing, cli.Unavailable(errors.New("no Parallels Desktop on this Mac"), "install it first")
	case p.Verdict == approval.NotNeeded, p.Verdict == approval.Approved && p.Loaded:
		nothing.Reasons = reasons(nothing)
		return nothing, nil
	default:
		t.vm, err = o.way(ctx)
	}
	if err != nil {
		return nothing, err
	}
	if o.User != nil {
		yes, err := o.User.Confirm(ctx, Plan{p.Name, t.vm, paths(t.kexts)})
		if nothing.Declined = !yes; err != nil || !yes {
			return nothing, err
		}
	}
	return t.run(ctx)
}

// Target returns the product that Run makes try again.
func (o Options) Target() approval.Product {
	if o.Product != nil {
		return *o.Product
	}
	p := parallels(o.Status)
	if waits := other(o.Status); waits != nil && !p.Verdict.NeedsAction() {
		return *waits
	}
	return p
}

// way returns the virtual machine to start or resume; nil means to open the
// application. From macOS 11, opening it loads something only for networking with
// kernel extensions, and before Parallels 16.
func (o Options) way(ctx context.Context) (*probe.VM, error) {
	macOS := o.Status.Facts.Mac.OS
	switch {
	case !macOS.Known():
		return nil, cli.Unavailable(errors.New("unknown version of macOS: the safe method depends on it"), "open Parallels Desktop and start a virtual machine yourself")
	case o.VM == "" && parallels(o.Status).Need.ByOpening():
		return nil, nil // this opens no virtual machine of the user
	case macOS.AtLeast(11, 0):
		vm, err := o.chooseVM(ctx)
		if err != nil {
			return nil, err
		}
		return &vm, nil
	}
	return nil, cli.Usage("remove --vm", "macOS %s does not need --vm: opening Parallels Desktop is enough", macOS)
}

// parallels returns Parallels Desktop from the products.
func parallels(st approval.Status) approval.Product {
	return find(st, approval.Product{Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID})
}

// find returns a product as it is in a status.
func find(st approval.Status, p approval.Product) approval.Product {
	for _, now := range st.Products {
		if now.Name == p.Name && now.TeamID == p.TeamID {
			return now
		}
	}
	return approval.Product{Name: p.Name, TeamID: p.TeamID, Verdict: approval.NotInstalled}
}

// other returns the first product of another developer that waits for an approval, those
// that kextwatch knows before the others; nil: none does.
func other(st approval.Status) *approval.Product {
	for _, known := range []bool{true, false} {
		i := slices.IndexFunc(st.Products, func(p approval.Product) bool {
			return p.TeamID != probe.ParallelsTeamID && p.TeamID != "" && p.Verdict.Blocked() && (p.Known != nil) == known
		})
		if i >= 0 {
			return &st.Products[i]
		}
	}
	return nil
}

// reasons returns why the button did not appear, as far as that is known. It leaves out
// ReasonWindowOver: its next step is a retry, which was just done.
func reasons(r Result) []view.Reason {
	if r.Product.TeamID != probe.ParallelsTeamID {
		return []view.Reason{view.AfterLoad(r.Product, r.Status, r.Attempt)}
	}
	all := slices.DeleteFunc(view.Reasons(r.Product, r.Status), func(reason view.Reason) bool { return reason.Code == approval.ReasonWindowOver })
	switch r.Product.Verdict {
	case approval.NotAsked, approval.BlockedOpen, approval.BlockedClosed, approval.BlockedUnknown:
		all = slices.Insert(all, 0, view.NotTried(r.VM != nil))
	}
	return all
}
