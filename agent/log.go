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
	logSize  = 1 << 20 // bytes; a line has about 200
	logFiles = 3
)

// logWriter writes the agent's log. The agent keeps running when its log cannot
// be written: the first failure is reported, and each later line is tried.
type logWriter struct {
	rotation
	failed   func(error)
	reported bool
}

// Write writes one line. slog calls it from one goroutine at a time.
func (w *logWriter) Write(line []byte) (int, error) {
	err := w.append(string(line), false)
	if err == nil {
		w.reported = false
		return len(line), nil
	}
	if !w.reported {
		w.reported = true
		w.failed(err)
	}
	return 0, err
}

// handler writes text for a person to read.
func (in *invocation) handler(to io.Writer) slog.Handler {
	return slog.NewTextHandler(to, in.logOptions())
}

func (in *invocation) logOptions() *slog.HandlerOptions {
	return &slog.HandlerOptions{Level: in.level}
}

// openLog sends the agent's log to its file as JSON lines. It sends it to
// standard error as text too if that is wanted: the standard error of a
// LaunchAgent is a file that launchd never rotates. Warnings always go to both.
func (in *invocation) openLog(p places) {
	if err := os.MkdirAll(p.log, 0o700); err != nil {
		in.warn("let your user write to "+p.log, "cannot write a log: %v", err)
		return
	}
	crashes := rotation{p.crashes, logSize, logFiles}
	if err := crashes.rotate(); err != nil {
		in.warn("", "%v", err)
	}
	file := slog.NewJSONHandler(&logWriter{rotation: rotation{p.logFile, logSize, logFiles}, failed: func(err error) {
		fmt.Fprintf(in.stderr, "kextwatch: warning: cannot write the log: %v\n", err)
	}}, in.logOptions())
	in.speaker.note = func(warning string) { slog.New(file).Warn(warning) }
	in.log = slog.New(file)
	if in.logShown {
		in.log = slog.New(slog.NewMultiHandler(file, in.handler(in.stderr)))
	}
}

// logEvent writes an event to the log as one line.
func logEvent(log *slog.Logger, e event) {
	level := slog.LevelInfo
	switch e.Event {
	case approval.SourceLost:
		level = slog.LevelWarn
	case approval.AgentStarted, approval.VerdictChanged, approval.NotificationFailed:
		level = slog.LevelDebug // another line at this time says more
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
