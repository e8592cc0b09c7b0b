package main

import (
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"syscall"

	"kextwatch/probe/root"
)

// fileStamp tells a file from itself after a change, without reading it. Zero
// is no file.
type fileStamp struct {
	device, inode  uint64
	size, modified int64 // bytes, nanoseconds
}

func stampOf(path string) fileStamp {
	return stamped(root.InTime(path, func() (fs.FileInfo, error) { return os.Stat(path) }))
}

func stamped(info fs.FileInfo, err error) fileStamp {
	if err != nil {
		return fileStamp{}
	}
	st := info.Sys().(*syscall.Stat_t)
	return fileStamp{uint64(st.Dev), st.Ino, info.Size(), info.ModTime().UnixNano()}
}

// settingsReader has the settings as they are now, and reads them again only
// when one of their files changed. One goroutine uses it.
type settingsReader struct {
	mac      root.FS
	home     string
	log      *slog.Logger
	stamps   []fileStamp
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
func (s *settingsReader) read(stamps []fileStamp) bool {
	settings, problems := readSettings(s.mac, s.home)
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
			s.settings = settings
		}
		s.stamps = []fileStamp{}
		return false
	}
	s.settings, s.stamps = settings, stamps
	return true
}

func (s *settingsReader) stampNow() []fileStamp {
	var stamps []fileStamp
	for _, file := range settingsFiles(s.mac, s.home) {
		stamps = append(stamps, stampOf(file.path))
	}
	if table := s.settings.CompatibilityFile; table != "" {
		stamps = append(stamps, stamped(s.mac.StatChosen(table)))
	}
	return stamps
}
