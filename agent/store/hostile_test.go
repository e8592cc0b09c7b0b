package store

import (
	"strings"
	"testing"

	"kextwatch/probe/hostile"
)

// The memory and the history belong to the user, but another program of the user, or a
// damaged disk, can write anything into them.
func FuzzDecodeMemory(f *testing.F) {
	f.Add([]byte(newerMemory))
	f.Add([]byte(`<plist><dict><key>Schema</key><integer>1</integer><key>Memory</key><dict><key>Told</key><dict><key>Parallels Desktop</key><dict><key>Windows</key><array><string>a</string></array></dict></dict><key>Versions</key><dict><key>x</key><string>1</string></dict></dict></dict></plist>`))
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		m, err := decodeMemory(data, migrations)
		if err != nil {
			return
		}
		if m.Schema != schemaOf(migrations) {
			t.Errorf("schema %d", m.Schema)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add(`{"schema":1,"seq":17,"at":"2026-05-06T05:50:00Z","event":"window-opened","product":"Parallels Desktop","opened_at":"2026-05-06T05:45:00Z","minutes_left":25,"text":"x"}`)
	f.Add(`{"seq":1,"at":"9999-12-31T23:59:59+23:59","text":"\u001b[2J\ud800"}`)
	hostile.Fuzz(f, func(t *testing.T, line string) {
		e, ok := ParseEvent(line)
		if !ok {
			return
		}
		if e.Seq <= 0 {
			t.Errorf("the event %+v has no number", e)
		}
		again, ok := ParseEvent(e.Line())
		if !ok || again.Line() != e.Line() || strings.Contains(e.Line(), "\n") {
			t.Errorf("%q became %q", e.Line(), again.Line())
		}
	})
}
