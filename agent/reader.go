package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"kextwatch/launchd"
	"kextwatch/probe/mac"
)

const (
	readerName   = "kextwatch-reader"
	programLimit = 256 << 20 // bytes; a build for two processors has about 20 MB
)

// installReader installs the LaunchDaemon that reads the policy as root. It
// touches nobody's home: the agent is the user's own to install.
func (in *invocation) installReader(ctx context.Context, program string, dryRun bool) error {
	place, err := in.readerPlace("install", program, dryRun)
	if err != nil {
		return err
	}
	content, err := readerProgram(program)
	if err != nil {
		return err
	}
	plan, err := place.Install(ctx, launchd.Daemon(launchd.ReaderProgram), content)
	if err != nil {
		return unavailable(err, "nothing was changed; put that right and run it again")
	}
	if err := in.carryOut(ctx, plan, dryRun); err != nil || dryRun || in.speaker.json {
		return err
	}
	in.say("Every user who wants the icon in the menu bar now runs, without sudo: kextwatch install")
	return nil
}

// uninstallReader removes the LaunchDaemon, its program and what it published.
func (in *invocation) uninstallReader(ctx context.Context, dryRun bool) error {
	place, err := in.readerPlace("uninstall", "", dryRun)
	if err != nil {
		return err
	}
	published := filepath.Join(in.mac.Root, "Library", "Application Support", label)
	if err := in.carryOut(ctx, place.Uninstall(ctx, launchd.ReaderLabel, published), dryRun); err != nil || dryRun || in.speaker.json {
		return err
	}
	in.say("Every user who has the icon in the menu bar removes it, without sudo, with: kextwatch uninstall")
	return nil
}

// readerPlace is where the LaunchDaemon belongs. Only the owner of the Mac may
// change anything there; the plan may be seen by everybody.
func (in *invocation) readerPlace(command, program string, dryRun bool) (place launchd.DaemonPlace, err error) {
	if in.mac.NoTools {
		return place, usage("leave --volume out", "nothing is installed on another Mac's disk")
	}
	owner, err := in.mac.Owner()
	if err != nil {
		return place, unavailable(err, "")
	}
	if in.uid != owner && !dryRun {
		return place, unavailable(fmt.Errorf("the reader is installed and removed by uid %d, the owner of %s", owner, in.mac.Root), "run "+in.sudo(command, program))
	}
	tool, err := in.mac.Resolve("/bin/launchctl")
	if err != nil {
		return place, unavailable(err, "")
	}
	return launchd.DaemonPlace{
		Place: launchd.Place{
			Plist:     filepath.Join(in.mac.Root, launchd.ReaderPlist),
			Launchctl: launchd.Launchctl{Runner: in.runner(), Tool: tool, System: true},
		},
		Program: filepath.Join(in.mac.Root, launchd.ReaderProgram),
		Guarded: func(path string) error { return guarded(in.mac, path) },
	}, nil
}

// guarded is Mac.Guarded for a path of this machine.
func guarded(m mac.Mac, path string) error {
	name, err := filepath.Rel(m.Root, path)
	if err != nil {
		return err
	}
	return m.Guarded(name)
}

// sudo is the command that does it as root: sudo looks for programs in places
// of its own, so this one is named in full.
func (in *invocation) sudo(command, program string) string {
	self, err := executable()
	if err != nil {
		self = "kextwatch"
	}
	words := "sudo " + shellWord(self) + " " + command + " --reader"
	if program != "" {
		words += " --program " + shellWord(program)
	}
	if in.mac.Root != "/" {
		words += " --root " + shellWord(in.mac.Root)
	}
	return words
}

// shellWord quotes a text for a shell, where it has to be.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

const traylessHint = "name a kextwatch that was built without it: --program PATH (CGO_ENABLED=0 go build -o kextwatch-reader ./agent makes one)"

// readerProgram is the content of the program that is to run as root: the one
// named, or that which belongs to this program.
func readerProgram(named string) ([]byte, error) {
	switch {
	case named == "":
		self, err := executable()
		if err != nil {
			return nil, err
		}
		if self, err = filepath.EvalSymlinks(self); err != nil {
			return nil, err
		}
		return readerBeside(self)
	case !filepath.IsAbs(named):
		return nil, usage("give the absolute path", "--program %q is not an absolute path", named)
	}
	return readTrayless(named)
}

// readerBeside is the kextwatch-reader beside a program or in its application;
// where there is none, the program itself.
func readerBeside(self string) ([]byte, error) {
	dir := filepath.Dir(self)
	for _, path := range []string{filepath.Join(dir, readerName), filepath.Join(dir, "../Helpers", readerName)} {
		if _, err := os.Lstat(path); err == nil {
			return readTrayless(path)
		}
	}
	return readTrayless(self)
}

// readTrayless reads a program that has to be a kextwatch without the tray: a
// library that draws has no place in what root runs. Its own build information
// tells; it is not executed to find out.
func readTrayless(path string) ([]byte, error) {
	content, err := mac.ReadFile(path, programLimit)
	if err != nil {
		return nil, unavailable(err, traylessHint)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil || info.Main.Path != "kextwatch" {
		return nil, unavailable(fmt.Errorf("%s is not a kextwatch", path), traylessHint)
	}
	if hasTray(info.Settings) {
		return nil, unavailable(fmt.Errorf("%s was built with the menu-bar icon, which root must not run", path), traylessHint)
	}
	return content, nil
}

// hasTray repeats the build tag of notify/tray: cgo && (darwin || tray).
func hasTray(settings []debug.BuildSetting) bool {
	built := map[string]string{}
	for _, s := range settings {
		built[s.Key] = s.Value
	}
	return built["CGO_ENABLED"] != "0" &&
		(built["GOOS"] == "darwin" || slices.Contains(strings.Split(built["-tags"], ","), "tray"))
}
