package tool

import (
	"errors"

	"kextwatch/probe"
)

// Gap is gap for a fact that a tool did not tell. command is what a person
// can type to see for himself.
func Gap(source probe.Fact, err error, command string) probe.Gap {
	switch {
	case errors.Is(err, ErrNoTools):
		return probe.NewGap(source, err, "Run kextwatch on that Mac itself.")
	case errors.Is(err, ErrAsRoot):
		return probe.NewGap(source, err, "Run kextwatch as yourself, without sudo.")
	}
	return probe.NewGap(source, err, "Run `"+command+"` in Terminal and see what it says.")
}
