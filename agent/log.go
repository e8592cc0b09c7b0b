package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"kextwatch/agent/store"
)

// handler writes text for a person to read.
func (in *invocation) handler(to io.Writer) slog.Handler {
	return slog.NewTextHandler(to, in.logOptions())
}

func (in *invocation) logOptions() *slog.HandlerOptions {
	return &slog.HandlerOptions{Level: in.level}
}

// openLog writes the agent's log to its file as JSON lines. With --log-level it
// also writes text to standard error. This is off by default because the standard
// error of a LaunchAgent is a file that launchd never rotates. Warnings always go to
// both.
func (in *invocation) openLog(p store.Places) {
	if err := os.MkdirAll(p.Log, 0o700); err != nil {
		in.warn("let your user write to "+p.Log, "cannot write a log: %v", err)
		return
	}
	crashes := p.Crashed()
	if err := crashes.Rotate(); err != nil {
		in.warn("", "%v", err)
	}
	file := slog.NewJSONHandler(&store.LogWriter{Rotation: p.Logged(), Failed: func(err error) {
		fmt.Fprintf(in.stderr, "kextwatch: warning: cannot write the log: %v\n", err)
	}}, in.logOptions())
	in.speaker.note = func(warning string) { slog.New(file).Warn(warning) }
	in.log = slog.New(file)
	if in.logShown {
		in.log = slog.New(slog.NewMultiHandler(file, in.handler(in.stderr)))
	}
}
