package main

import (
	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

const upgradeVersions = "name a version of macOS, such as 27, 26.3 or 10.15"

func (in *invocation) upgradeCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade-check [VERSION]",
		Short: "Check every kernel extension of this Mac against a newer macOS",
		Long: `upgrade-check says for Parallels Desktop and for each kernel extension of another
developer what a newer macOS means: it works there, needs another approval, needs
a newer version, or cannot be loaded. What kextwatch does not know is "not known".

VERSION is a macOS, such as 27, 26.3 or 10.15. Without it, the newest macOS that
Software Update offers is checked. If none is offered, nothing is checked, and the
exit status is 2: a script must not take that for "everything works".

The answers come from facts on this Mac and from a table of known products inside
kextwatch. Each names its source and how sure it is.`,
		Example: `  kextwatch upgrade-check            the macOS that Software Update offers
  kextwatch upgrade-check 27
  kextwatch upgrade-check 26.3 --json
  kextwatch upgrade-check 27 --volume "/Volumes/Old Mac"`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Usage(upgradeVersions, "upgrade-check takes one version of macOS, not %d", len(args))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var to probe.OSVersion
			if len(args) > 0 {
				var ok bool
				if to, ok = approval.ParseMacOS(args[0]); !ok {
					return cli.Usage(upgradeVersions, "unknown version of macOS %q", args[0])
				}
			}
			in.target.everyone = true
			st, err := in.target.examineWith(cmd.Context(), statusLimit, in.out.Stderr)
			if err != nil {
				return err
			}
			if approval.Older(to, st.Mac.OS) && to.Known() {
				return cli.Usage("name a newer version", "macOS %s is older than the macOS of this Mac, %s", to.Version, st.Mac.OS)
			}
			if offer, offered := st.NewestOffer(); !to.Known() && offered {
				to = offer
			}
			in.exit, err = writeUpgrade(in.out, st, to)
			return err
		},
	}
}

// writeUpgrade writes what a macOS means for this Mac, and returns the exit status. Without
// a version nothing is checked.
func writeUpgrade(out cli.Output, st approval.Status, to probe.OSVersion) (exit int, err error) {
	if !to.Known() {
		if out.JSON {
			out.Document(view.NewNoUpgradeDocument(st))
			return 2, nil
		}
		return 2, terminal.Write(out.Stdout, view.NoUpgradeText(st))
	}
	u := st.Upgrade(to)
	exit = upgradeCode(st, u)
	if out.JSON {
		out.Document(view.NewUpgradeDocument(st, u))
		return exit, nil
	}
	return exit, terminal.Write(out.Stdout, view.UpgradeText(st, u))
}

// upgradeCode returns 0 if everything works, 1 if something needs action, 2 if something
// is not known.
func upgradeCode(st approval.Status, u approval.Upgrade) int {
	switch {
	case u.NeedsAction():
		return 1
	case !u.Known() || len(view.UpgradeGaps(st)) > 0:
		return 2
	}
	return 0
}
