// Package survey asks the questions of doctor --facts: facts about macOS and
// Parallels Desktop that no documentation has and that a Mac can answer. It only
// reads and changes nothing on the Mac.
package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/kextlog"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	answerLimit = 60 // lines in an answer

	profilerLimit = 20 * time.Second // system_profiler scans the system first

	logTrial = 2 * time.Second // wait for the first line of the log
)

// Question is a question about macOS or Parallels Desktop that a Mac can answer.
// Asking it changes nothing on the Mac.
type Question struct {
	Text string // the question, one line
	ask  func(ctx context.Context) []string
}

// Ask returns the lines of the answer. Errors are lines of the answer, too. The
// lines have no control characters, but they may contain the names of the user and
// the computer.
func (q Question) Ask(ctx context.Context) []string {
	if err := ctx.Err(); err != nil {
		return []string{"not asked: " + err.Error()}
	}
	return q.ask(ctx)
}

// Questions returns all questions about m.
func Questions(m root.FS) []Question {
	on := func(ask func(context.Context, root.FS) []string) func(context.Context) []string {
		return func(ctx context.Context) []string { return ask(ctx, m) }
	}
	return []Question{
		{"Which Mac is this?", on(whichMac)},
		{"Who may list and stat the policy's folder, and what are its modes and flags?", on(policyFolder)},
		{"Which form does the policy database have?", func(ctx context.Context) []string { return databaseForm(ctx, m) }},
		{"What does System Information list as disabled software?", on(disabledSoftware)},
		{"Which styles does the log tool know, and may this user follow the log?", on(logAccess)},
		{"Which mode has the database of system extensions, and what frames their list?", on(systemExtensionFiles)},
		{"What do csrutil and spctl print?", func(ctx context.Context) []string {
			return printed(ctx, m, everyLine, "/usr/bin/csrutil status", "/usr/sbin/spctl kext-consent status", "/usr/sbin/spctl kext-consent list")
		}},
		{"May this user list the loaded kernel extensions?", on(loadedList)},
		{"How does kmutil list the auxiliary kernel collection?", on(collectionRows)},
		{"Which words has system_profiler for the boot policy, and in which language?", on(bootPolicyWords)},
		{"From which disk was macOS started, and is this a virtual machine?", on(startedFrom)},
		{"May this user see configuration profiles, and how is the one for kernel extensions printed?", on(profileForm)},
		{"Does launchd answer for this user's session?", on(userSession)},
		{"Which kernel extensions does Parallels Desktop bring, and what do they need?", on(parallelsExtensions)},
		{"Where is the job of Parallels' service?", on(serviceJob)},
		{"Which words does prlctl have for the hypervisor of a virtual machine?", on(hypervisorWords)},
		{"Which newer getters does SystemPolicy.framework have?", on(newGetters)},
		{"Does SystemPolicy.framework answer this user?", func(ctx context.Context) []string {
			return frameworkAnswers(framework.Read(ctx, m, time.Now()))
		}},
	}
}

func everyLine(string) bool { return true }

// printed runs commands and returns their output, each under its command. It returns
// only the lines that wanted accepts. The words of a command must not contain
// spaces.
func printed(ctx context.Context, m root.FS, wanted func(line string) bool, commands ...string) []string {
	var lines []string
	for _, command := range commands {
		words := strings.Fields(command)
		out, err := tool.Query(ctx, m, words[0], words[1:]...)
		lines = append(lines, answered(command, out, err, wanted)...)
	}
	return lines
}

// answered returns the output of a command, or its error.
func answered(command string, out []byte, err error, wanted func(line string) bool) []string {
	lines := []string{"$ " + command}
	if err != nil {
		return append(lines, probe.Printable(err.Error()))
	}
	for line := range strings.Lines(string(out)) {
		if len(lines) > answerLimit {
			return append(lines, "(and more)")
		}
		text := strings.TrimLeft(line, " \t")
		if shown := probe.Printable(text); shown != "" && wanted(text) {
			lines = append(lines, strings.Repeat(" ", min(len(line)-len(text), 40))+shown)
		}
	}
	return lines
}

func whichMac(ctx context.Context, m root.FS) []string {
	lines := printed(ctx, m, everyLine, "/usr/bin/sw_vers")
	for _, name := range []string{
		"kern.osproductversion", "kern.osversion", "kern.osrelease", "hw.machine", "hw.model", mac.ArmOption, "sysctl.proc_translated", mac.BootTime, mac.BootSession,
	} {
		lines = append(lines, kernelValue(ctx, m, name))
	}
	return lines
}

// disabledSoftware asks for JSON first. macOS 10.13 and 10.14 may not support it.
func disabledSoftware(ctx context.Context, m root.FS) []string {
	const kind = "SPDisabledSoftwareDataType"
	out, err := tool.QueryWithin(ctx, m, profilerLimit, probe.ProfilerTool, kind, "-json")
	lines := answered(probe.ProfilerTool+" "+kind+" -json", out, err, everyLine)
	if err != nil && ctx.Err() == nil && !errors.Is(err, tool.ErrTimeout) {
		out, err = tool.QueryWithin(ctx, m, profilerLimit, probe.ProfilerTool, kind)
		lines = append(lines, answered(probe.ProfilerTool+" "+kind, out, err, everyLine)...)
	}
	return lines
}

func logAccess(ctx context.Context, m root.FS) []string {
	lines := printed(ctx, m, func(line string) bool { return strings.Contains(line, "style") }, probe.LogTool+" help stream")
	lines = append(lines, "$ "+probe.LogTool+" stream --style ndjson --predicate …")
	ctx, cancel := context.WithTimeout(ctx, logTrial)
	defer cancel()
	start := time.Now()
	var first string
	var after time.Duration
	err := tool.Follow(ctx, m, func(line []byte) {
		if first == "" {
			first, after = probe.Printable(string(line)), time.Since(start)
			cancel()
		}
	}, probe.LogTool, "stream", "--style", "ndjson", "--predicate", kextlog.Predicate)
	switch {
	case first != "":
		return append(lines, fmt.Sprintf("permitted; its first line came after %.1f s: %.60s", after.Seconds(), first))
	case errors.Is(err, context.DeadlineExceeded):
		return append(lines, fmt.Sprintf("printed nothing within %v", logTrial))
	}
	return append(lines, probe.Printable(err.Error()))
}

// systemExtensionFiles returns only the headings of the list of system extensions,
// not the extensions.
func systemExtensionFiles(ctx context.Context, m root.FS) []string {
	const database = probe.SystemExtensionsList
	lines := []string{described(m, database)}
	lines = append(lines, printed(ctx, m, everyLine, "/bin/ls -ldO "+database)...)
	return append(lines, printed(ctx, m, func(line string) bool {
		return strings.HasPrefix(line, "---") || strings.Contains(line, "extension(s)") || strings.HasPrefix(line, "enabled")
	}, "/usr/bin/systemextensionsctl list")...)
}

func loadedList(ctx context.Context, m root.FS) []string {
	version, _ := mac.ReadOS(m) // an unknown version changes only which tool runs first
	loaded, err := mac.ReadLoaded(ctx, m, version)
	if err != nil {
		return []string{probe.Printable(err.Error())}
	}
	lines := []string{fmt.Sprintf("yes, %d", len(loaded.Kexts))}
	for _, kext := range loaded.Kexts {
		if strings.HasPrefix(kext.BundleID, "com.parallels.") {
			lines = append(lines, kext.BundleID+" "+kext.Version)
		}
	}
	return lines
}

// profileForm returns only the lines with the keys for kexts. The rest of a profile
// is private.
func profileForm(ctx context.Context, m root.FS) []string {
	const command = "/usr/bin/profiles show -type configuration"
	words := strings.Fields(command)
	out, err := tool.Query(ctx, m, words[0], words[1:]...)
	lines := answered(command, out, err, func(line string) bool {
		for _, word := range []string{
			"com.apple.syspolicy.kernel-extension-policy", "AllowUserOverrides", "AllowedTeamIdentifiers",
			"AllowedKernelExtensions", "AllowNonAdminUserApprovals",
		} {
			if strings.Contains(line, word) {
				return true
			}
		}
		return false
	})
	return append(lines, fmt.Sprintf("%d lines in all", bytes.Count(out, []byte("\n"))))
}

func userSession(ctx context.Context, m root.FS) []string {
	return printed(ctx, m, func(line string) bool {
		return strings.HasPrefix(line, "gui/") || strings.HasPrefix(line, "type =")
	}, fmt.Sprintf("/bin/launchctl print gui/%d", m.UID))
}

// described returns the result of lstat for a path, and whether it can be opened.
// The number of the error shows whether the mode of the file or macOS's privacy
// protection refused it.
func described(m root.FS, name string) string {
	p, err := m.Resolve(name)
	if err != nil {
		return probe.Printable(err.Error())
	}
	info, err := os.Lstat(p)
	if err != nil {
		return name + ": stat: " + errorNumber(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	may := "may be opened"
	if f, err := os.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		may = "opening: " + errorNumber(err)
	} else {
		f.Close()
	}
	return fmt.Sprintf("%s: %v, uid %d, gid %d, %d bytes, changed %s; %s", name, info.Mode(), owner.Uid, owner.Gid,
		info.Size(), info.ModTime().UTC().Format(time.RFC3339), may)
}

func errorNumber(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return fmt.Sprintf("error %d, %v", int(errno), errno)
	}
	return probe.Printable(err.Error())
}
