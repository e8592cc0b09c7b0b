package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// exitNothingCame: Parallels was made to try, or need not be, and macOS shows
// no button.
const exitNothingCame = 3

// retry makes Parallels try to load its kernel extensions once more, in the
// way that is safe for an ordinary user of this macOS. Nothing of Parallels
// is ever run as root, and nobody talks to its service but its own tools.
type retry struct {
	*invocation
	yes     bool
	vm      string // name or UUID; empty: whichever there is
	timeout time.Duration
}

func (in *invocation) retryCommand() *cobra.Command {
	r := retry{invocation: in}
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "Make Parallels try again, so that the Allow button comes back",
		Long: `retry makes Parallels Desktop try to load its kernel extensions again, so that
macOS shows the Allow button for another 30 minutes. Up to macOS 10.15 it opens
Parallels Desktop; from macOS 11 on it starts a stopped virtual machine that
uses Parallels' hypervisor. It asks first.

Exit status: 0 the button is there, 3 it is not, and why.`,
		Example: `  kextwatch retry
  kextwatch retry --yes && kextwatch open
  kextwatch retry --vm "Windows 11"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.timeout < time.Second || r.timeout > 10*time.Minute {
				return usage("60s is usual", "--timeout %v is not between 1s and 10m", r.timeout)
			}
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&r.yes, "yes", false, "go on without asking")
	cmd.Flags().StringVar(&r.vm, "vm", "", "start this virtual machine: `NAME|UUID`")
	cmd.Flags().DurationVar(&r.timeout, "timeout", time.Minute, "how long to wait for the button: `DUR`")
	return cmd
}

func (r retry) run(ctx context.Context) error {
	switch {
	case r.uid == 0:
		return unavailable(errors.New("nothing of Parallels is run as root"), "run it as the user who works with Parallels Desktop, without sudo")
	case r.mac.NoTools:
		return usage("leave --volume out to try on this Mac", "--volume only reads: nothing can be tried there")
	}
	temp, err := os.MkdirTemp("", "kextwatch-")
	if err != nil {
		return unavailable(err, "set TMPDIR to a folder you may write to")
	}
	defer os.RemoveAll(temp)
	prober := mac.NewProber(r.mac, temp)
	return r.on(ctx, prober, prober.Look(ctx, r.clock.Now(), mac.How{Fresh: true}))
}

// on goes on from a first look.
func (r retry) on(ctx context.Context, prober *mac.Prober, snap probe.Snapshot) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err, "")
	}
	mem, _ := r.remembered()
	st, mem := r.judging().Assess(mem, snap, r.clock.Now())
	before := desktopIn(st)
	switch {
	case before.Verdict == approval.NotInstalled:
		return unavailable(errors.New("there is no Parallels Desktop on this Mac"), "install it first")
	case before.Verdict == approval.NotNeeded, before.Verdict == approval.Approved && before.Loaded:
		r.tell(result{status: st, reasons: r.reasons(st, way{})})
		return nil
	}
	w, err := r.way(ctx, snap)
	if err != nil {
		return err
	}
	if yes, err := r.consent(ctx, w); err != nil || !yes {
		return err
	}
	t := trial{retry: r, way: w, prober: prober, before: before, memory: mem, snap: snap, status: st}
	res, err := t.run(ctx)
	if err != nil {
		return err
	}
	r.tell(res)
	return nil
}

// desktopIn is Parallels Desktop among the products.
func desktopIn(st approval.Status) approval.Product {
	for _, p := range st.Products {
		if p.Name == "Parallels Desktop" {
			return p
		}
	}
	return approval.Product{Verdict: approval.NotInstalled}
}

// way is how Parallels is made to try: the virtual machine to start, or the
// application to open where there is none.
type way struct {
	vm *probe.VM
}

// tried is the way in one word, for scripts.
func (w way) tried() string {
	if w.vm != nil {
		return "start-vm"
	}
	return "open-app"
}

// does says what will happen.
func (w way) does() string {
	if w.vm != nil {
		return fmt.Sprintf("start the virtual machine %s, which makes Parallels Desktop load its kernel extensions", vmName(*w.vm))
	}
	return "open Parallels Desktop, which makes it load its kernel extensions"
}

// way finds the safe way for this macOS. From macOS 11 on, opening the
// application alone loads nothing.
func (r retry) way(ctx context.Context, snap probe.Snapshot) (way, error) {
	os := snap.Mac.OS
	switch {
	case !os.Known():
		return way{}, unavailable(errors.New("which macOS this is, is not known: the way that is safe depends on it"), "open Parallels Desktop, and start a virtual machine, yourself")
	case os.AtLeast(11, 0):
		vm, err := r.chooseVM(ctx, snap.Machines)
		return way{&vm}, err
	case r.vm != "":
		return way{}, usage("leave it out", "--vm does not go with macOS %s: opening Parallels Desktop is enough", os)
	}
	return way{}, nil
}

// consent asks whether to go on.
func (r retry) consent(ctx context.Context, w way) (bool, error) {
	if r.yes {
		return true, nil
	}
	answer, err := r.ask(ctx, fmt.Sprintf("kextwatch will %s.\nGo on? [y/N] ", w.does()))
	if err != nil || answer == "y" || answer == "Y" || answer == "yes" {
		return err == nil, err
	}
	r.exit = exitNothingCame
	r.say("Nothing was tried.")
	return false, nil
}

// vmName is a name that anybody may have given, fit to be shown.
func vmName(vm probe.VM) string { return fmt.Sprintf("“%s”", view.Clean(vm.Name)) }
