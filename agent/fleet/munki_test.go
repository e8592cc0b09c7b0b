package fleet

import (
	"reflect"
	"strings"
	"testing"
)

func TestMunkiUnknown(t *testing.T) {
	want := map[string]any{"kextwatch_schema": Schema, "kextwatch_answer": "unknown", "kextwatch_summary": "unknown: no answer"}
	if got := MunkiUnknown("no\nanswer\x1b"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Jamf gets one line of text, whatever a product is called.
func TestJamfResult(t *testing.T) {
	if got, want := JamfResult("blocked-open: a</result>&\"b'"), "<result>blocked-open: a&lt;/result&gt;&amp;\"b'</result>"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A script names its program and every folder above it, quoted for a shell.
func TestScriptsQuoteTheirProgram(t *testing.T) {
	c := Call{Program: "/Apps/Kext's Watch/kextwatch", Root: "/tmp/a mac"}
	for name, script := range map[string]string{"Jamf": JamfScript(c), "Munki": MunkiScript(c)} {
		for _, want := range []string{
			`program='/Apps/Kext'\''s Watch/kextwatch'` + "\n",
			`find '/Apps/Kext'\''s Watch/kextwatch' '/Apps/Kext'\''s Watch' /Apps / -prune`,
			`"$program" --root '/tmp/a mac' fleet `,
		} {
			if !strings.Contains(script, want) {
				t.Errorf("%s: no %s in\n%s", name, want, script)
			}
		}
	}
}
