package main

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// In a manual page, a line that begins with a dot is a command and a backslash
// is an escape. Text of the commands must not act as either.
func TestManualTakesTextAsItIs(t *testing.T) {
	root := &cobra.Command{
		Use: "kextwatch", Short: "Says it", Long: ".dot first\n'quote first\n\nC:\\n and --flag\n\n  .indented\n  twice\nafter",
	}
	root.PersistentFlags().String("root", "/", "a simulated Mac at `DIR`")
	root.AddCommand(
		&cobra.Command{Use: "shown FILE [flags]", Short: "Is shown", Run: func(*cobra.Command, []string) {}},
		&cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}},
	)
	got := manual(root, time.Unix(0, 0).UTC())
	for _, want := range []string{
		".TH KEXTWATCH 1 1970-01-01 ",
		"kextwatch \\- says it\n",
		"\n\\&.dot first\n\\&'quote first\n.PP\nC:\\en and \\-\\-flag\n.PP\n.EX\n  .indented\n  twice\n.EE\nafter\n",
		"\n.SS shown FILE\nIs shown.\n",
		"\n.EX\n      \\-\\-root DIR   a simulated Mac at DIR (default \"/\")\n.EE\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "secret") {
		t.Errorf("a hidden command is in\n%s", got)
	}
}
