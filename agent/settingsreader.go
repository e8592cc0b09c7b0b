package main

import (
	"log/slog"
	"slices"

	"kextwatch/probe/root"
)

// settingsReader has the settings as they are now, and reads them again only
// when one of their files changed. One goroutine uses it.
type settingsReader struct {
	mac      root.FS
	home     string
	log      *slog.Logger
	stamps   []root.Stamp
	settings settings
	problems []settingProblem
}

func newSettingsReader(m root.FS, home string, log *slog.Logger) *settingsReader {
	s := &settingsReader{mac: m, home: home, log: log}
	s.read(s.stampNow())
	return s
}

// current are the settings now. It costs a stat for each file. A nil reader
// has the defaults.
func (s *settingsReader) current() settings {
	if s == nil {
		return defaultSettings()
	}
	if stamps := s.stampNow(); !slices.Equal(stamps, s.stamps) {
		if s.read(stamps) {
			s.log.Info("the settings changed", "set", len(s.settings.origins))
		}
	}
	return s.settings
}

// read reports whether all of the files could be read. Where not, the settings
// that were read before stay, and the files are read again next time.
func (s *settingsReader) read(stamps []root.Stamp) bool {
	read, problems := readSettings(s.mac, s.home)
	if !slices.Equal(problems, s.problems) {
		for _, p := range problems {
			if !p.Unknown {
				s.log.Warn("a setting is no good", "key", p.Key, "file", p.File, "why", p.Why)
			}
		}
	}
	s.problems = problems
	if slices.ContainsFunc(problems, func(p settingProblem) bool { return p.Unread }) {
		if s.stamps == nil {
			s.settings = read
		}
		s.stamps = []root.Stamp{}
		return false
	}
	s.settings, s.stamps = read, stamps
	return true
}

func (s *settingsReader) stampNow() []root.Stamp {
	var stamps []root.Stamp
	for _, file := range settingsFiles(s.mac, s.home) {
		stamps = append(stamps, root.StampAt(file.path))
	}
	if table := s.settings.CompatibilityFile; table != "" {
		var stamp root.Stamp
		if info, err := s.mac.StatChosen(table); err == nil {
			stamp = root.StampOf(info)
		}
		stamps = append(stamps, stamp)
	}
	return stamps
}
