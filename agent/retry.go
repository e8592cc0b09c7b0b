package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/retry"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// retryTimeout is how long retry waits for the button without --timeout.
const retryTimeout = time.Minute

// exitNoButton means that macOS shows no Allow button, or nothing was tried.
const exitNoButton = 3

func (in *invocation) retryCommand() *cobra.Command {
	var o retry.Options
	var yes bool
	var product string
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "Try again to load what is blocked, so that the Allow button comes back",
		Long: `retry makes Parallels Desktop try to load its kernel extensions again, so that
macOS shows the Allow button for another 30 minutes. Up to macOS 10.15, and if
networking uses kernel extensions, it opens Parallels Desktop; otherwise it
starts a stopped or resumes a suspended virtual machine that uses Parallels'
hypervisor. It asks first.

For a product of another vendor, retry says how to try again. As root, it makes
macOS load the blocked kernel extensions itself.`,
		Example: `  kextwatch retry
  kextwatch retry --yes && kextwatch open
  kextwatch retry --vm "Windows 11"
  sudo kextwatch retry --product macFUSE`,
		Args: noArgs("name the product with --product"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			switch {
			case o.Timeout < time.Second || o.Timeout > 10*time.Minute:
				return cli.Usage("use for example 60s", "--timeout %v is not between 1s and 10m", o.Timeout)
			case in.target.mac.NoTools:
				return cli.Usage("leave --volume out to try on this Mac", "retry cannot run on another Mac's disk")
			}
			in.target.forRetry(&o)
			if !yes {
				o.User = retryQuestions{keyboard{in.stdin, in.stderr}, mac.ReadScreen(in.target.mac)}
			}
			r := retryCommand{Output: in.out, options: o, named: cmd.Flags().Changed("product"), product: product}
			in.exit, err = r.run(cmd.Context())
			return err
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "continue without a question")
	cmd.Flags().StringVar(&product, "product", "", "try again for the product with this `NAME` or team ID")
	cmd.Flags().StringVar(&o.VM, "vm", "", "start this virtual machine: `NAME|UUID`")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", retryTimeout, "how long to wait for the button: `DUR`")
	return cmd
}

// forRetry fills in what a retry needs to know of the Mac and its user.
func (t *target) forRetry(o *retry.Options) {
	o.Mac, o.Clock = t.mac, t.clock
	o.Rules, _ = t.rules() // status reports what cannot be read
	o.Memory, _ = t.memory()
}

// retryCommand runs a retry in a terminal and reports the result.
type retryCommand struct {
	cli.Output
	options retry.Options
	product string // its name or team ID
	named   bool   // the user named the product
}

func (r retryCommand) run(ctx context.Context) (exit int, err error) {
	prober := mac.NewProber(r.options.Mac)
	defer prober.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return r.from(ctx, prober, prober.Snapshot(ctx, r.options.Clock.Now(), mac.Options{Fresh: true, Limit: statusLimit}))
}

// from continues from the first snapshot.
func (r retryCommand) from(ctx context.Context, prober *mac.Prober, snap probe.Snapshot) (exit int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, cli.Unavailable(err, "")
	}
	o := r.options
	o.Status, o.Memory = o.Rules.Assess(o.Memory, snap, o.Clock.Now())
	if r.named {
		p, err := productNamed(r.product, o.Status)
		if err != nil {
			return 0, err
		}
		o.Product = &p
	}
	if p := o.Target(); o.Mac.UID == 0 && p.TeamID == probe.ParallelsTeamID && p.Verdict != approval.NotInstalled {
		return 0, cli.Unavailable(errors.New("kextwatch does not run Parallels Desktop as root"), "run it as the user who works with Parallels Desktop, without sudo")
	}
	bar := terminal.NewProgress(r.Stderr, view.OnScreen(o.Status.Mac, "Waiting for the {Allow} button"), o.Timeout)
	o.Snapshot, o.Waited = prober.SnapshotNow, bar.Set
	res, err := retry.Run(ctx, o)
	bar.Close()
	if err != nil {
		if notOpened, ok := errors.AsType[*retry.NotOpened](err); ok {
			err = cli.Unavailable(notOpened, notOpened.Hint()+", then run kextwatch status")
		}
		return 0, err
	}
	r.report(res)
	if res.Window == nil {
		return exitNoButton, nil
	}
	return 0, nil
}

// retryQuestions asks the user in the terminal.
type retryQuestions struct {
	keyboard
	screen probe.Mac
}

func (q retryQuestions) Choose(ctx context.Context, machines []probe.VM) (probe.VM, error) {
	list := view.MachineList(machines)
	if !q.interactive() {
		return probe.VM{}, cli.Usage("name one with --vm NAME or UUID", "several virtual machines can be started:%s", list)
	}
	answer, err := q.ask(ctx, fmt.Sprintf("Which virtual machine should kextwatch start?%s\nNumber: ", list))
	if err != nil {
		return probe.VM{}, err
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(machines) {
		return probe.VM{}, cli.Unavailable(errors.New("nothing was tried"), "enter a number from the list, or use --vm NAME or UUID")
	}
	return machines[n-1], nil
}

func (q retryQuestions) Confirm(ctx context.Context, plan retry.Plan) (bool, error) {
	will := "open Parallels Desktop, which makes it load its kernel extensions"
	switch {
	case plan.VM != nil:
		verb := "start"
		if plan.VM.State == probe.VMSuspended {
			verb = "resume"
		}
		will = fmt.Sprintf("%s the virtual machine %s, which makes Parallels Desktop load its kernel extensions", verb, view.MachineName(*plan.VM))
	case plan.Kexts != nil:
		will = view.OnScreen(q.screen, "make macOS load the kernel extensions of %s:%s\nmacOS refuses them until you click {Allow}", view.Clean(plan.Product), view.PathList(plan.Kexts))
	}
	answer, err := q.ask(ctx, fmt.Sprintf("kextwatch will %s.\nContinue? [y/N] ", will))
	return answer == "y" || answer == "Y" || answer == "yes", err
}

// retryDoc is the JSON form of a result.
type retryDoc struct {
	Schema  int              `json:"schema"`
	Tried   retry.How        `json:"tried"`
	VM      *vmDoc           `json:"vm,omitempty"`
	Verdict approval.Verdict `json:"verdict"`
	Window  *view.WindowDoc  `json:"window,omitempty"`
	Outcome probe.Outcome    `json:"outcome"` // the answer of Parallels or macOS; empty if there was none
	Help    string           `json:"help"`
	Reasons []view.Reason    `json:"reasons"`
}

type vmDoc struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// report writes the result.
func (r retryCommand) report(res retry.Result) {
	w := view.NewWindowDoc(res.Window)
	switch {
	case r.JSON:
		doc := retryDoc{
			Schema: 1, Tried: res.How, Verdict: res.Product.Verdict, Window: w, Outcome: res.Outcome(), Help: res.Help,
			Reasons: append([]view.Reason{}, res.Reasons...), // a list, not null
		}
		if res.VM != nil {
			doc.VM = &vmDoc{res.VM.UUID, view.Clean(res.VM.Name)}
		}
		r.Document(doc)
		return
	case res.Declined:
		r.Say("Nothing was tried.")
		return
	case w != nil:
		r.Say("%s", view.OnScreen(res.Status.Mac, "The {Allow} button is there until %s, for %d minutes. `kextwatch open` opens the pane.", view.Closing(res.Status.Mac, *res.Window), w.MinutesLeft))
		if more := view.BesideButton(res.Product, res.Status); more != "" {
			r.Say("%s", more)
		}
		return
	case res.How == retry.Nothing:
		r.Say("There is nothing to try. %s", view.Why(res.Product, res.Status))
		if next := view.Next(res.Product, res.Status); next != "" && res.Product.Verdict.NeedsAction() {
			r.Say("Next: %s", next)
		}
	default:
		r.Say("%s", view.OnScreen(res.Status.Mac, "The {Allow} button did not appear."))
	}
	named := false
	for _, reason := range res.Reasons {
		if res.How == retry.Nothing && strings.Contains(view.Why(res.Product, res.Status), reason.Text) {
			continue // said above
		}
		r.Say("- %s. %s", reason.Title, reason.Text)
		if reason.Next != "" {
			r.Say("  %s", reason.Next)
		}
		named = named || strings.Contains(reason.Next, res.Help)
	}
	if whom := view.WhomToAsk(res.Product, res.Status); whom != "" {
		r.Say("%s", whom)
	}
	if res.Help != "" && !named {
		r.Say("More from Parallels: %s", res.Help)
	}
}
