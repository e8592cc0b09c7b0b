package mac

import (
	"context"
	"regexp"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// Names are what tells whose Mac this is. They are looked up only to be left
// out of what people show to others.
type Names struct {
	Users     []string // short and full names
	Computers []string // names of this Mac
	Serials   []string // of its hardware
}

var serialForm = regexp.MustCompile(`"IOPlatformSerialNumber" = "([^"\n]{1,64})"`)

// ReadNames asks for what it can find out; a name that nobody tells is missing.
func ReadNames(ctx context.Context, m root.FS) Names {
	var n Names
	if homes, err := m.List("/Users"); err == nil {
		for _, name := range homes {
			if name != "Shared" && !strings.HasPrefix(name, ".") {
				n.Users = append(n.Users, name)
			}
		}
	}
	n.Users = append(n.Users, says(ctx, m, probe.IDTool, "-un")...)
	n.Users = append(n.Users, says(ctx, m, probe.IDTool, "-F")...) // the full name
	for _, name := range []string{"ComputerName", "LocalHostName", "HostName"} {
		n.Computers = append(n.Computers, says(ctx, m, probe.ScutilTool, "--get", name)...)
	}
	n.Computers = append(n.Computers, says(ctx, m, probe.SysctlTool, "-n", "kern.hostname")...)
	for _, name := range n.Computers {
		if short, _, ok := strings.Cut(name, "."); ok {
			n.Computers = append(n.Computers, short)
		}
	}
	if out, err := tool.Query(ctx, m, probe.IoregTool, "-rd1", "-c", "IOPlatformExpertDevice"); err == nil {
		for _, found := range serialForm.FindAllStringSubmatch(string(out), 8) {
			n.Serials = append(n.Serials, found[1])
		}
	}
	return n
}

// says is what a tool answers in one line, if it answers.
func says(ctx context.Context, m root.FS, name string, args ...string) []string {
	out, err := tool.Query(ctx, m, name, args...)
	if err != nil {
		return nil
	}
	if line := strings.TrimSpace(string(out)); line != "" && !strings.Contains(line, "\n") {
		return []string{line}
	}
	return nil
}
