package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kextwatch/agent/cli"
	"kextwatch/probe"
)

// mistypedFlag returns the error for what pflag refused, in our words.
func mistypedFlag(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help shows its flags"
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		flag := "-" + e.GetSpecifiedName()
		if e.GetSpecifiedShortnames() == "" {
			flag = "-" + flag
		}
		if near := probe.Nearest(e.GetSpecifiedName(), flagNames(cmd)); near != "" {
			hint = fmt.Sprintf("did you mean --%s?", near)
		}
		return cli.Usage(hint, "%s has no flag %s", cmd.CommandPath(), flag)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(e.GetFlag())
		return cli.Usage(fmt.Sprintf("write --%s %s", e.GetFlag().Name, name), "--%s needs a value", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return cli.Usage(cmp.Or(wantedValues[e.GetFlag().Value.Type()], hint), "invalid value %q for --%s", e.GetValue(), e.GetFlag().Name)
	}
	return cli.Usage(hint, "%w", err)
}

// wantedValues says what values a type of flags takes.
var wantedValues = map[string]string{
	"bool":     "use true or false, or the flag alone",
	"duration": "use a duration, such as 30s or 2m",
	"float64":  "use a number, such as 60",
}

// flagNames are the names of a command's flags.
func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
