package main

import (
	"errors"

	"github.com/spf13/cobra"

	"kextwatch/probe/policy"
)

func (in *invocation) readPolicyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "read-policy",
		Short: "Publish the policy for every user, as the root reader does",
		Long: `read-policy reads the kernel extension policy as root and publishes it for
every user, if it changed. After sudo kextwatch install --reader, launchd
runs a small program that does the same whenever the policy changes. This
command does it by hand. It takes no flags on a Mac.`,
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error { return in.readPolicy(cmd) },
	}
}

func (in *invocation) readPolicy(cmd *cobra.Command) error {
	if err := in.refuseReaderFlags(cmd); err != nil {
		return err
	}
	written, err := policy.RunReader(cmd.Context(), in.mac, in.clock)
	if failed, ok := errors.AsType[*policy.NotPublished](err); ok {
		return unavailable(failed.Err, failed.Next)
	}
	if in.speaker.json {
		in.document(map[string]any{"schema": 1, "published": written})
		return nil
	}
	if written {
		in.say("the policy is published")
	} else {
		in.say("nothing has changed")
	}
	return nil
}

// refuseReaderFlags refuses flags that could direct root to another Mac or another
// time. --root is allowed for the owner of a simulated Mac.
func (in *invocation) refuseReaderFlags(cmd *cobra.Command) error {
	given := cmd.Flags().NFlag()
	if in.mac.Root == "/" {
		if given > 0 {
			return usage("remove the flags", "read-policy takes no flags")
		}
		return nil
	}
	for _, known := range []string{"root", "json"} {
		if cmd.Flags().Changed(known) {
			given--
		}
	}
	if given > 0 {
		return usage("remove the other flags", "for a simulated Mac read-policy takes only --root and --json")
	}
	return nil
}
