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
)

// What the tools print from; nothing there is as on a Mac just set up.
const (
	userFile      = simDir + "/user"     // uid of the one user
	programsFile  = simDir + "/programs" // uid, start and path, one a line
	endedFile     = simDir + "/ended"    // paths of what every Mac runs, but this one does not
	vncFile       = simDir + "/vnc"
	noAdminFile   = simDir + "/no-admin"
	lockedFile    = simDir + "/locked"
	consoleDevice = "/dev/console"
)

// writeConsole seats the user, who is whoever makes this Mac, at screen and
// keyboard.
func (m *Mac) writeConsole() error {
	if err := m.write(userFile, []byte(strconv.Itoa(os.Geteuid())+"\n"), 0o644); err != nil {
		return err
	}
	return m.write(consoleDevice, nil, 0o600)
}

// RunProgram starts a program for the user: an absolute path, with spaces if
// need be. Screen sharing, which root runs, is started for root.
func (m *Mac) RunProgram(program string, now time.Time) error {
	if !path.IsAbs(program) || strings.ContainsAny(program, "\n\r") {
		return fmt.Errorf("program %q: write an absolute path", program)
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

// QuitProgram ends what RunProgram started, or what every Mac runs, by its
// path.
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

// ConnectVNC is somebody who looks at this screen from another Mac.
func (m *Mac) ConnectVNC(connected bool) error { return m.mark(vncFile, connected) }

// SetAdmin makes the user an administrator, or an ordinary user.
func (m *Mac) SetAdmin(admin bool) error { return m.mark(noAdminFile, !admin) }

// LockScreen locks the user's screen, or unlocks it.
func (m *Mac) LockScreen(locked bool) error { return m.mark(lockedFile, locked) }

// SeatAtConsole says who sits at screen and keyboard: "me", "other", or
// "nobody" at the login window. Only root can seat somebody else.
func (m *Mac) SeatAtConsole(who string) error {
	uids := map[string]int{"me": os.Geteuid(), "other": os.Geteuid() + 1, "nobody": 0}
	uid, ok := uids[who]
	if !ok {
		return fmt.Errorf("console %q: take me, other or nobody", who)
	}
	path, err := m.resolve(consoleDevice)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, -1)
}

// mark makes or removes a file that only has to be there.
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
