package tool

import (
	"errors"

	"kextwatch/probe"
)

// Gap returns the missing fact for an error of Query or Follow. command is a
// command with which the user can see the problem in Terminal.
func Gap(source probe.Fact, err error, command string) probe.Gap {
	switch {
	case errors.Is(err, ErrNoTools):
		return probe.NewGap(source, err, "Run kextwatch on that Mac itself.")
	case errors.Is(err, ErrAsRoot):
		return probe.NewGap(source, err, "Run kextwatch as yourself, without sudo.")
	}
	return probe.NewGap(source, err, "Run `"+command+"` in Terminal and see what it says.")
}
