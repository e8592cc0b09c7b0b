package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/notify/tray"
)

// guideColumns is the width of the guide as a text: that of a message or a sheet of paper.
const guideColumns = 76

func (in *invocation) guideCommand() *cobra.Command {
	var file, product string
	cmd := &cobra.Command{
		Use:   "guide",
		Short: "Show the steps for this Mac and one product, to print or to read on a phone",
		Long: `guide shows what is left to do until macOS loads the kernel extensions of one
product: each step, what the screen shows, and which steps are done. On Apple
silicon, some steps are in macOS Recovery, so take them with you: with -o, guide
writes one self-contained HTML page that fits on one page of paper. The numbers
of the steps stay the same after a restart.

Without --product, the steps are for what waits now, or for the first product
that needs something. The page contains names, such as those of your virtual
machines.

guide exits with 0 whether there are steps or not: use status in scripts.`,
		Example: `  kextwatch guide
  kextwatch guide --product macFUSE -o steps.html
  kextwatch guide --product 3T5GSNBU6W --json
  kextwatch guide | pbcopy        copies the steps`,
		Args: noArgs("name the product with --product"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := in.target.examineWith(cmd.Context(), doctorLimit, in.out.Stderr)
			if err != nil {
				return err
			}
			guide := view.GuideTo(st)
			if cmd.Flags().Changed("product") {
				p, err := productNamed(product, st)
				if err != nil {
					return err
				}
				guide = view.NewGuide(p, st)
			}
			switch {
			case cmd.Flags().Changed("output"):
				return writePage(in.out, "guide", file, guidePage(guide), map[string]any{"schema": 1})
			case in.out.JSON:
				in.out.Document(guide)
			default:
				_, err = io.WriteString(in.out.Stdout, guide.Text(terminal.Columns(in.out.Stdout, guideColumns)))
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write an HTML page to `FILE`, or - for standard output")
	cmd.Flags().StringVar(&product, "product", "", "the steps for the product with this `NAME` or team ID")
	return cmd
}

// productNamed returns the product with a name or a team ID. Of several, the first is the
// most urgent.
func productNamed(name string, st approval.Status) (approval.Product, error) {
	var names []string
	for _, p := range st.Products {
		if strings.EqualFold(name, p.Name) || name != "" && strings.EqualFold(name, p.TeamID) {
			return p, nil
		}
		names = append(names, strings.TrimSpace(fmt.Sprintf("%s %s", view.Clean(p.Name), inBrackets(p.TeamID))))
	}
	if len(names) == 0 {
		return approval.Product{}, cli.Usage("kextwatch settings shows which developers are watched", "no product %q: kextwatch found none", name)
	}
	return approval.Product{}, cli.Usage("use one of: "+strings.Join(names, ", "), "unknown product %q", name)
}

func inBrackets(team string) string {
	if team == "" {
		return ""
	}
	return "(" + team + ")"
}

func guidePage(g view.Guide) []byte {
	g.Version, g.Icon = version, tray.Badge(g.Shape)
	return g.HTML()
}
