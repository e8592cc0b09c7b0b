package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/probe"
	"kextwatch/probe/policy"
)

// launchd starts no job twice within ten seconds, so a reader that ended at
// once would miss what follows a first change: Parallels loads its kernel
// extensions one after the other.
const (
	lookAgain = 150 * time.Millisecond // a commit is complete this long after its last event
	quietFor  = 2 * time.Second
	lingerFor = 10 * time.Second
)

func (in *invocation) readPolicyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "read-policy",
		Short: "Publish the policy for every user: what the root reader runs",
		Long: `read-policy reads the kernel extension policy as root and publishes it for
every user, if it has changed. launchd starts it, once an administrator ran
sudo kextwatch install --reader. It takes no flags on a Mac, and nothing from
its environment.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.readPolicy(cmd) },
	}
}

func (in *invocation) readPolicy(cmd *cobra.Command) error {
	if err := in.refuseReaderFlags(cmd); err != nil {
		return err
	}
	published, err := in.publishUntilQuiet(cmd.Context())
	switch {
	case errors.Is(err, fs.ErrPermission):
		return unavailable(err, "launchd runs it as root; by hand, sudo kextwatch read-policy does")
	case policy.DiskFull(err):
		return unavailable(err, "free some space on the disk")
	case err != nil:
		return unavailable(err, "put that right and run sudo kextwatch install --reader again")
	case published.Source.State != probe.OK:
		return unavailable(errors.New(published.Source.Reason), published.Source.Next)
	}
	if in.speaker.json {
		in.document(map[string]any{"schema": 1, "published": published.Written})
		return nil
	}
	if published.Written {
		in.say("the policy is published")
	} else {
		in.say("nothing has changed")
	}
	return nil
}

// refuseReaderFlags keeps root from being led anywhere: a flag could name
// another Mac or another time. --root is for the owner of a simulated Mac.
func (in *invocation) refuseReaderFlags(cmd *cobra.Command) error {
	given := cmd.Flags().NFlag()
	if in.mac.Root == "/" {
		if given > 0 {
			return usage("leave them out", "read-policy takes no flags")
		}
		return nil
	}
	for _, known := range []string{"root", "json"} {
		if cmd.Flags().Changed(known) {
			given--
		}
	}
	if given > 0 {
		return usage("leave the others out", "for a simulated Mac read-policy takes only --root and --json")
	}
	return nil
}

// publishUntilQuiet publishes, and after a change goes on to look until there
// was none for a while, or until launchd would start it anew.
func (in *invocation) publishUntilQuiet(ctx context.Context) (policy.Published, error) {
	start := in.clock.Now()
	last, err := policy.Publish(ctx, in.mac, start)
	if err != nil || !last.Written {
		return last, err
	}
	for now, changed := start, start; now.Sub(changed) < quietFor && now.Sub(start) < lingerFor; {
		select {
		case <-ctx.Done():
			return last, nil
		case <-in.clock.After(lookAgain):
		}
		now = in.clock.Now()
		next, err := policy.Publish(ctx, in.mac, now)
		if err != nil {
			return last, err
		}
		last.Source = next.Source
		if next.Written {
			changed = now
		}
	}
	return last, nil
}
