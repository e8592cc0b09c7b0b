package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"kextwatch/assets/pkg"
)

// app has the parts of Kextwatch.app.
type app struct {
	programs, readers []string // one path for each processor
	version, build    string
	manual            string // folder of the man page and the completions
}

const (
	programPath  = "Contents/MacOS/kextwatch"
	readerPath   = "Contents/Helpers/kextwatch-reader"
	licensesPath = "Contents/Resources/Licenses.txt"
	// uninstallPath is the script that removes what the installer package installed.
	uninstallPath = "Contents/Resources/uninstall"
)

// manuals has the files that make manual writes. The app contains them, so that a
// link to one of them stays valid after an update.
var manuals = []string{"kextwatch.1", "kextwatch.bash", "_kextwatch", "kextwatch.fish"}

// write replaces the app at path.
func (a app) write(path string) error {
	if filepath.Ext(path) != ".app" { // it is removed first
		return fmt.Errorf("%q does not end in .app", path)
	}
	program, slices, err := universal(a.programs)
	if err != nil {
		return err
	}
	reader, readers, err := universal(a.readers)
	if err != nil {
		return err
	}
	tray := slices[0].tray() && slices[1].tray()
	if slices[0].tray() != slices[1].tray() {
		return fmt.Errorf("only one of the programs %q has the tray", a.programs)
	}
	for i, r := range readers {
		if !r.reader() {
			return fmt.Errorf("%s is not kextwatch-reader", a.readers[i])
		}
		if r.tray() {
			return fmt.Errorf("%s runs as root and must not have the tray", a.readers[i])
		}
	}
	info, err := newInfo(a.version, a.build, tray)
	if err != nil {
		return err
	}
	list, err := info.plist()
	if err != nil {
		return err
	}
	icon, err := readIcon()
	if err != nil {
		return err
	}
	modules, err := modulesOf(slices[0].info, slices[1].info, readers[0].info, readers[1].info)
	if err != nil {
		return err
	}
	licenses, err := licenses(modules)
	if err != nil {
		return err
	}
	files := tree{
		"Contents/Info.plist":            list,
		"Contents/PkgInfo":               []byte("APPL????"),
		"Contents/Resources/" + iconFile: icon,
		licensesPath:                     licenses,
	}
	for _, name := range manuals {
		if files["Contents/Resources/"+name], err = os.ReadFile(filepath.Join(a.manual, name)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := files.write(path, 0o644); err != nil {
		return err
	}
	return tree{programPath: program, readerPath: reader, uninstallPath: pkg.Uninstall}.write(path, 0o755)
}

// tree maps paths to the contents of files.
type tree map[string][]byte

func (t tree) write(dir string, mode os.FileMode) error {
	for name, data := range t {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			return err
		}
	}
	return nil
}

// modulesOf returns the modules of the programs, sorted by path, including Go's own
// library. It is an error if two programs have different versions of a module.
func modulesOf(infos ...*debug.BuildInfo) ([]module, error) {
	versions := make(map[string]string)
	for _, info := range infos {
		found := []module{{goModule, info.GoVersion}}
		for _, m := range info.Deps {
			// A module that a folder of this repository replaces is not in the program.
			if m.Replace == nil {
				found = append(found, module{m.Path, m.Version})
			}
		}
		for _, m := range found {
			if v, ok := versions[m.path]; ok && v != m.version {
				return nil, fmt.Errorf("one program has %s %s, another has %s", m.path, v, m.version)
			}
			versions[m.path] = m.version
		}
	}
	return sorted(versions), nil
}
