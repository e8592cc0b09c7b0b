package mac

import (
	"context"
	"regexp"
	"strings"

	"kextwatch/probe"
)

// Names are what tells whose Mac this is. They are looked up only to be left
// out of what people show to others.
type Names struct {
	Users     []string // short and full names
	Computers []string // names of this Mac
	Serials   []string // of its hardware
}

var serialForm = regexp.MustCompile(`"IOPlatformSerialNumber" = "([^"\n]{1,64})"`)

// Names asks for what it can find out; a name that nobody tells is missing.
func (m Mac) Names(ctx context.Context) Names {
	var n Names
	if homes, err := m.list("/Users"); err == nil {
		for _, name := range homes {
			if name != "Shared" && !strings.HasPrefix(name, ".") {
				n.Users = append(n.Users, name)
			}
		}
	}
	n.Users = append(n.Users, m.says(ctx, probe.IDTool, "-un")...)
	n.Users = append(n.Users, m.says(ctx, probe.IDTool, "-F")...) // the full name
	for _, name := range []string{"ComputerName", "LocalHostName", "HostName"} {
		n.Computers = append(n.Computers, m.says(ctx, probe.ScutilTool, "--get", name)...)
	}
	n.Computers = append(n.Computers, m.says(ctx, probe.SysctlTool, "-n", "kern.hostname")...)
	for _, name := range n.Computers {
		if short, _, ok := strings.Cut(name, "."); ok {
			n.Computers = append(n.Computers, short)
		}
	}
	if out, err := m.tool(ctx, probe.IoregTool, "-rd1", "-c", "IOPlatformExpertDevice"); err == nil {
		for _, found := range serialForm.FindAllStringSubmatch(string(out), 8) {
			n.Serials = append(n.Serials, found[1])
		}
	}
	return n
}

// says is what a tool answers in one line, if it answers.
func (m Mac) says(ctx context.Context, name string, args ...string) []string {
	out, err := m.tool(ctx, name, args...)
	if err != nil {
		return nil
	}
	if line := strings.TrimSpace(string(out)); line != "" && !strings.Contains(line, "\n") {
		return []string{line}
	}
	return nil
}
