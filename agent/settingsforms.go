package main

import (
	"io"

	"kextwatch/agent/fleet"
	"kextwatch/agent/settings"
	"kextwatch/probe"
)

// formOfSettings makes one form of every setting, in the settings domain of kextwatch.
type formOfSettings func(domain string, settings []fleet.Setting) ([]byte, error)

func (form formOfSettings) make() ([]byte, error) {
	var all []fleet.Setting
	for _, key := range settings.Keys {
		all = append(all, fleet.Setting{Name: key.Name, Title: key.Title, Meaning: key.Meaning, Form: key.Form, Default: key.Default()})
	}
	return form(probe.AgentLabel, all)
}

func writeForm(out io.Writer, form formOfSettings) error {
	data, err := form.make()
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}
