package mac

import (
	"context"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// Names identify the owner of a Mac. They are read only to remove them from texts
// that the user shows to others.
type Names struct {
	Users     []string // short and full names
	Computers []string // the Mac's own names
	Serials   []string // serial numbers of the hardware
}

var serialForm = probe.Form{Expr: `"IOPlatformSerialNumber" = "([^"\n]{1,64})"`}

// ReadNames queries the names. A name that cannot be read is left out.
func ReadNames(ctx context.Context, m root.FS) Names {
	var n Names
	if homes, err := m.List("/Users"); err == nil {
		for _, name := range homes {
			if name != "Shared" && !strings.HasPrefix(name, ".") {
				n.Users = append(n.Users, name)
			}
		}
	}
	n.Users = append(n.Users, oneLine(ctx, m, probe.IDTool, "-un")...)
	n.Users = append(n.Users, oneLine(ctx, m, probe.IDTool, "-F")...) // the full name
	for _, name := range []string{"ComputerName", "LocalHostName", "HostName"} {
		n.Computers = append(n.Computers, oneLine(ctx, m, probe.ScutilTool, "--get", name)...)
	}
	n.Computers = append(n.Computers, oneLine(ctx, m, probe.SysctlTool, "-n", "kern.hostname")...)
	for _, name := range n.Computers {
		if short, _, ok := strings.Cut(name, "."); ok {
			n.Computers = append(n.Computers, short)
		}
	}
	if out, err := tool.Query(ctx, m, probe.IoregTool, "-rd1", "-c", "IOPlatformExpertDevice"); err == nil {
		n.Serials = parseSerials(out)
	}
	return n
}

func parseSerials(out []byte) []string {
	var serials []string
	for _, found := range serialForm.FindAllStringSubmatch(string(out), 8) {
		serials = append(serials, found[1])
	}
	return serials
}

// oneLine returns a tool's output if it is one line, and nothing otherwise.
func oneLine(ctx context.Context, m root.FS, name string, args ...string) []string {
	out, err := tool.Query(ctx, m, name, args...)
	if err != nil {
		return nil
	}
	if line := strings.TrimSpace(string(out)); line != "" && !strings.Contains(line, "\n") {
		return []string{line}
	}
	return nil
}
