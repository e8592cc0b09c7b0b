// Package pkg lays out the installer package of kextwatch: the files, their owners and
// modes, the scripts, and what pkgbuild and productbuild must know. Only those two need
// a Mac, so the tests can install the layout on a simulated Mac.
package pkg

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"howett.net/plist"

	"kextwatch/launchd"
	"kextwatch/probe"
)

// Identifier is the name of the package in the receipts of a Mac.
const Identifier = "io.kextwatch.pkg"

// App is the place of the app on a Mac.
const App = "/Applications/Kextwatch.app"

const (
	program = App + "/Contents/MacOS/kextwatch"
	reader  = "Contents/Helpers/kextwatch-reader" // in the app
)

//go:embed preinstall postinstall uninstall
var scripts embed.FS

// Uninstall is the script that removes what the package installed. The app contains it.
//
//go:embed uninstall
var Uninstall []byte

// Layout has what a package is made of.
type Layout struct {
	App     string // path of Kextwatch.app on this machine
	Version string // numbers and dots: Installer compares them
	Oldest  string // oldest macOS
}

// Write replaces the folder dir, which must be named pkg:
//
//	root/               the files of the package, as they are on a Mac
//	manifest            path, mode, uid and gid of each of them: lsbom -p fmug
//	scripts/            what Installer runs before and after it copies the files
//	component.plist     for pkgbuild, and version
//	distribution.xml    for productbuild
//
// An ordinary user cannot make files of root. So pkgbuild sets the owners, and the
// manifest says what they must be.
func (l Layout) Write(dir string) error {
	if filepath.Base(dir) != "pkg" { // it is removed first
		return fmt.Errorf("%q is not named pkg", dir)
	}
	agent, err := launchd.AgentOfAll(program).Plist()
	if err != nil {
		return err
	}
	daemon, err := launchd.Daemon(probe.ReaderProgram).Plist()
	if err != nil {
		return err
	}
	readerProgram, err := os.ReadFile(filepath.Join(l.App, reader))
	if err != nil {
		return err
	}
	component, err := plist.MarshalIndent(components, plist.XMLFormat, "\t")
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	errs := []error{
		copyTree(l.App, filepath.Join(root, App)),
		writeFile(filepath.Join(root, probe.JobOfAll), agent, 0o644),
		writeFile(filepath.Join(root, probe.ReaderJob), daemon, 0o644),
		writeFile(filepath.Join(root, probe.ReaderProgram), readerProgram, 0o755),
		writeFile(filepath.Join(dir, "component.plist"), append(component, '\n'), 0o644),
		writeFile(filepath.Join(dir, "version"), []byte(l.Version+"\n"), 0o644),
		writeFile(filepath.Join(dir, "distribution.xml"), l.distribution(), 0o644),
	}
	for _, name := range []string{"preinstall", "postinstall"} {
		script, err := scripts.ReadFile(name)
		errs = append(errs, err, writeFile(filepath.Join(dir, "scripts", name), script, 0o755))
	}
	for _, f := range system {
		errs = append(errs, os.Chmod(filepath.Join(root, f.path), f.mode))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	manifest, err := manifestOf(root)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "manifest"), manifest, 0o644)
}

// copyTree copies plain files. A program keeps that it can be run; otherwise the umask
// and the mode of a file have no effect.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file", path)
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return writeFile(filepath.Join(to, name), data, mode)
	})
}

// writeFile writes a file with exactly this mode, and its folders with 0755.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// system are the folders of macOS in the package. Installer can give an existing folder
// the owner and the mode in the package, so they are those of a fresh macOS. That is
// also why /usr/local/bin is not in it: Homebrew gives it to a user.
var system = []struct {
	path string
	mode fs.FileMode
	gid  int
}{
	{".", 0o755, wheel},
	{"Applications", 0o775, admin},
	{"Library", 0o755, wheel},
	{"Library/LaunchAgents", 0o755, wheel},
	{"Library/LaunchDaemons", 0o755, wheel},
	{"Library/PrivilegedHelperTools", 0o755 | fs.ModeSticky, wheel},
}

const (
	wheel = 0
	admin = 80
)

// manifestOf lists the files below root as lsbom lists those of a package, sorted.
// Everything belongs to root.
func manifestOf(root string) ([]byte, error) {
	var lines []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		gid := wheel
		for _, f := range system {
			if f.path == name {
				gid = f.gid
			}
		}
		if name != "." {
			name = "./" + name
		}
		lines = append(lines, fmt.Sprintf("%s\t%o\t0\t%d\n", name, unixMode(info.Mode()), gid))
		return nil
	})
	slices.Sort(lines)
	return []byte(strings.Join(lines, "")), err
}

// unixMode returns the mode of a file or a folder as stat(2) has it.
func unixMode(mode fs.FileMode) uint32 {
	const folder, file, sticky = 0o040000, 0o100000, 0o001000
	unix := uint32(mode.Perm()) | file
	if mode.IsDir() {
		unix = uint32(mode.Perm()) | folder
	}
	if mode&fs.ModeSticky != 0 {
		unix |= sticky
	}
	return unix
}

// component is how Installer treats a bundle of the package: see pkgbuild(1), COMPONENT
// PROPERTY LIST.
type component struct {
	RootRelativeBundlePath    string
	BundleIsRelocatable       bool   // look for the app where a user moved it, and replace that one
	BundleIsVersionChecked    bool   // keep a newer app, so that a downgrade leaves a mixture
	BundleHasStrictIdentifier bool   // do not replace another app at this path
	BundleOverwriteAction     string // "upgrade": remove the files of the old one
}

var components = []component{{
	RootRelativeBundlePath:    strings.TrimPrefix(App, "/"),
	BundleHasStrictIdentifier: true,
	BundleOverwriteAction:     "upgrade",
}}

// distribution tells Installer about the package as a whole. Without arm64 in
// hostArchitectures, it would ask to install Rosetta. It never offers a home folder.
func (l Layout) distribution() []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
	<title>kextwatch</title>
	<options customize="never" require-scripts="false" hostArchitectures="x86_64,arm64"/>
	<domains enable_anywhere="true" enable_currentUserHome="false" enable_localSystem="true"/>
	<volume-check>
		<allowed-os-versions>
			<os-version min="%[3]s"/>
		</allowed-os-versions>
	</volume-check>
	<choices-outline>
		<line choice="default">
			<line choice="%[1]s"/>
		</line>
	</choices-outline>
	<choice id="default"/>
	<choice id="%[1]s" visible="false">
		<pkg-ref id="%[1]s"/>
	</choice>
	<pkg-ref id="%[1]s" version="%[2]s" onConclusion="none">kextwatch.pkg</pkg-ref>
</installer-gui-script>
`, Identifier, l.Version, l.Oldest)
}
