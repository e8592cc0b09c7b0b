package main

import (
	"path/filepath"
	"strings"

	"kextwatch/agent/view"
	"kextwatch/probe/mac"
)

// speak has the words come in the user's language, where there is a catalogue
// for it; English otherwise.
func (in *invocation) speak() {
	if err := view.Speak(in.languages()); err != nil {
		in.log.Warn("the catalogue cannot be read", "error", err)
	}
}

// languages are the user's, the most preferred first: AppleLanguages of the
// global preferences on a Mac, LANG elsewhere ("de_CH.UTF-8").
func (in *invocation) languages() []string {
	const largest = 1 << 20 // bytes
	if home, err := in.home(); err == nil {
		data, err := mac.ReadFile(filepath.Join(home, "Library/Preferences/.GlobalPreferences.plist"), largest)
		var global struct {
			Languages []string `plist:"AppleLanguages"`
		}
		if err == nil && mac.DecodePlist(data, &global) == nil && len(global.Languages) > 0 {
			return global.Languages
		}
	}
	lang, _, _ := strings.Cut(in.env("LANG"), ".")
	return []string{strings.ReplaceAll(lang, "_", "-")}
}
