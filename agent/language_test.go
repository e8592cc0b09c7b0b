package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"kextwatch/probe/mac"
)

func TestLanguages(t *testing.T) {
	const global = `<?xml version="1.0"?><plist version="1.0"><dict><key>AppleLanguages</key>%s</dict></plist>`
	for _, tt := range []struct{ preferences, lang, want string }{
		{fmt.Sprintf(global, "<array><string>de-CH</string><string>fr</string></array>"), "en_US.UTF-8", "[de-CH fr]"},
		{fmt.Sprintf(global, "<string>de</string>"), "fr_FR.UTF-8", "[fr-FR]"},
		{"rubbish", "de", "[de]"},
		{"", "", "[]"},
	} {
		home := t.TempDir()
		writeFile(t, filepath.Join(home, "Library/Preferences/.GlobalPreferences.plist"), tt.preferences)
		in := &invocation{host: host{env: func(string) string { return tt.lang }}, homeFlag: home, mac: mac.Mac{Root: "/"}}
		if got := fmt.Sprint(in.languages()); got != tt.want {
			t.Errorf("%.40q, LANG %q: %s, want %s", tt.preferences, tt.lang, got, tt.want)
		}
	}
}
