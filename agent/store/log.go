package store

import (
	"context"
	"log/slog"

	"kextwatch/agent/approval"
)

const (
	logSize  = 1 << 20 // bytes; a line has about 200
	logFiles = 3
)

// LogWriter writes the agent's log. The agent keeps running when its log cannot
// be written: the first failure is reported, and each later line is tried.
type LogWriter struct {
	Rotation
	Failed   func(error)
	reported bool
}

// Write writes one line. slog calls it from one goroutine at a time.
func (w *LogWriter) Write(line []byte) (int, error) {
	err := w.Append(string(line))
	if err == nil {
		w.reported = false
		return len(line), nil
	}
	if !w.reported {
		w.reported = true
		w.Failed(err)
	}
	return 0, err
}

// LogEvent writes an event to the log as one line.
func LogEvent(log *slog.Logger, e Event) {
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
