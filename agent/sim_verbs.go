package main

import (
	"fmt"
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
