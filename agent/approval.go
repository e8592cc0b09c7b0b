package main

import (
	"kextwatch/agent/approval"
	"kextwatch/agent/settings"
)

// judging are the settings of the user whose Mac this is.
func (in *invocation) judging() approval.Settings {
	home, err := in.home()
	if err != nil {
		return settings.Default().Approval()
	}
	s, _ := settings.Read(in.mac, home) // what is wrong with them, doctor tells
	return s.Approval()
}
