package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

func versionCommand(s *speaker) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of kextwatch",
		Args:  noArgs(""),
		RunE: func(*cobra.Command, []string) error {
			writeVersion(*s)
			return nil
		},
	}
}

func writeVersion(s speaker) {
	if s.json {
		s.document(map[string]any{
			"schema": 1, "version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
		return
	}
	s.say("kextwatch %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
