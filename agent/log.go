package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"kextwatch/agent/approval"
)

const (
	logSize  = 1 << 20 // bytes; a line has about 150
	logFiles = 3
)

// logWriter writes the agent's log. A log that cannot be written must not cost
// a window: the first failure is told, and every line is tried anew.
type logWriter struct {
	rotation
	failed func(error)
	told   bool
}

// Write takes one line; slog calls it from one goroutine at a time.
func (w *logWriter) Write(line []byte) (int, error) {
	err := w.append(string(line), false)
	if err == nil {
		w.told = false
		return len(line), nil
	}
	if !w.told {
		w.told = true
		w.failed(err)
	}
	return 0, err
}

func (in *invocation) handler(to io.Writer) slog.Handler {
	return slog.NewTextHandler(to, &slog.HandlerOptions{Level: in.level})
}

// openLog has the agent log to its file, and to standard error only where that
// is wanted: standard error of a LaunchAgent is a file that is never rotated.
// Warnings go to both anyway.
func (in *invocation) openLog(p places) {
	if err := os.MkdirAll(p.log, 0o700); err != nil {
		in.warn("let your user write to "+p.log, "there will be no log: %v", err)
		return
	}
	crashes := rotation{p.crashes, logSize, logFiles}
	if err := crashes.rotate(); err != nil {
		in.warn("", "%v", err)
	}
	file := in.handler(&logWriter{rotation: rotation{p.logFile, logSize, logFiles}, failed: func(err error) {
		fmt.Fprintf(in.stderr, "kextwatch: warning: the log cannot be written: %v\n", err)
	}})
	in.speaker.note = func(warning string) { slog.New(file).Warn(warning) }
	in.log = slog.New(file)
	if in.logShown {
		in.log = slog.New(slog.NewMultiHandler(file, in.handler(in.stderr)))
	}
}

// logEvent writes an event to the log, as one line.
func logEvent(log *slog.Logger, e event) {
	level := slog.LevelInfo
	switch e.Event {
	case approval.SourceLost:
		level = slog.LevelWarn
	case approval.AgentStarted, approval.VerdictChanged, approval.NotificationFailed:
		level = slog.LevelDebug // each is beside a line that says more
	}
	more := []any{"event", string(e.Event)}
	if e.Product != "" {
		more = append(more, "product", e.Product, "verdict", string(e.Verdict))
	}
	if e.ClosesAt != nil {
		more = append(more, "closes_at", e.ClosesAt.UTC())
	}
	log.Log(context.Background(), level, e.Text, more...)
}
