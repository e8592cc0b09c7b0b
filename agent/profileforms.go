package main

import (
	"github.com/spf13/cobra"

	"kextwatch/agent/approval"
	"kextwatch/agent/fleet"
	"kextwatch/agent/settings"
	"kextwatch/probe"
)

// profileOptions are the flags of kextwatch profile.
type profileOptions struct {
	fleet.ProfileInput
	output  string
	vendors []string // names of products, or team IDs
	set     []string // KEY=VALUE
	from    string
	all     bool
}

// profileForm is how one kind of profile appears on the command line.
type profileForm struct {
	kind, long, example string
	flags               func(cmd *cobra.Command, o *profileOptions)
}

// profileForms has a row for each row of fleet.ProfileKinds.
var profileForms = []profileForm{
	{"kext-approval", `The profile allows every kernel extension of a developer, or with --per-bundle only
those that kextwatch knows. Without --vendor it is for Parallels Desktop. With --vendor
it is only for those that you name. Give all developers in one profile: repeat --vendor.

Users can still approve other kernel extensions, because the profile says so
(AllowUserOverrides). From macOS 11, only administrators can
(AllowNonAdminUserApprovals).`,
		`  kextwatch profile kext-approval -o kexts.mobileconfig
  kextwatch profile kext-approval --vendor 'Parallels Desktop' --vendor macFUSE
  kextwatch profile kext-approval --vendor macFUSE --per-bundle`,
		kextApprovalFlags},
	{"settings", `The profile sets only the keys that you name. kextwatch checks each value, as the
agent does. The settings of this Mac are not used: to copy them, export them and
use --from. kextwatch settings lists all keys.`,
		`  kextwatch profile settings --set WatchVendors=all --set Reminders=20,10,2
  defaults export io.kextwatch.agent mine.plist
  kextwatch profile settings --from mine.plist --organization 'University IT'
  kextwatch profile settings --all --set SnoozeMinutes=5 -o all.mobileconfig`,
		settingsFlags},
	{"notifications", `The profile is for Script Editor, which macOS shows as the sender of kextwatch's
notifications, and for the app of kextwatch.`,
		`  kextwatch profile notifications -o notifications.mobileconfig`,
		func(*cobra.Command, *profileOptions) {}},
	{"background-items", `The profile names the jobs io.kextwatch.agent and io.kextwatch.reader. With --team-id,
their programs must also be signed by your team.`,
		`  kextwatch profile background-items -o background.mobileconfig
  kextwatch profile background-items --team-id TEAMID     if you signed kextwatch`,
		func(cmd *cobra.Command, o *profileOptions) {
			cmd.Flags().StringVar(&o.TeamID, "team-id", "", "the items must be signed by this team (`TEAMID`)")
		}},
	{"full-disk-access", `The profile is for the root reader, and for nothing else. macOS identifies the reader
by its place and by its signature. Read the code requirement of the signature on a
Mac that has the reader:

  codesign -d -r - ` + probe.ReaderProgram + `

Give the whole line of codesign, or what follows "designated =>". A reader that is
not signed with a certificate has a requirement with "cdhash", which only that one
build meets. kextwatch refuses it, unless --allow-cdhash is given.`,
		`  kextwatch profile full-disk-access --code-requirement \
    "$(codesign -d -r - \
       ` + probe.ReaderProgram + ` 2>/dev/null)"`,
		func(cmd *cobra.Command, o *profileOptions) {
			cmd.Flags().StringVar(&o.CodeRequirement, "code-requirement", "", "the `TEXT` that codesign prints for the installed reader")
			cmd.Flags().BoolVar(&o.AllowCDHash, "allow-cdhash", false, "accept a requirement that only one build of the reader meets")
		}},
}

func kextApprovalFlags(cmd *cobra.Command, o *profileOptions) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.vendors, "vendor", []string{"Parallels Desktop"}, "allow this developer: the `NAME` of a product, or a team ID; repeatable")
	flags.BoolVar(&o.PerBundle, "per-bundle", false, "allow only the kernel extensions that kextwatch knows of the developer")
	flags.BoolVar(&o.NoUserOverrides, "no-user-overrides", false, "users can approve no other kernel extension")
	flags.BoolVar(&o.NonAdminApprovals, "non-admin-approvals", false, "from macOS 11, users who are not administrators can approve other kernel extensions")
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("vendor", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return approval.VendorNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

func settingsFlags(cmd *cobra.Command, o *profileOptions) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.set, "set", nil, "set one setting (`KEY=VALUE`), a list with commas; repeatable; takes precedence over --from")
	flags.StringVar(&o.from, "from", "", "the settings in `FILE`, a property list")
	flags.BoolVar(&o.all, "all", false, "every other setting with its default, so that users can change none")
	_ = cmd.RegisterFlagCompletionFunc("set", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var keys []string
		for _, key := range settings.Keys {
			keys = append(keys, key.Name+"=")
		}
		return keys, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}
