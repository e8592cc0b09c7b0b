package survey

import (
	"context"
	"errors"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/framework"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const toolPath = "PATH=/usr/bin:/bin:/usr/sbin:/sbin"

// profilerTries are the ways in which system_profiler may choose the language of its
// values. Without variables it is the language of the user. kextwatch runs its tools
// with LC_ALL=C.
var profilerTries = []struct {
	shown string // before the command
	env   []string
	args  []string
}{
	{"", []string{toolPath}, nil},
	{"", []string{toolPath}, []string{"-json"}},
	{"LANG=C LC_ALL=C ", []string{toolPath, "LANG=C", "LC_ALL=C"}, nil},
	{"LANG=C LC_ALL=C ", []string{toolPath, "LANG=C", "LC_ALL=C"}, []string{"-json"}},
	{"", []string{toolPath}, []string{"-json", "-AppleLanguages", "(en)"}},
}

// bootPolicyWords shows which words system_profiler has for the boot policy. If it
// hangs, it is not tried again, because the other questions need time, too.
func bootPolicyWords(ctx context.Context, m root.FS) []string {
	var lines []string
	for _, try := range profilerTries {
		args := append([]string{"SPiBridgeDataType"}, try.args...)
		out, err := tool.QueryIn(ctx, m, try.env, probe.ProfilerTool, args...)
		lines = append(lines, answered(try.shown+probe.ProfilerTool+" "+strings.Join(args, " "), out, err, everyLine)...)
		if errors.Is(err, tool.ErrTimeout) || ctx.Err() != nil {
			break
		}
	}
	return lines
}

// diskKeys are the keys of diskutil that tell what kind of disk it is, not whose.
var diskKeys = []string{
	"BusProtocol", "DeviceInternal", "Ejectable", "FilesystemType", "Internal", "MountPoint",
	"RemovableMedia", "RemovableMediaOrExternalDevice", "VirtualOrPhysical",
}

// startedFrom shows from which kind of disk macOS was started, and whether it runs in a
// virtual machine.
func startedFrom(ctx context.Context, m root.FS) []string {
	show := false // the value is in the line after its key
	lines := printed(ctx, m, func(line string) bool {
		name, isKey := strings.CutPrefix(strings.TrimSpace(line), "<key>")
		value := show && !isKey
		show = isKey && slices.Contains(diskKeys, strings.TrimSuffix(name, "</key>"))
		return value || show
	}, probe.DiskutilTool+" info -plist /")
	return append(lines, kernelValue(ctx, m, mac.Virtual))
}

// kernelValue returns a value of the kernel, or the error.
func kernelValue(ctx context.Context, m root.FS, name string) string {
	answer, err := mac.ReadSysctl(ctx, m, name)
	if err != nil {
		answer = err.Error()
	}
	return name + ": " + probe.Printable(answer)
}

// kextRow matches a row of kmutil up to the version of a kext.
var kextRow = probe.Form{Expr: `^((?:[-0-9xa-fA-F]+\s+)*)[0-9A-Za-z_.+-]+ \([^()]*\)`}

// collectionRows shows how kmutil lists the auxiliary kernel collection. The kexts of
// other vendors are private: only what is before their names is shown.
func collectionRows(ctx context.Context, m root.FS) []string {
	if os, _ := mac.ReadOS(m); os.Known() && !os.AtLeast(11, 0) {
		return []string{"macOS " + os.String() + " has no such collection"}
	}
	lines := printed(ctx, m, everyLine,
		probe.KmutilTool+" showloaded --collection aux --show all", probe.KmutilTool+" showloaded --collection aux --show all --list-only")
	for i, line := range lines {
		lines[i] = withoutKext(line)
	}
	return lines
}

func withoutKext(line string) string {
	text := strings.TrimLeft(line, " ")
	row := kextRow.FindStringSubmatch(text)
	switch {
	case strings.HasPrefix(text, "$ "), strings.HasPrefix(text, "Index "), strings.Contains(line, "com.parallels."):
		return line
	case row != nil:
		return line[:len(line)-len(text)] + row[1] + "<kext>"
	case strings.Contains(text, "("):
		return "<a line of another form>"
	}
	return line
}

// newGetters shows which of its newer getters the framework has.
func newGetters(ctx context.Context, m root.FS) []string {
	out, err := framework.Getters(ctx, m)
	return answered(probe.OsascriptTool+" -l JavaScript -e …", out, err, everyLine)
}
