package mac

import (
	"context"
	"regexp"
	"strings"
)

// Owner is what tells whose Mac this is. It is looked up only to be left out
// of what people show to others.
type Owner struct {
	Users     []string // short and full names
	Computers []string // names of this Mac
	Serials   []string // of its hardware
}

var serialForm = regexp.MustCompile(`"IOPlatformSerialNumber" = "([^"\n]{1,64})"`)

// Owner asks for what it can find out; a name that nobody tells is missing.
func (m Mac) Owner(ctx context.Context) Owner {
	var o Owner
	if homes, err := m.list("/Users"); err == nil {
		for _, name := range homes {
			if name != "Shared" && !strings.HasPrefix(name, ".") {
				o.Users = append(o.Users, name)
			}
		}
	}
	o.Users = append(o.Users, m.says(ctx, "/usr/bin/id", "-un")...)
	o.Users = append(o.Users, m.says(ctx, "/usr/bin/id", "-F")...) // the full name
	for _, name := range []string{"ComputerName", "LocalHostName", "HostName"} {
		o.Computers = append(o.Computers, m.says(ctx, "/usr/sbin/scutil", "--get", name)...)
	}
	o.Computers = append(o.Computers, m.says(ctx, sysctlTool, "-n", "kern.hostname")...)
	for _, name := range o.Computers {
		if short, _, ok := strings.Cut(name, "."); ok {
			o.Computers = append(o.Computers, short)
		}
	}
	if out, err := m.tool(ctx, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"); err == nil {
		for _, found := range serialForm.FindAllStringSubmatch(string(out), 8) {
			o.Serials = append(o.Serials, found[1])
		}
	}
	return o
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
