package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"kextwatch/agent/cli"
	"kextwatch/agent/store"
)

// logging is what the flag --log-level says.
type logging struct {
	level slog.Level
	shown bool // the flag was given: also log to standard error
}

// text returns a log for a person to read.
func (l logging) text(to io.Writer) *slog.Logger { return slog.New(l.textHandler(to)) }

func (l logging) textHandler(to io.Writer) slog.Handler {
	return slog.NewTextHandler(to, &slog.HandlerOptions{Level: l.level})
}

// open returns the agent's log, which writes JSON lines to its file. With --log-level it
// also writes text to standard error. This is off by default because the standard
// error of a LaunchAgent is a file that launchd never rotates. Warnings always go to
// both.
func (l logging) open(p store.Places, out *cli.Output) *slog.Logger {
	if err := os.MkdirAll(p.Log, 0o700); err != nil {
		out.Warn("let your user write to "+p.Log, "cannot write a log: %v", err)
		return l.text(out.Stderr)
	}
	crashes := p.Crashed()
	if err := crashes.Rotate(); err != nil {
		out.Warn("", "%v", err)
	}
	stderr := out.Stderr
	file := slog.NewJSONHandler(&store.LogWriter{Rotation: p.Logged(), Failed: func(err error) {
		fmt.Fprintf(stderr, "kextwatch: warning: cannot write the log: %v\n", err)
	}}, &slog.HandlerOptions{Level: l.level})
	out.Note = func(warning string) { slog.New(file).Warn(warning) }
	if l.shown {
		return slog.New(slog.NewMultiHandler(file, l.textHandler(stderr)))
	}
	return slog.New(file)
}
