package mac

import (
	"errors"

	"kextwatch/probe"
	"kextwatch/probe/tool"
)

// toolGap is gap for a fact that a tool did not tell. command is what a person
// can type to see for himself.
func toolGap(source probe.Fact, err error, command string) probe.Gap {
	switch {
	case errors.Is(err, errNoTools):
		return probe.NewGap(source, err, "Run kextwatch on that Mac itself.")
	case errors.Is(err, tool.ErrAsRoot):
		return probe.NewGap(source, err, "Run kextwatch as yourself, without sudo.")
	}
	return probe.NewGap(source, err, "Run `"+command+"` in Terminal and see what it says.")
}
