// Package launchd installs two jobs. The LaunchAgent is a property list in
// ~/Library/LaunchAgents, or for all users in /Library/LaunchAgents, that launchd
// reads at every login. The LaunchDaemon is a property list in /Library that root
// installs; its program runs as root.
//
// A Job is a property list as a value. Place.Install and Place.Uninstall read
// the state of the Mac and return a Plan. A Plan is a list of steps that can be
// printed (a dry run) or run. Steps that are done already are part of the plan
// and change nothing when it runs. So a plan can be made and run again at any
// time, even after an earlier run was interrupted.
//
// The package deletes only files of kextwatch. It recognizes its property list by
// the Label and its folders by their names. It replaces a file in the same place
// only if launchd can start nothing with it. launchctl is the only program that
// it runs.
package launchd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"howett.net/plist"

	"kextwatch/probe"
)

// Job is the content of a property list for launchd. launchd.plist(5) documents
// the keys. An older macOS ignores keys that it does not know.
type Job struct {
	Label                       string
	ProgramArguments            []string // the first one is an absolute path
	RunAtLoad                   bool
	KeepAlive                   map[string]bool `plist:",omitempty"`
	WatchPaths                  []string        `plist:",omitempty"` // launchd starts the job when one of them changes
	StartInterval               int             `plist:",omitempty"` // seconds; launchd also starts the job at this interval
	ProcessType                 string
	LimitLoadToSessionType      string   `plist:",omitempty"`
	ThrottleInterval            int      `plist:",omitempty"` // least number of seconds between two starts
	AssociatedBundleIdentifiers []string // from macOS 13: the name in Login Items
	StandardOutPath             string
	StandardErrorPath           string
}

// Agent returns the job that runs program, an absolute path, in the graphical
// login session of the user with this home. launchd starts it again after a
// failure, but not after exit status 0: after the user quits it, it starts again
// at the next login.
func Agent(program, home string) Job {
	// launchd never rotates this file, so the program has its own log. This one
	// holds what only launchd can capture, such as the message of a crash.
	log := filepath.Join(home, "Library/Logs", probe.AgentLabel, "launchd.log")
	return Job{
		Label:                       probe.AgentLabel,
		ProgramArguments:            []string{program, "run"},
		RunAtLoad:                   true,
		KeepAlive:                   map[string]bool{"SuccessfulExit": false},
		ProcessType:                 "Interactive",
		LimitLoadToSessionType:      "Aqua",
		ThrottleInterval:            10,
		AssociatedBundleIdentifiers: []string{probe.AgentLabel},
		StandardOutPath:             log,
		StandardErrorPath:           log,
	}
}

// AgentOfAll returns the job that runs program, an absolute path, in the graphical
// login session of every user. It is Agent without the file for the output: a
// property list cannot name the home of the user who logs in.
func AgentOfAll(program string) Job {
	job := Agent(program, "/")
	job.StandardOutPath, job.StandardErrorPath = os.DevNull, os.DevNull
	return job
}

// logs names the folder where a person finds what the job's program reports.
func (j Job) logs() string {
	if j.StandardErrorPath == os.DevNull {
		return "~/Library/Logs/" + probe.AgentLabel
	}
	return filepath.Dir(j.StandardErrorPath)
}

// AgentPlist returns the path of the LaunchAgent's property list in a home.
func AgentPlist(home string) string {
	return filepath.Join(home, "Library/LaunchAgents", probe.AgentLabel+".plist")
}

// Plist returns the job as an XML property list. It returns an error if launchd
// could misread the job: an invalid label, a relative path, a control character.
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

var labelForm = probe.Form{Expr: `^[A-Za-z0-9]+([.-][A-Za-z0-9]+)+$`}

func (j Job) check() error {
	if !labelForm.MatchString(j.Label) {
		return fmt.Errorf("job label %q: use a form like io.kextwatch.agent", j.Label)
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

// unfit reports whether XML cannot contain r or would change it.
func unfit(r rune) bool { return unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF' }
