package main

import (
	"errors"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseReaderFlags(cmd, in.target.mac); err != nil {
				return err
			}
			written, err := policy.RunReader(cmd.Context(), in.target.mac, in.clock)
			return writePublished(in.out, written, err)
		},
	}
}

func writePublished(out cli.Output, written bool, err error) error {
	if failed, ok := errors.AsType[*policy.NotPublished](err); ok {
		return cli.Unavailable(failed.Err, failed.Next)
	}
	if out.JSON {
		out.Document(map[string]any{"schema": 1, "published": written})
		return nil
	}
	if written {
		out.Say("the policy is published")
	} else {
		out.Say("nothing has changed")
	}
	return nil
}

// refuseReaderFlags refuses flags that could direct root to another Mac or another
// time. --root is allowed for the owner of a simulated Mac.
func refuseReaderFlags(cmd *cobra.Command, m root.FS) error {
	given := cmd.Flags().NFlag()
	if m.Root == "/" {
		if given > 0 {
			return cli.Usage("remove the flags", "read-policy takes no flags")
		}
		return nil
	}
	for _, known := range []string{"root", "json"} {
		if cmd.Flags().Changed(known) {
			given--
		}
	}
	if given > 0 {
		return cli.Usage("remove the other flags", "for a simulated Mac read-policy takes only --root and --json")
	}
	return nil
}
