package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
)

func versionCommand(out *cli.Output) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of kextwatch",
		Args:  noArgs(""),
		RunE: func(*cobra.Command, []string) error {
			writeVersion(*out)
			return nil
		},
	}
}

func writeVersion(out cli.Output) {
	if out.JSON {
		out.Document(map[string]any{
			"schema": 1, "version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
		return
	}
	out.Say("kextwatch %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
