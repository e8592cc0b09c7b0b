package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kextwatch/agent/cli"
	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// simVerb changes a simulated Mac.
type simVerb struct {
	name, value, help string
	do                func(m *simmac.Mac, value string, now time.Time) error
}

var simVerbs = []simVerb{
	{"attempt", "[BUNDLE-ID]", "Parallels tries to load its kernel extensions, or something tries to load this one", either((*simmac.Mac).Attempt, (*simmac.Mac).AttemptKext)},
	{"allow", "[BUNDLE-ID]", "the user clicks Allow for Parallels, or for this extension", either((*simmac.Mac).Allow, (*simmac.Mac).AllowKext)},
	{"mdm-allow", "[TEAM]", "a configuration profile allows Parallels, or this team", either((*simmac.Mac).MDMAllow, (*simmac.Mac).MDMAllowTeam)},
	{"load", "[BUNDLE-ID]", "the kernel extensions of Parallels are loaded, or this one is", either((*simmac.Mac).Load, (*simmac.Mac).LoadKext)},
	{"unload", "[BUNDLE-ID]", "Parallels unloads its extensions because no virtual machine runs, or this one is unloaded", either(
		func(m *simmac.Mac, _ time.Time) error { return m.Unload() },
		func(m *simmac.Mac, id string, _ time.Time) error { return m.UnloadKext(id) },
	)},
	{"add-kext", "PATH BUNDLE-ID [TEAM] [VERSION] [CODE]", "an extension is installed; TEAM - (the default): unsigned; CODE: x86_64, arm64, both (the default) or none", addKext},
	{"hide-folder", "PATH", "only root can read this folder", func(m *simmac.Mac, path string, _ time.Time) error { return m.HideFolder(path) }},
	{"show-folder", "PATH", "everyone can read this folder again", func(m *simmac.Mac, path string, _ time.Time) error { return m.ShowFolder(path) }},
	{"log-refusal", "KIND [BUNDLE-ID|PATH]", "macOS logs that it refuses an extension, of any vendor; KIND: " + simmac.RefusalKinds, logRefusal},
	{"collection", "BUNDLE-ID in|out", "an extension is in the auxiliary kernel collection, or not", setCollection},
	{"restart", "", "the Mac restarts", func(m *simmac.Mac, _ string, now time.Time) error { return m.Restart(now) }},
	{"linking", "on|off", "a restart builds the auxiliary kernel collection, or fails to", switched((*simmac.Mac).SetLinking)},
	{"update-macos", "VERSION", "macOS is updated, and the Mac restarts", (*simmac.Mac).UpdateMacOS},
	{"update-parallels", "VERSION", "Parallels Desktop is updated", (*simmac.Mac).UpdateParallels},
	{"remove-parallels", "", "Parallels Desktop is moved to the Trash", func(m *simmac.Mac, _ string, _ time.Time) error { return m.RemoveParallels() }},
	{"add-vm", "NAME [parallels|apple]", "a virtual machine for this hypervisor is created", func(m *simmac.Mac, value string, _ time.Time) error { return m.AddVM(simVM(value)) }},
	{"set-vm", "NAME parallels|apple", "a stopped virtual machine gets this hypervisor", func(m *simmac.Mac, value string, _ time.Time) error { return m.SetVM(simVM(value)) }},
	{"vm-state", "NAME running|stopped|suspended", "a virtual machine is in this state", setVMState},
	{"start-vm", "NAME", "the user starts a virtual machine, and Parallels tries to load what it needs", (*simmac.Mac).StartVM},
	{"kextless", "on|off", "Parallels' networking works without kernel extensions, or not", func(m *simmac.Mac, value string, _ time.Time) error { return m.SetKextless(value) }},
	{"sip", "enabled|disabled|custom|no-approval", "System Integrity Protection is changed in Recovery", func(m *simmac.Mac, value string, now time.Time) error { return m.SetSIP(simmac.SIP(value), now) }},
	{"consent", "on|off|TEAM", "consent to kernel extensions is changed in Recovery", (*simmac.Mac).SetConsent},
	{"profile", "forbid|allow-users|allow-team|none", "a configuration profile for kernel extensions is installed", func(m *simmac.Mac, value string, _ time.Time) error { return m.SetProfile(simmac.Profile(value)) }},
	{"install-profile", "FILE", "an MDM installs this configuration profile, for kernel extensions or settings", installProfile},
	{"boot-policy", "POLICY", "the boot policy of Apple silicon is changed in Recovery; POLICY: " + simmac.BootPolicies, func(m *simmac.Mac, value string, now time.Time) error {
		return m.SetBootPolicy(simmac.BootPolicy(value), now)
	}},
	{"boot-disk", "internal|external", "a Mac with Apple silicon restarts from this disk", (*simmac.Mac).SetBootDisk},
	{"virtual", "on|off", "macOS for Apple silicon restarts in a virtual machine, or not", setVirtual},
	{"offer-macos", "VERSION", "Software Update offers this macOS", (*simmac.Mac).OfferMacOS},
	{"lock-policy", "", "nobody can read the policy database, like an ordinary user on a real Mac", func(m *simmac.Mac, _ string, _ time.Time) error { return m.LockPolicy() }},
	{"unlock-policy", "", "the policy database can be read again", func(m *simmac.Mac, _ string, _ time.Time) error { return m.UnlockPolicy() }},
	{"remove-framework", "", "macOS no longer has SPKernelExtensionPolicy", func(m *simmac.Mac, _ string, _ time.Time) error { return m.RemoveFramework() }},
	{"tool-fails", "TOOL HOW", "a tool of macOS fails; TOOL: its file name, such as osascript; HOW: hang, flood, half, crash, rubbish, none, heal", func(m *simmac.Mac, value string, _ time.Time) error {
		tool, how, _ := strings.Cut(value, " ")
		return m.BreakTool(tool, how)
	}},
	{"auto-update", "on|off", "macOS installs updates automatically, or not", switched((*simmac.Mac).SetAutoUpdate)},
	{"backup", "TIME", "Time Machine made a backup at this time", backup},
	{"run-program", "PATH", "the user starts a program", (*simmac.Mac).RunProgram},
	{"quit-program", "PATH", "a program ends", func(m *simmac.Mac, path string, _ time.Time) error { return m.QuitProgram(path) }},
	{"connect-vnc", "", "somebody connects to screen sharing", func(m *simmac.Mac, _ string, _ time.Time) error { return m.ConnectVNC(true) }},
	{"disconnect-vnc", "", "nobody is connected to screen sharing", func(m *simmac.Mac, _ string, _ time.Time) error { return m.ConnectVNC(false) }},
	{"console", "me|other|nobody", "the user at the screen; other users need root", func(m *simmac.Mac, who string, _ time.Time) error { return m.SeatAtConsole(who) }},
	{"lock", "on|off", "the screen is locked, or not", switched((*simmac.Mac).LockScreen)},
	{"admin", "on|off", "the user is an administrator, or not", switched((*simmac.Mac).SetAdmin)},
	{"sysext", "TEAM ID STATE", "a system extension is in this state, activated_waiting_for_user", sysext},
}

func (in *invocation) simCommand() *cobra.Command {
	var o simmac.Options
	var arch, edition string
	cmd := &cobra.Command{
		Use:   "sim DIR VERB [VALUE]",
		Short: "Make or change a simulated Mac in a directory",
		Long: `sim makes a directory with the files and tools of a Mac, and changes it as a real
Mac would change. --now sets the time of the change.

The tools of a simulated Mac change nothing in the policy: after kextwatch retry, play
what it led to with attempt or start-vm.

Verbs:
` + simHelp(),
		Example: `  kextwatch sim /tmp/mac new --macos 10.15.7 --parallels 16.5.1
  kextwatch run --root /tmp/mac --headless --events - &
  kextwatch sim /tmp/mac attempt
  kextwatch status --root /tmp/mac`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.Usage("kextwatch sim --help lists the verbs", "sim takes a directory, a verb and the values of the verb")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			o.Arch, o.Edition = probe.Arch(arch), probe.Edition(edition)
			o.Now = in.clock.Now()
			return simCommand{in.out, o}.run(args[0], args[1], args[2:])
		},
	}
	cmd.ValidArgsFunction = completeVerb
	flags := cmd.Flags()
	flags.StringVar(&o.MacOS, "macos", "10.15.7", "new: `VERSION` of macOS")
	flags.StringVar(&o.Build, "build", "", "new: `BUILD` of macOS (default: that of the version)")
	flags.StringVar(&o.Parallels, "parallels", "16.5.1", "new: `VERSION` of Parallels Desktop, or \"\" for none")
	flags.StringVar(&arch, "arch", string(probe.Intel), "new: processor, x86_64 or arm64 (`ARCH`)")
	flags.StringVar(&edition, "edition", string(probe.Standard), "new: `EDITION` of Parallels Desktop, standard or app-store")
	flags.StringVar(&o.User, "user", "me", "new: `NAME` of the user's home folder")
	flags.StringVar(&o.Language, "language", "", "new: `TAG` of the user's language, such as de-AT (default: none is set)")
	return cmd
}

// completeVerb completes the verb after the directory.
func completeVerb(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	verbs := []cobra.Completion{cobra.CompletionWithDesc("new", "make a simulated Mac")}
	for _, v := range simVerbs {
		verbs = append(verbs, cobra.CompletionWithDesc(v.name, v.help))
	}
	return verbs, cobra.ShellCompDirectiveNoFileComp
}

// takes reports whether the values fit the verb. Values in brackets may be missing.
func (v simVerb) takes(values []string) bool {
	places := strings.Fields(v.value)
	needed := 0
	for _, place := range places {
		if !strings.HasPrefix(place, "[") {
			needed++
		}
	}
	return len(values) >= needed && len(values) <= len(places)
}

func simHelp() string {
	return definitions(func(yield func(name, meaning string) bool) {
		if !yield("new", "make a simulated Mac; DIR must be empty or missing") {
			return
		}
		for _, v := range simVerbs {
			if !yield(strings.TrimSpace(v.name+" "+v.value), v.help) {
				return
			}
		}
	})
}

// simCommand makes or changes a simulated Mac at the time of its options.
type simCommand struct {
	cli.Output
	options simmac.Options
}

func (s simCommand) run(dir, name string, values []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	value := strings.Join(values, " ")
	if name == "new" {
		if value != "" {
			return cli.Usage("kextwatch sim --help lists its flags", "new takes no value")
		}
		o := s.options
		o.Now = o.Now.Add(-time.Hour) // started an hour ago, so that the next events do not look like part of the start
		if _, err := simmac.New(dir, o); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return cli.Unavailable(err, "name another directory")
			}
			return cli.Unavailable(err, "kextwatch sim --help lists the flags of new and their values")
		}
		return s.done(dir, name, value)
	}
	for _, verb := range simVerbs {
		if verb.name != name {
			continue
		}
		if !verb.takes(values) {
			return cli.Usage("kextwatch sim --help lists the verbs", "wrong values; use: sim DIR %s %s", name, verb.value)
		}
		m, err := simmac.Open(dir)
		if err != nil {
			return cli.Unavailable(err, "kextwatch sim DIR new makes a simulated Mac")
		}
		if err := verb.do(m, value, s.options.Now); err != nil {
			return cli.Unavailable(err, "")
		}
		return s.done(dir, name, value)
	}
	hint := "kextwatch sim --help lists the verbs"
	var names []string
	for _, verb := range simVerbs {
		names = append(names, verb.name)
	}
	if near := probe.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean kextwatch sim DIR %s?", near)
	}
	return cli.Usage(hint, "unknown verb %q", name)
}

// simVM splits a value into a name and an optional hypervisor.
func simVM(value string) simmac.VM {
	if i := strings.LastIndex(value, " "); i > 0 {
		switch is := probe.Hypervisor(value[i+1:]); is {
		case probe.ParallelsHypervisor, probe.AppleHypervisor:
			return simmac.VM{Name: value[:i], Hypervisor: is}
		}
	}
	return simmac.VM{Name: value}
}

func setVMState(m *simmac.Mac, value string, _ time.Time) error {
	i := strings.LastIndex(value, " ")
	return m.SetVMState(value[:max(i, 0)], probe.VMState(value[i+1:]))
}

func (s simCommand) done(dir, name, value string) error {
	if s.JSON {
		s.Document(map[string]any{"schema": 1, "dir": dir, "verb": name, "value": value})
		return nil
	}
	s.Say("%s: %s", dir, strings.TrimSpace(name+" "+value))
	return nil
}
