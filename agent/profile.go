package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/probe/root"
)

func profileCommand(out *cli.Output) *cobra.Command {
	var kinds []string
	for _, kind := range fleet.ProfileKinds {
		kinds = append(kinds, kind.Name)
	}
	hint := "name one of " + strings.Join(kinds, ", ")
	cmd := &cobra.Command{
		Use:   "profile KIND",
		Short: "Make a configuration profile for a device management service",
		Long: `profile prints a configuration profile (.mobileconfig), or writes it to a file. It
changes nothing on this Mac. What an administrator has to know about the profile
is on standard error.

The same command makes the same file. If the content changes, the PayloadUUID changes
and the PayloadIdentifier stays, so that the new version replaces the old one.`,
		Example: `  kextwatch profile kext-approval -o kexts.mobileconfig
  kextwatch profile settings --set WatchVendors=all
  kextwatch profile settings --help`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usage(hint, "profile takes one argument, the kind of the profile")
			}
			near := cmd.SuggestionsFor(args[0])
			if len(near) > 0 {
				return cli.Usage("did you mean kextwatch profile "+strings.Join(near, ", or kextwatch profile ")+"?", "unknown kind of profile %q", args[0])
			}
			return cli.Usage(hint, "unknown kind of profile %q", args[0])
		},
		RunE:                       func(*cobra.Command, []string) error { return nil }, // Args refuses every call
		SuggestionsMinimumDistance: 2,
	}
	for i, kind := range fleet.ProfileKinds {
		cmd.AddCommand(profileKindCommand(kind, profileForms[i], out))
	}
	return cmd
}

func profileKindCommand(kind fleet.ProfileKind, form profileForm, out *cli.Output) *cobra.Command {
	var o profileOptions
	first := kind.Meaning[:1]
	cmd := &cobra.Command{
		Use:     kind.Name,
		Short:   strings.ToUpper(first) + kind.Meaning[1:],
		Long:    strings.ToUpper(first) + kind.Meaning[1:] + ".\n\n" + form.long + "\n\n" + profileNeeds(kind),
		Example: form.example,
		Args:    noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd); err != nil {
				return err
			}
			p, err := o.profile(kind)
			if err != nil {
				return err
			}
			return writeProfile(*out, p, o.output)
		},
	}
	form.flags(cmd, &o)
	flags := cmd.Flags()
	flags.StringVar(&o.Organization, "organization", "", "the `NAME` of your organization, which macOS shows with the profile")
	flags.StringVar(&o.Identifier, "identifier", fleet.DefaultIdentifier, "begin the identifiers with `PREFIX`")
	flags.StringVarP(&o.output, "output", "o", "-", "write the profile to `FILE`, or - for standard output")
	return cmd
}

// refuseEmpty refuses a flag without a value. An unset variable of a script must not make a
// profile that allows more, or sets less.
func refuseEmpty(cmd *cobra.Command) (err error) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Value.String() == "" && err == nil {
			err = cli.Usage("give it a value, or leave it out", "--%s is empty", f.Name)
		}
	})
	return err
}

// profileNeeds says what a kind of profile needs, and where it can be installed.
func profileNeeds(kind fleet.ProfileKind) string {
	text := "Payload: " + kind.PayloadType
	if kind.Since != "" {
		text += ", for macOS " + kind.Since + " and later"
	}
	text += ".\n"
	if kind.Needs != "" {
		text += "Needed: " + kind.Needs + ".\n"
	}
	if kind.MDMOnly {
		return text + "Only a device management service (MDM) that was approved on the Mac can install it."
	}
	return text + "A device management service (MDM) or a person can install it."
}

// profileDoc is the answer with --json.
type profileDoc struct {
	Schema      int      `json:"schema"`
	Kind        string   `json:"kind"`
	PayloadType string   `json:"payload_type"`
	Identifier  string   `json:"identifier"`
	UUID        string   `json:"uuid"`
	Hints       []string `json:"hints"`
	File        string   `json:"file,omitempty"`
	Profile     string   `json:"profile,omitempty"` // the content, if it is not in a file
}

// writeProfile writes a profile to a file, or to standard output for "-". The hints are
// never in the profile.
func writeProfile(out cli.Output, p fleet.Profile, file string) error {
	doc := profileDoc{Schema: 1, Kind: p.Kind.Name, PayloadType: p.Kind.PayloadType, Identifier: p.Identifier, UUID: p.UUID, Hints: p.Hints}
	if file == "-" {
		doc.Profile = string(p.Data)
	} else {
		path, err := filepath.Abs(cmp.Or(file, "."))
		if err != nil {
			return err
		}
		// A name that is not a file, such as /dev/null, must not be replaced by one.
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return cli.Usage("use -o with the name of a file", "%s exists and is not a file", path)
		}
		if err := root.WriteFile(path, p.Data, 0o644); err != nil {
			return notWritten("profile", path, err)
		}
		doc.File = path
	}
	if out.JSON {
		out.Document(doc)
		return nil
	}
	for _, hint := range p.Hints {
		out.Hint(hint)
	}
	if file == "-" {
		_, err := out.Stdout.Write(p.Data)
		return err
	}
	out.Say("The profile is in %s", doc.File)
	return nil
}
