package main

import (
	"cmp"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
)

// The groups of commands in the help, in this order.
var groups = [...]struct{ id, title string }{
	{"daily", "Every day:"},
	{"trouble", "When something does not work:"},
	{"setup", "Set up:"},
	{"fleet", "For many Macs:"},
	{"scripts", "For scripts and developers:"},
}

// groupOf returns the group of a command. A command without a group is internal, and is
// left out of the help and of the manual page.
func groupOf(command string) string {
	switch command {
	case "status", "watch", "open", "retry", "guide", "upgrade-check":
		return "daily"
	case "doctor", "explain", "history", "report", "logs", "notify-test":
		return "trouble"
	case "install", "uninstall", "settings":
		return "setup"
	case "profile", "fleet":
		return "fleet"
	case "run", "demo", "sim", "completion", "version", "help":
		return "scripts"
	}
	return ""
}

// exitOf says what the exit statuses 1 to 3 of a command mean. It is empty for commands
// that have none of them.
func exitOf(command string) string {
	switch command {
	case "status", "doctor":
		return "0 nothing to do, 1 something to do, 2 unknown"
	case "upgrade-check":
		return "0 everything works, 1 something needs action, 2 not known"
	case "settings":
		return "0 all values are valid, 1 a value is invalid or a file is damaged,\n2 a file cannot be read"
	case "retry":
		return "0 the button is there, 3 it is not"
	case "run":
		return "0 it ended, 75 launchd has to start the new version of the program"
	}
	return ""
}

// textOnly reports whether the answer of a command has no JSON form: a script for a shell,
// a page or a show for people.
func textOnly(command string) bool {
	switch command {
	case "completion", "demo", "help", "man":
		return true
	}
	return false
}

const exitOthers = "64 wrong usage, 69 a tool or a permission is missing, 70 a defect,\n130 interrupted"

// exitText returns the exit statuses of a command for its help.
func exitText(command string) string {
	text := exitOf(command)
	if text == "" {
		text = "0 success"
	}
	return text + ",\n" + exitOthers
}

// addHelp groups the commands, and adds the exit statuses to the help of each.
func addHelp(root *cobra.Command) {
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
	}
	root.SetFlagErrorFunc(mistypedFlag)
	root.SetHelpCommand(helpCommand())
	root.SetHelpCommandGroupID(groupOf("help"))
	for _, cmd := range root.Commands() {
		cmd.GroupID = groupOf(cmd.Name())
		cmd.Hidden = cmd.GroupID == ""
	}
	usage := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		err := usage(cmd)
		if cmd.HasParent() {
			fmt.Fprintf(cmd.OutOrStderr(), "\nExit status:\n  %s\n", strings.ReplaceAll(exitText(strings.TrimPrefix(cmd.CommandPath(), "kextwatch ")), "\n", "\n  "))
		}
		return err
	})
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		out := cmd.OutOrStdout()
		var text strings.Builder
		cmd.SetOut(&text)
		help(cmd, args)
		cmd.SetOut(out)
		page := view.Untoned(joined(apart(cmd, text.String())))
		if !terminal.Is(out) { // it may be shown by a pager
			page = page.Broken(helpWidth)
		}
		terminal.Write(out, page)
	})
}

// helpWidth is the width of a help text that is not written to a terminal.
const helpWidth = 80

// apart puts two spaces between the columns of cobra's list of commands, so that a narrow
// terminal can align them. cobra's own way, a template, would make the program 14 % larger.
func apart(cmd *cobra.Command, help string) string {
	for _, sub := range cmd.Commands() {
		name := fmt.Sprintf("\n  %-*s ", sub.NamePadding(), sub.Name())
		help = strings.ReplaceAll(help, name+sub.Short, name+" "+sub.Short)
	}
	return help
}

// joined joins the lines of each paragraph, so that they can be broken at any width.
// Indented lines, such as those of a table, stay as they are.
func joined(text string) string {
	lines := strings.Split(text, "\n")
	prose := func(i int) bool { return i < len(lines) && lines[i] != "" && !strings.HasPrefix(lines[i], " ") }
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(line)
		switch {
		case prose(i) && prose(i+1):
			b.WriteByte(' ')
		case i < len(lines)-1:
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// definitions returns a table for a help text. What a name means stands below it, so that
// long names leave room for it.
func definitions(rows iter.Seq2[string, string]) string {
	var b strings.Builder
	for name, meaning := range rows {
		fmt.Fprintf(&b, "  %s\n      %s\n", name, meaning)
	}
	return b.String()
}

// helpCommand replaces cobra's own command, which exits with 0 for an unknown command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 0 {
				return root.Help()
			}
			found, rest, err := root.Find(args)
			switch {
			case err != nil || found == root:
				return unknownCommand(root, args[0])
			case len(rest) > 0:
				return cli.Usage(found.CommandPath()+" --help shows its arguments", "%s has no command %q", found.CommandPath(), rest[0])
			}
			return found.Help()
		},
	}
}

// unknownCommand is the error for a command that does not exist. It suggests those with a
// similar name.
func unknownCommand(root *cobra.Command, name string) error {
	hint := "kextwatch --help lists the commands and flags"
	if near := root.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean kextwatch %s?", strings.Join(near, ", or kextwatch "))
	}
	return cli.Usage(hint, "unknown command %q", name)
}

// noArgs refuses arguments. hint is the way out; empty: the help of the command.
func noArgs(hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return cli.Usage(cmp.Or(hint, cmd.CommandPath()+" --help shows its flags"), "%s takes no argument: %q", cmd.CommandPath(), args[0])
	}
}
