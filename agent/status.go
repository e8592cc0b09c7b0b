package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

func (in *invocation) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Look once and say where things stand",
		Long: `status looks once and says where things stand.

Exit status: 0 nothing to do, 1 something to do, 2 cannot tell.`,
		Example: `  kextwatch status
  kextwatch status --json
  sudo kextwatch status                          reads what only root may read
  kextwatch status --volume "/Volumes/Old Mac"   another Mac's disk`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.status(cmd.Context()) },
	}
}

func (in *invocation) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain",
		Short: "The same as status, with every fact used and every rule that fired",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := in.lookOnce(cmd.Context())
			if err != nil {
				return err
			}
			in.answer(st, view.Explain(st))
			return nil
		},
	}
}

func (in *invocation) status(ctx context.Context) error {
	st, err := in.lookOnce(ctx)
	if err != nil {
		return err
	}
	in.answer(st, view.Text(st))
	in.exit = statusCode(st.Verdict)
	return nil
}

func (in *invocation) answer(st approval.Status, text string) {
	if in.speaker.json {
		in.document(view.NewDocument(st))
		return
	}
	fmt.Fprint(in.out, text)
}

// lookOnce looks at the Mac. It writes nothing but a private copy of the
// policy, which it removes.
func (in *invocation) lookOnce(ctx context.Context) (approval.Status, error) {
	temp, err := os.MkdirTemp("", "kextwatch-")
	if err != nil {
		return approval.Status{}, unavailable(err, "set TMPDIR to a folder you may write to")
	}
	defer os.RemoveAll(temp)
	now := in.clock.Now()
	settings := in.judging()
	snap := mac.NewProber(in.mac, temp).Look(ctx, now, mac.How{Fresh: true, Others: settings.Vendors.Others()})
	if err := ctx.Err(); err != nil {
		return approval.Status{}, unavailable(err, "")
	}
	mem, gaps := in.remembered()
	snap.Gaps = append(snap.Gaps, gaps...)
	st, _ := settings.Assess(mem, snap, now)
	return st, nil
}

// remembered is what the running agent knows: a window it saw open is not
// forgotten because somebody asks. A memory that cannot be read is missing.
func (in *invocation) remembered() (approval.Memory, []probe.Gap) {
	home, err := in.home()
	if err != nil {
		return approval.Memory{}, nil
	}
	p := store.PlacesIn(home)
	m, err := store.ReadMemory(p.Memory)
	if err != nil {
		return approval.Memory{}, []probe.Gap{store.MemoryGap(p, err)}
	}
	if m.Memory.Look.At.After(in.clock.Now()) {
		return approval.Memory{}, nil // it knows what is still to come
	}
	return m.Memory, nil
}

// statusCode: 0 nothing to do, 1 something to do, 2 cannot tell.
func statusCode(v approval.Verdict) int {
	switch {
	case v.NeedsAction():
		return 1
	case v == approval.Unknown || v == "":
		return 2
	}
	return 0
}
