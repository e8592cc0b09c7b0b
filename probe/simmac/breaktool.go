package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// brokenTools holds, for each way in which a tool can fail, the shell script
// that replaces the tool. $healthy is the path of the tool itself.
var brokenTools = map[string]string{
	// The child keeps running if only the tool itself is killed.
	"hang":    "trap '' HUP INT TERM\nsleep 86400 &\nwait\n",
	"flood":   "head -c 104857600 /dev/zero\n",
	"half":    "all=$(. \"$healthy\")\nprintf '%s' \"$all\" | head -c $((${#all} / 2))\n",
	"crash":   "kill -SEGV $$\n",
	"rubbish": "printf '\\377\\376rubbish\\000\\033[31m{]\\n'\n",
}

// toolDirs are the directories of a Mac's tools.
var toolDirs = []string{"/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/libexec", "/usr/local/bin"}

// BreakTool makes one of the Mac's tools fail. name is its file name, such as
// "prlctl". how is "hang", "flood" (100 MB of output), "half" (half of its
// usual output), "crash", "rubbish", or "none" (the tool is removed). "heal"
// restores the tool. The error wraps fs.ErrNotExist if the Mac has no such tool.
func (m *Mac) BreakTool(name, how string) error {
	script, known := brokenTools[how]
	if !known && how != "none" && how != "heal" {
		return fmt.Errorf("unknown tool failure %q: use hang, flood, half, crash, rubbish, none or heal", how)
	}
	tool, err := m.findTool(name)
	if err != nil {
		return err
	}
	healthy := healthyTool(tool)
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
	head := "#!/bin/sh\n# This tool fails: " + how + ".\nhealthy=${0%/*}/" + filepath.Base(healthy) + "\n"
	return replaceFile(tool, []byte(head+script), 0o755)
}

// findTool returns the path on this machine of a tool's file, with all links
// resolved. A tool that BreakTool removed is found by its healthy copy.
func (m *Mac) findTool(name string) (string, error) {
	if !strings.ContainsAny(name, "/.") {
		for _, dir := range toolDirs {
			tool, err := m.resolve(dir + "/" + name)
			if err != nil {
				return "", err
			}
			for _, file := range []string{tool, healthyTool(tool)} {
				if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
					return tool, nil
				}
			}
		}
	}
	return "", fmt.Errorf("this Mac has no tool %q: %w", name, fs.ErrNotExist)
}

// healthyTool returns where BreakTool keeps the working copy of a tool.
func healthyTool(tool string) string {
	return filepath.Dir(tool) + "/." + filepath.Base(tool) + ".healthy"
}
