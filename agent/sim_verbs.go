package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// switched returns a verb that takes on or off.
func switched(set func(*simmac.Mac, bool) error) func(*simmac.Mac, string, time.Time) error {
	return func(m *simmac.Mac, value string, _ time.Time) error {
		if value != "on" && value != "off" {
			return fmt.Errorf("%q is neither on nor off", value)
		}
		return set(m, value == "on")
	}
}

func setVirtual(m *simmac.Mac, value string, now time.Time) error {
	return switched(func(m *simmac.Mac, on bool) error { return m.SetVirtual(on, now) })(m, value, now)
}

// either returns a verb that does one thing without a value, and another one with it.
func either(without func(*simmac.Mac, time.Time) error, with func(*simmac.Mac, string, time.Time) error) func(*simmac.Mac, string, time.Time) error {
	return func(m *simmac.Mac, value string, now time.Time) error {
		if value == "" {
			return without(m, now)
		}
		return with(m, value, now)
	}
}

// addKext splits a value into a path, which may have spaces, and the words after it.
func addKext(m *simmac.Mac, value string, _ time.Time) error {
	path, rest, ok := strings.Cut(value, ".kext ")
	if !ok {
		return fmt.Errorf("%q is not the path of a kernel extension and a bundle ID", value)
	}
	words, defaults := strings.Fields(rest), []string{"", "-", "1.0", "both"}
	if len(words) > len(defaults) {
		return fmt.Errorf("too many words after %q: bundle ID, team, version and code are all", path+".kext")
	}
	words = append(words, defaults[len(words):]...)
	k := simmac.Kext{Path: path + ".kext", ID: words[0], Team: words[1], Version: words[2]}
	if k.Team == "-" {
		k.Team = ""
	}
	switch code := words[3]; code {
	case "both":
		k.Archs = []probe.Arch{probe.Intel, probe.AppleSilicon}
	case "none":
	default:
		k.Archs = []probe.Arch{probe.Arch(code)}
	}
	return m.AddKext(k)
}

func backup(m *simmac.Mac, value string, _ time.Time) error {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return fmt.Errorf("invalid time %q: write it like 2026-05-06T05:50:00Z", value)
	}
	return m.Backup(at)
}

func sysext(m *simmac.Mac, value string, _ time.Time) error {
	fields := strings.Fields(value)
	if len(fields) != 3 {
		return fmt.Errorf("%q is not a team, a bundle ID and a state", value)
	}
	return m.SetSystemExtension(fields[0], fields[1], fields[2])
}

func logRefusal(m *simmac.Mac, value string, now time.Time) error {
	kind, id, _ := strings.Cut(value, " ")
	return m.LogRefusal(probe.Outcome(kind), id, now)
}

func setCollection(m *simmac.Mac, value string, _ time.Time) error {
	id, where, _ := strings.Cut(value, " ")
	if where != "in" && where != "out" {
		return fmt.Errorf("%q is neither in nor out", where)
	}
	return m.SetCollection(id, where == "in")
}

func installProfile(m *simmac.Mac, file string, _ time.Time) error {
	profile, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return m.InstallProfile(profile)
}
