package launchd

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"kextwatch/probe"
)

// Errors for launchctl's answers.
var (
	// ErrNotLoaded means that launchd does not know the job.
	ErrNotLoaded = errors.New("launchd does not know this job")
	// ErrNoSession means that the user has no graphical login session, so no
	// agent can run. A login with ssh has no such session.
	ErrNoSession = errors.New("nobody is logged in at the Mac's screen as this user: log in there, then run this again")
	// ErrDisabled means that the user or launchctl disable turned the job off.
	ErrDisabled = errors.New("this job is turned off")

	errBusy = errors.New("launchd is still working on this job")
	// errRefused is launchd's answer for a job that is loaded already, for one
	// that is still being unloaded, and for an invalid property list.
	errRefused = errors.New("launchd refuses the job")

	// errUnknownVerb means that this launchctl is too old for the command.
	errUnknownVerb = errors.New("this launchctl does not know the command")
)

// refusals maps launchd's own error codes, as seen from macOS 10.14 to 26.
// launchctl uses a code as its exit status and writes it into its message.
var refusals = map[int]error{
	3:   ErrNotLoaded, // bootout: "No such process"
	5:   errRefused,   // "Input/output error"
	36:  errBusy,      // bootout: "Operation now in progress"
	37:  errBusy,      // "Operation already in progress", while a bootout goes on
	112: ErrNoSession, // print, macOS 26: "Could not find domain for user gui: 501"
	113: ErrNotLoaded, // print, kickstart: "Could not find service"
	119: ErrDisabled,  // "Service is disabled"
	125: ErrNoSession, // "Domain does not support specified action"
}

// failure matches the message of a failed launchctl command:
// "Bootstrap failed: 5: Input/output error", "Load failed: …".
var failure = probe.Form{Expr: `(?m)^[A-Z][a-z-]+ failed: (\d{1,9}): `}

// unknownVerb matches launchctl's message for a command that it does not know.
var unknownVerb = probe.Form{Expr: `(?i)un(recognized|known) subcommand`}

// judge returns the error in launchctl's answer about a service, or nil. The
// message decides before the exit status, which older releases leave at 0.
func judge(service string, status int, output string) error {
	message := failure.FindStringSubmatch(output)
	if status == 0 && message == nil {
		return nil
	}
	code := status
	if message != nil {
		code, _ = strconv.Atoi(message[1])
	}
	text := cmp.Or(reason(output), "no message")
	if unknownVerb.MatchString(output) {
		return fmt.Errorf("%w (%s)", errUnknownVerb, text)
	}
	switch meaning := refusals[code]; meaning {
	case nil:
		return fmt.Errorf("exit status %d: %s", status, text)
	case ErrDisabled:
		return fmt.Errorf("%w: turn it on in System Settings > General > Login Items & Extensions (macOS 13 and 14: Login Items), "+
			"or with launchctl enable %s (%s)", meaning, service, text)
	default:
		return fmt.Errorf("%w (%s)", meaning, text)
	}
}

// reason returns the line of launchctl's answer that says what is wrong: the message
// with a code, or else the last line. "Bad request." is only the first of two lines.
func reason(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if i := slices.IndexFunc(lines, func(line string) bool { return failure.MatchString(line) || unknownVerb.MatchString(line) }); i >= 0 {
		return showable(lines[i])
	}
	return showable(lines[len(lines)-1])
}

// showable returns a line without control characters and with at most 200
// characters.
func showable(line string) string {
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	return line
}

// State is the state of a loaded job, as launchctl print reports it.
type State struct {
	Name     string // "running", "waiting", "not running", "spawn scheduled"; empty: unknown
	PID      int    // 0: not running
	LastExit string // "0", "1: …", "(never exited)"; empty: unknown
	Path     string // of the property list that was loaded; empty: unknown
}

// Running reports whether the job's program is running.
func (s State) Running() bool { return s.Name == "running" }

// ended reports whether the program has run and exited, so that its exit code is
// known.
func (s State) ended() bool { return s.LastExit != "" && s.LastExit[0] >= '0' && s.LastExit[0] <= '9' }

// parseState reads the output of launchctl print. The man page says that the
// format is not an API, but these four keys are the same from macOS 10.14 to
// 26. Nested blocks (sockets, endpoints) have their own state and are ignored.
func parseState(output string) State {
	var s State
	depth := 0
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, " = ")
		switch {
		case strings.HasSuffix(line, "{"):
			depth++
		case line == "}":
			depth--
		case depth != 1:
		case key == "state":
			s.Name = showable(value)
		case key == "pid":
			if pid, err := strconv.Atoi(value); err == nil && pid > 0 {
				s.PID = pid
			}
		case key == "last exit code":
			s.LastExit = showable(value)
		case key == "path":
			s.Path = showable(value)
		}
	}
	return s
}
