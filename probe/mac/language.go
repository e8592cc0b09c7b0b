package mac

import (
	"path/filepath"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// globalPreferencesLimit is far above the size of the file, which programs add to.
const globalPreferencesLimit = 1 << 20

// languageForm matches the tag of a language: "de", "zh-Hans-CN", "es-419".
var languageForm = probe.Form{Expr: `^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`}

// readLanguage returns the language in which macOS shows its labels to the user. It is
// empty if the file or the key is missing, or cannot be read. That is not a gap: nothing
// about the state of the Mac depends on it, and texts quote English labels instead.
func (p *Prober) readLanguage() string {
	if p.mac.Home == "" {
		return ""
	}
	path := filepath.Join(p.mac.Home, probe.GlobalPreferences)
	if stamp := root.LocalStamp(path); !p.language.has(stamp) {
		p.language.set(stamp, languageIn(p.mac, path), nil)
	}
	return p.language.value
}

// ReadScreen returns the facts on which Apple's labels depend: the version of macOS and the
// language. What cannot be read is not known.
func ReadScreen(m root.FS) probe.Mac {
	os, _ := ReadOS(m)
	return probe.Mac{OS: os, Language: (&Prober{mac: m}).readLanguage()}
}

// languageIn reads the first language of a user's preferences, a path of this machine.
func languageIn(m root.FS, path string) string {
	data, err := root.CallInTime(m.FileCalls(), path, func() ([]byte, error) { return root.ReadRegular(path, globalPreferencesLimit) })
	if err != nil {
		return ""
	}
	var preferences struct {
		Languages []string `plist:"AppleLanguages"`
	}
	if err := root.DecodePlist(data, &preferences); err != nil || len(preferences.Languages) == 0 {
		return ""
	}
	if first := preferences.Languages[0]; languageForm.MatchString(first) {
		return strings.Clone(first) // it shares memory with the file
	}
	return ""
}
