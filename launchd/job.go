// Package launchd installs a LaunchAgent: a property list in
// ~/Library/LaunchAgents that launchd reads at every login and keeps running;
// and a LaunchDaemon, which root installs in /Library and which runs as root.
//
// A Job is the property list as a value. Place.Install and Place.Uninstall
// look at the Mac and return a Plan: the steps to go, as data that can be
// printed (a dry run) or run. What is already so is part of the plan and is
// left alone when it runs, so both can be repeated at any time, also after one
// that was cut short.
//
// Nothing is overwritten or deleted that is not ours: the property list is
// known by its Label, a folder by its name. What lies in the way is set aside
// under another name, and the plan says so. Launchctl is the only program that
// is executed.
package launchd

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"howett.net/plist"
)

// AgentLabel names the LaunchAgent; its property list is named after it.
const AgentLabel = "io.kextwatch.agent"

// Job is what launchd is told about a program; launchd.plist(5) explains the
// keys. Keys that an older macOS does not know are ignored there.
type Job struct {
	Label                       string
	ProgramArguments            []string // the first one an absolute path
	RunAtLoad                   bool
	KeepAlive                   map[string]bool `plist:",omitempty"`
	WatchPaths                  []string        `plist:",omitempty"` // started when one of them changes
	StartInterval               int             `plist:",omitempty"` // seconds; also started this often
	ProcessType                 string
	LimitLoadToSessionType      string   `plist:",omitempty"`
	ThrottleInterval            int      `plist:",omitempty"` // seconds between two starts
	AssociatedBundleIdentifiers []string // from macOS 13 on: the name in Login Items
	StandardOutPath             string
	StandardErrorPath           string
}

// Agent is the job that runs program, an absolute path, while the user whose
// home this is works at the Mac's screen. It is started again after a failure,
// but not after it ended by itself: who quits it does not get it back before
// the next login.
func Agent(program, home string) Job {
	// launchd never rotates it, so the program does not log to it: it holds
	// what only launchd can catch, such as a crash.
	log := filepath.Join(home, "Library/Logs", AgentLabel, "launchd.log")
	return Job{
		Label:                       AgentLabel,
		ProgramArguments:            []string{program, "run"},
		RunAtLoad:                   true,
		KeepAlive:                   map[string]bool{"SuccessfulExit": false},
		ProcessType:                 "Interactive",
		LimitLoadToSessionType:      "Aqua",
		ThrottleInterval:            10,
		AssociatedBundleIdentifiers: []string{AgentLabel},
		StandardOutPath:             log,
		StandardErrorPath:           log,
	}
}

// AgentPlist is where the LaunchAgent's property list lies in a home.
func AgentPlist(home string) string {
	return filepath.Join(home, "Library/LaunchAgents", AgentLabel+".plist")
}

// Plist is the job as an XML property list. It is an error where launchd
// could misread the job: an odd label, a program without an absolute path, a
// control character.
func (j Job) Plist() ([]byte, error) {
	if err := j.check(); err != nil {
		return nil, err
	}
	data, err := plist.MarshalIndent(j, plist.XMLFormat, "\t")
	if err != nil {
		return nil, fmt.Errorf("writing the job %s: %w", j.Label, err)
	}
	return append(data, '\n'), nil
}

var labelForm = regexp.MustCompile(`^[A-Za-z0-9]+([.-][A-Za-z0-9]+)+$`)

func (j Job) check() error {
	if !labelForm.MatchString(j.Label) {
		return fmt.Errorf("job label %q: want a form like io.kextwatch.agent", j.Label)
	}
	if len(j.ProgramArguments) == 0 {
		return errors.New("the job has no program")
	}
	for _, path := range []string{j.ProgramArguments[0], j.StandardOutPath, j.StandardErrorPath} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("launchd needs an absolute path, not %q", path)
		}
	}
	for _, text := range append([]string{j.StandardOutPath, j.StandardErrorPath}, j.ProgramArguments...) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unfit) {
			return fmt.Errorf("%q has a control character or is not UTF-8: a property list cannot hold it", text)
		}
	}
	return nil
}

// unfit reports whether XML cannot hold r, or would change it.
func unfit(r rune) bool { return unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF' }
