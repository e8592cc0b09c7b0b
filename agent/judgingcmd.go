package main

import "kextwatch/agent/approval"

// judging are the settings of the user whose Mac this is.
func (in *invocation) judging() approval.Settings {
	home, err := in.home()
	if err != nil {
		return defaultSettings().judging()
	}
	s, _ := readSettings(in.mac, home) // what is wrong with them, doctor tells
	return s.judging()
}
