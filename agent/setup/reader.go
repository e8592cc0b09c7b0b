package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"kextwatch/agent/cli"
	"kextwatch/launchd"
	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	readerName    = "kextwatch-reader"
	readerPackage = "kextwatch/agent/reader"
)

// InstallReader installs the LaunchDaemon that reads the policy as root. It changes
// no home folder: each user installs the agent.
func (s *Setup) InstallReader(ctx context.Context, program string, reload bool) (exit int, err error) {
	place, err := s.readerPlace("install", program)
	if err != nil {
		return 0, err
	}
	place.Reload = reload
	source, err := readerProgram(s.Mac, program)
	if err != nil {
		return 0, err
	}
	plan, err := place.Install(ctx, launchd.Daemon(probe.ReaderProgram), source)
	if err != nil {
		return 0, cli.Unavailable(err, "nothing was changed; correct this and run it again")
	}
	plan.Steps = append(plan.Steps, fleetSteps(s.Mac)...)
	if exit, err := s.carryOut(ctx, plan); err != nil || s.DryRun || s.Out.JSON {
		return exit, err
	}
	if jobOfAll(s.Mac).State != probe.LoginReady {
		s.Out.Say("For the icon in the menu bar, each user runs, without sudo: kextwatch install")
	}
	return 0, nil
}

// readerRemoval returns the plan that removes the LaunchDaemon, its program and what it
// published.
func (s *Setup) readerRemoval(ctx context.Context) (launchd.Plan, error) {
	place, err := s.readerPlace("uninstall", "")
	if err != nil {
		return launchd.Plan{}, err
	}
	return place.Uninstall(ctx, probe.ReaderLabel, filepath.Join(s.Mac.Root, probe.SupportFolder)), nil
}

// readerPlace returns the place of the LaunchDaemon. Only the owner of the Mac may
// change it. Every user may print the plan.
func (s *Setup) readerPlace(command, program string) (place launchd.DaemonPlace, err error) {
	launchctl, err := s.systemLaunchctl(s.sudo(command+" --reader", program))
	if err != nil {
		return place, err
	}
	launchctl.System = true
	return launchd.DaemonPlace{
		Place: launchd.Place{
			Plist:     filepath.Join(s.Mac.Root, probe.ReaderJob),
			Launchctl: launchctl,
		},
		Program: filepath.Join(s.Mac.Root, probe.ReaderProgram),
		Guarded: func(path string) error { return guarded(s.Mac, path) },
		Ours:    isReader,
	}, nil
}

// guarded is root.FS.Guarded for a path of this machine.
func guarded(m root.FS, path string) error {
	name, err := filepath.Rel(m.Root, path)
	if err != nil {
		return err
	}
	return m.Guarded(name)
}

// sudo returns the command that does it as root. It contains the full path of this
// program, because sudo has its own search path.
func (s *Setup) sudo(command, program string) string {
	self, err := ThisProgram()
	if err != nil {
		self = "kextwatch"
	}
	words := "sudo " + probe.ShellWord(self) + " " + command
	if program != "" {
		words += " --program " + probe.ShellWord(program)
	}
	if s.Mac.Root != "/" {
		words += " --root " + probe.ShellWord(s.Mac.Root)
	}
	return words
}

const (
	buildHint = "make build writes kextwatch-reader to the folder of kextwatch, and the app contains it; for another copy use --program PATH"
	movedHint = "move kextwatch and kextwatch-reader to a folder that only you or root can write to, for example the app to /Applications, and run it from there"
	namedHint = "copy the program to a folder that belongs to root and that only root can write to, and name the copy itself"
)

// readerProgram returns the program that will run as root: the named one, or the
// one that was built with this program. Only root and the owner of this program,
// which already runs as root, may have written it.
func readerProgram(m root.FS, named string) (launchd.Program, error) {
	self, trust, err := ownTrust(m)
	if err != nil {
		return launchd.Program{}, err
	}
	switch {
	case named == "":
		return readerBeside(self, trust)
	case !filepath.IsAbs(named):
		return launchd.Program{}, cli.Usage("give the absolute path", "--program %q is not an absolute path", named)
	}
	return readReader(filepath.Clean(named), trust, namedHint)
}

// ownTrust returns the path of this program and the rule for a program beside it. Its
// owner is trusted: root runs this program already.
func ownTrust(m root.FS) (self string, trust root.Trust, err error) {
	if self, err = ThisProgram(); err != nil {
		return "", trust, err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", trust, err
	}
	info, err := os.Stat(self)
	if err != nil {
		return "", trust, err
	}
	return self, root.Trust{
		Owners: []int{0, int(info.Sys().(*syscall.Stat_t).Uid)},
		Admins: true,          // they can write to /Applications, and so can replace this program
		Sticky: m.Root != "/", // a simulated Mac is usually in such a folder
	}, nil
}

// readerBeside returns the kextwatch-reader in the folder of a program or in its app.
func readerBeside(self string, trust root.Trust) (launchd.Program, error) {
	dir := filepath.Dir(self)
	for _, path := range []string{filepath.Join(dir, readerName), filepath.Join(dir, "../Helpers", readerName)} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return readReader(path, trust, movedHint)
		}
	}
	return launchd.Program{}, cli.Unavailable(fmt.Errorf("%s is missing in the folder of %s", readerName, self), buildHint)
}

// isReader reports whether a file is kextwatch-reader. The build information in it
// identifies it without executing it.
func isReader(content []byte) bool {
	_, rest, _ := bytes.Cut(content, moduleInfoStart)
	text, _, found := bytes.Cut(rest, moduleInfoEnd)
	if !found || len(text) > largestModuleInfo {
		return false
	}
	info, err := debug.ParseBuildInfo(string(text))
	return err == nil && info.Main.Path == "kextwatch" && info.Path == readerPackage
}

// The go command puts the build information of a program between these bytes
// (cmd/go/internal/modload). debug/buildinfo finds it by the format of the file, which
// makes this program 280 KB larger.
var (
	moduleInfoStart = []byte("\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6")
	moduleInfoEnd   = []byte("\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2")
)

const largestModuleInfo = 64 << 10 // bytes; that of kextwatch-reader has 2,000

// readReader reads a program that must be kextwatch-reader, because root must not
// run a larger program. hint is the next step if another user could have replaced it.
func readReader(path string, trust root.Trust, hint string) (launchd.Program, error) {
	content, owner, err := trust.ReadFile(path, launchd.ProgramLimit)
	if untrusted, ok := errors.AsType[*root.Untrusted](err); ok {
		return launchd.Program{}, cli.Unavailable(fmt.Errorf("root must not run %s: %s", path, untrusted.What), hint)
	}
	if err != nil {
		return launchd.Program{}, cli.Unavailable(err, buildHint)
	}
	if !isReader(content) {
		return launchd.Program{}, cli.Unavailable(fmt.Errorf("%s is not %s, the only program that root can run here", path, readerName), buildHint)
	}
	whose := "root"
	if owner != 0 {
		whose = fmt.Sprintf("uid %d", owner)
	}
	return launchd.Program{Content: content, From: path + ", which belongs to " + whose}, nil
}
