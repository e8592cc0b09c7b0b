package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// broken are the ways in which a tool can fail, as scripts that stand in for
// it. $healthy is the tool itself.
var broken = map[string]string{
	// With a child that outlives a tool which alone is killed.
	"hang":    "trap '' HUP INT TERM\nsleep 86400 &\nwait\n",
	"flood":   "head -c 104857600 /dev/zero\n",
	"half":    "all=$(. \"$healthy\")\nprintf '%s' \"$all\" | head -c $((${#all} / 2))\n",
	"crash":   "kill -SEGV $$\n",
	"rubbish": "printf '\\377\\376rubbish\\000\\033[31m{]\\n'\n",
}

// toolDirs are the directories of a Mac's tools.
var toolDirs = []string{"/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/libexec", "/usr/local/bin"}

// BreakTool makes one of the Mac's tools fail, given by its name: "hang",
// "flood" (100 MB of output), "half" (of what it prints), "crash", "rubbish",
// or "none" (it is gone). "heal" makes it good again.
func (m *Mac) BreakTool(name, how string) error {
	script, known := broken[how]
	if !known && how != "none" && how != "heal" {
		return fmt.Errorf("a tool does not fail by %q: take hang, flood, half, crash, rubbish, none or heal", how)
	}
	place, err := m.findTool(name)
	if err != nil {
		return err
	}
	tool, healthy := m.at(place), m.at(healthyTool(place))
	if _, err := os.Stat(healthy); errors.Is(err, fs.ErrNotExist) {
		if how == "heal" {
			return nil
		}
		if err := os.Link(tool, healthy); err != nil {
			return err
		}
	}
	switch how {
	case "heal":
		return os.Rename(healthy, tool)
	case "none":
		if err := os.Remove(tool); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	head := "#!/bin/sh\n# This tool fails: " + how + ".\nhealthy=${0%/*}/" + path.Base(healthyTool(place)) + "\n"
	return m.write(place, []byte(head+script), 0o755)
}

// findTool is where the tool is, or was before it failed.
func (m *Mac) findTool(name string) (string, error) {
	if !strings.ContainsAny(name, "/.") {
		for _, dir := range toolDirs {
			place := dir + "/" + name
			for _, at := range []string{place, healthyTool(place)} {
				if info, err := os.Stat(m.at(at)); err == nil && info.Mode().IsRegular() {
					return place, nil
				}
			}
		}
	}
	return "", fmt.Errorf("this Mac has no tool %q: %w", name, fs.ErrNotExist)
}

// healthyTool is where a tool that fails is kept.
func healthyTool(place string) string {
	return path.Dir(place) + "/." + path.Base(place) + ".healthy"
}
