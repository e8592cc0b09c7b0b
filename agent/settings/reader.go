package settings

import (
	"log/slog"
	"slices"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Reader has the current settings. It reads them again only when one of their files
// changed. Only one goroutine may use it.
type Reader struct {
	mac      root.FS
	home     string
	log      *slog.Logger
	stamps   []root.Stamp
	settings Settings
	problems []Problem
	gaps     []probe.Gap
}

// NewReader reads the settings of the user with this home on m.
func NewReader(m root.FS, home string, log *slog.Logger) *Reader {
	s := &Reader{mac: m, home: home, log: log}
	s.read(s.stampNow())
	return s
}

// Current returns the settings now. It costs a stat for each file. A nil Reader has
// the defaults.
func (s *Reader) Current() Settings {
	if s == nil {
		return Default()
	}
	if stamps := s.stampNow(); !slices.Equal(stamps, s.stamps) {
		if s.read(stamps) {
			s.log.Info("the settings changed", "set", len(s.settings.Origins))
		}
	}
	return s.settings
}

// Gaps is Gaps of the files that the current settings are from. A nil Reader has none.
func (s *Reader) Gaps() []probe.Gap {
	if s == nil {
		return nil
	}
	return s.gaps
}

// read reads the files and reports whether all of them could be read. Otherwise the
// previous settings stay, and the next call of Current reads the files again.
func (s *Reader) read(stamps []root.Stamp) bool {
	read, problems := Read(s.mac, s.home)
	if !slices.Equal(problems, s.problems) {
		for _, p := range problems {
			if !p.Unknown {
				s.log.Warn("a setting is invalid", "key", p.Key, "file", p.File, "why", p.Why)
			}
		}
	}
	s.problems = problems
	if slices.ContainsFunc(problems, func(p Problem) bool { return p.Unread }) {
		if s.stamps == nil {
			s.settings, s.gaps = read, Gaps(problems)
		}
		s.stamps = []root.Stamp{}
		return false
	}
	s.settings, s.stamps, s.gaps = read, stamps, Gaps(problems)
	return true
}

func (s *Reader) stampNow() []root.Stamp {
	var paths []string
	for _, file := range Files(s.mac, s.home) {
		paths = append(paths, file.Path)
	}
	stamps := root.LocalStamps(paths...)
	if table := s.settings.CompatibilityFile; table != "" {
		var stamp root.Stamp
		if info, err := s.mac.StatChosen(table); err == nil {
			stamp = root.StampOf(info)
		}
		stamps = append(stamps, stamp)
	}
	return stamps
}
