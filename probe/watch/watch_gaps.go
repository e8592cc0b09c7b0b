package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"kextwatch/probe"
)

// gaps says what is not watched, and why.
func (e *fileEvents) gaps() []probe.Gap {
	if e.broken != nil {
		return []probe.Gap{watchGap("files", e.broken)}
	}
	failed := maps.Clone(e.failedFiles)
	for i, s := range e.spots {
		if err := e.failed[s.dir]; err != nil {
			failed[targets[i].dir] = err
		}
	}
	var gaps []probe.Gap
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		gaps = append(gaps, watchGap(name, failed[name]))
	}
	return gaps
}

func watchGap(what string, err error) probe.Gap {
	next := "Nothing has to be done: changes are noticed within a minute instead of at once."
	switch {
	case errors.Is(err, fs.ErrPermission) && strings.HasPrefix(what, probe.PolicyFolder):
		next = "Nothing has to be done: only root may watch it at once, you are told within a minute."
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOSPC):
		next = "Quit programs that hold or watch many files; until then changes are noticed within a minute."
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno // without the path, which is one of this machine
	}
	return probe.Gap{Source: probe.FactFileEvents, Err: fmt.Sprintf("watching %s: %v", what, err), Next: next}
}
