package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"kextwatch/probe"
)

// Files that the tools read. All of them except userFile are missing on a new Mac.
const (
	userFile     = simDir + "/user"     // uid of the one user
	programsFile = simDir + "/programs" // uid, start and path of a program in each line
	endedFile    = simDir + "/ended"    // paths of programs that other Macs run but this one does not
	vncFile      = simDir + "/vnc"
	noAdminFile  = simDir + "/no-admin"
	lockedFile   = simDir + "/locked"
)

// writeConsole puts the user at the screen and keyboard. The user is the user of
// this process.
func (m *Mac) writeConsole() error {
	if err := m.write(userFile, []byte(strconv.Itoa(os.Geteuid())+"\n"), 0o644); err != nil {
		return err
	}
	return m.write(probe.ConsoleDevice, nil, 0o600)
}

// RunProgram starts a program for the user. program is an absolute path and may
// have spaces. Screen sharing is started for root.
func (m *Mac) RunProgram(program string, now time.Time) error {
	if !path.IsAbs(program) || strings.ContainsAny(program, "\n\r") {
		return fmt.Errorf("invalid program %q: use an absolute path", program)
	}
	ended, err := m.lines(endedFile)
	if err != nil {
		return err
	}
	if kept := without(ended, func(line string) bool { return line == program }); len(kept) < len(ended) {
		return m.writeLines(endedFile, kept)
	}
	running, err := m.lines(programsFile)
	if err != nil {
		return err
	}
	uid := os.Geteuid()
	if path.Base(program) == "screensharingd" {
		uid = 0
	}
	return m.writeLines(programsFile, append(running, fmt.Sprintf("%d %d %s", uid, now.Unix(), program)))
}

// AddKextwatch puts a program in the place of kextwatch, for its LaunchAgent, and returns
// its path on this Mac. The program does nothing.
func (m *Mac) AddKextwatch() (string, error) {
	const name = "/Applications/Kextwatch.app/Contents/MacOS/kextwatch"
	return name, m.write(name, []byte("#!/bin/sh\n"), 0o755)
}

// QuitProgram ends the program with this path. It ends programs that RunProgram
// started and programs that every Mac runs.
func (m *Mac) QuitProgram(program string) error {
	running, err := m.lines(programsFile)
	if err != nil {
		return err
	}
	kept := without(running, func(line string) bool { return strings.HasSuffix(line, " "+program) })
	if len(kept) < len(running) {
		return m.writeLines(programsFile, kept)
	}
	ended, err := m.lines(endedFile)
	if err != nil {
		return err
	}
	return m.writeLines(endedFile, append(ended, program))
}

// ConnectVNC simulates that somebody views this screen from another Mac.
func (m *Mac) ConnectVNC(connected bool) error { return m.mark(vncFile, connected) }

// SetAdmin makes the user an administrator or an ordinary user.
func (m *Mac) SetAdmin(admin bool) error { return m.mark(noAdminFile, !admin) }

// LockScreen locks or unlocks the user's screen.
func (m *Mac) LockScreen(locked bool) error { return m.mark(lockedFile, locked) }

// SeatAtConsole sets who is at the screen and keyboard: "me", "other", or "nobody"
// (the login window). Only root can choose "other" and "nobody".
func (m *Mac) SeatAtConsole(who string) error {
	uids := map[string]int{"me": os.Geteuid(), "other": os.Geteuid() + 1, "nobody": 0}
	uid, ok := uids[who]
	if !ok {
		return fmt.Errorf("unknown user %q of the console: use me, other or nobody", who)
	}
	device, err := m.resolve(probe.ConsoleDevice)
	if err != nil {
		return err
	}
	return os.Chown(device, uid, -1)
}

// mark creates or removes an empty file.
func (m *Mac) mark(name string, there bool) error {
	if there {
		return m.write(name, nil, 0o644)
	}
	return m.remove(name)
}

func (m *Mac) lines(name string) ([]string, error) {
	data, err := m.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' }), err
}

func (m *Mac) writeLines(name string, lines []string) error {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintln(&b, line)
	}
	return m.write(name, []byte(b.String()), 0o644)
}

func without(lines []string, gone func(string) bool) []string {
	var kept []string
	for _, line := range lines {
		if !gone(line) {
			kept = append(kept, line)
		}
	}
	return kept
}
