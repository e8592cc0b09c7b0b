package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"kextwatch/agent/cli"
	"kextwatch/probe"
)

// The log has one JSON object per line, as slog writes it. Other lines come
// from an agent before this format, which wrote text, or from a person. They
// are shown as they are.

// textLine is a line of the log as text, like the log on standard error.
func textLine(line string) string {
	record, ok := parseRecord(line)
	if !ok {
		return cli.PrintableLine(line)
	}
	var text strings.Builder
	_ = slog.NewTextHandler(&text, nil).Handle(context.Background(), record) // a Builder never fails
	return cli.PrintableLine(strings.TrimSuffix(text.String(), "\n"))
}

// jsonLine is a line of the log as one JSON object on one line.
func jsonLine(line string) string {
	var object bytes.Buffer
	if !strings.HasPrefix(line, "{") || json.Compact(&object, []byte(line)) != nil {
		object.Reset()
		lines := json.NewEncoder(&object)
		lines.SetEscapeHTML(false)
		_ = lines.Encode(map[string]string{slog.MessageKey: cli.PrintableLine(line)}) // strings can always be encoded
	}
	return probe.EscapeJSON(strings.TrimSuffix(object.String(), "\n"))
}

// parseRecord returns false for a line that slog's JSON handler did not write.
func parseRecord(line string) (r slog.Record, ok bool) {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return r, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return r, false
		}
		var value any
		if dec.Decode(&value) != nil {
			return r, false
		}
		text := fmt.Sprint(value)
		switch key {
		case slog.TimeKey:
			r.Time, err = time.Parse(time.RFC3339, text)
		case slog.LevelKey:
			err = r.Level.UnmarshalText([]byte(text))
		case slog.MessageKey:
			r.Message, ok = text, true
		default:
			r.AddAttrs(slog.Any(fmt.Sprint(key), value))
		}
		if err != nil {
			return r, false
		}
	}
	_, end := dec.Token()
	_, after := dec.Token()
	return r, ok && end == nil && after == io.EOF
}
