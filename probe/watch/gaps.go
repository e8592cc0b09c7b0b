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

var errFull = errors.New("too many entries")

// gaps returns a missing fact for each path that is not watched.
func (e *fileEvents) gaps() []probe.Gap {
	if e.broken != nil {
		return []probe.Gap{watchGap("files", e.broken)}
	}
	failed := maps.Clone(e.failedFiles)
	for i, s := range e.spots {
		switch err := e.failed[s.dir]; {
		case err != nil:
			failed[e.targets[i].dir] = err
		case s.full && s.found:
			failed[e.targets[i].dir] = errFull
		}
	}
	var gaps []probe.Gap
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		gaps = append(gaps, watchGap(name, failed[name]))
	}
	return gaps
}

func watchGap(what string, err error) probe.Gap {
	next := "No action is needed: kextwatch notices changes within a minute instead of at once."
	switch {
	case errors.Is(err, fs.ErrPermission) && strings.HasPrefix(what, probe.PolicyFolder):
		next = "No action is needed: only root may watch it, so kextwatch notices changes within a minute instead of at once."
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOSPC):
		next = "Quit programs that open or watch many files. Until then, kextwatch notices changes within a minute."
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno // without the path, which is a path of this machine
	}
	return probe.Gap{Source: probe.FactFileEvents, Err: fmt.Sprintf("watching %s: %v", what, err), Next: next}
}
