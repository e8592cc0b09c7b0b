package main

import (
	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/agent/fleet"
	"kextwatch/agent/settings"
	"kextwatch/agent/terminal"
	"kextwatch/agent/view"
	"kextwatch/probe"
)

func (in *invocation) settingsCommand() *cobra.Command {
	var manifest, jamf bool
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Show every setting with its value, its origin and its meaning",
		Long: `settings lists every setting. The agent notices changes by itself. A value from a
configuration profile is managed and takes precedence.

With --manifest or --jamf-schema, settings prints a form of every setting instead,
for a tool that makes configuration profiles. It reads nothing on this Mac then.`,
		Example: `  defaults write ` + probe.AgentLabel + ` SnoozeMinutes -int 5
  defaults write ` + probe.AgentLabel + ` WatchVendors all
  defaults delete ` + probe.AgentLabel + ` SnoozeMinutes
  kextwatch settings        (after a moment: macOS writes the file with a delay)
  kextwatch settings --jamf-schema | pbcopy     for a custom schema in Jamf Pro`,
		Args: noArgs(""),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case manifest && jamf:
				return cli.Usage("print one form at a time", "--manifest and --jamf-schema cannot be used together")
			case manifest && in.out.JSON:
				return cli.Usage("the manifest is a property list: leave out --json", "--manifest and --json cannot be used together")
			case manifest:
				return writeForm(in.out.Stdout, fleet.Manifest)
			case jamf:
				return writeForm(in.out.Stdout, fleet.JamfSchema)
			}
			home, err := in.target.home()
			if err != nil {
				return err
			}
			s, problems := settings.Read(in.target.mac, home)
			in.exit = settingsCode(problems)
			if in.out.JSON {
				in.out.Document(newSettingsDoc(s, problems))
				return nil
			}
			return terminal.Write(in.out.Stdout, view.Untoned(settings.Text(s, problems)))
		},
	}
	cmd.Flags().BoolVar(&manifest, "manifest", false, "print a preference manifest (ProfileManifests), for editors of profiles")
	cmd.Flags().BoolVar(&jamf, "jamf-schema", false, "print a JSON Schema for Application & Custom Settings in Jamf Pro")
	return cmd
}

// settingsCode returns the exit status. An unknown key is only a warning, as in doctor.
func settingsCode(problems []settings.Problem) int {
	code := 0
	for _, p := range problems {
		switch {
		case p.Unknown:
		case p.Unread:
			code = 2
		default:
			return 1
		}
	}
	return code
}

type settingDoc struct {
	Key     string `json:"key"`
	Value   any    `json:"value"`
	Origin  string `json:"origin"`
	File    string `json:"file,omitempty"`
	Default any    `json:"default"`
	Meaning string `json:"meaning"`
}

type settingsDoc struct {
	Schema   int                `json:"schema"`
	Settings []settingDoc       `json:"settings"`
	Problems []settings.Problem `json:"problems"`
}

func newSettingsDoc(s settings.Settings, problems []settings.Problem) settingsDoc {
	doc := settingsDoc{Schema: 1, Problems: append([]settings.Problem{}, problems...)}
	for _, key := range settings.Keys {
		from := s.Origins[key.Name]
		doc.Settings = append(doc.Settings, settingDoc{
			key.Name, key.Get(s), from.String(), from.File, key.Get(settings.Default()), key.Meaning,
		})
	}
	return doc
}
