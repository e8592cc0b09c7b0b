package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows lists the allowed imports: which package may import which package of ours
// or which foreign module, and why. Every package may import the standard library.
// If this test fails, change the code, not the list. The core imports only plain
// packages. The packages that touch the machine are one level below, and only
// package main imports both.
var arrows = []struct{ importer, imported, because string }{
	{"agent", "agent/approval", "package main wires everything"},
	{"agent", "agent/cli", "package main wires everything"},
	{"agent", "agent/demo", "package main wires everything"},
	{"agent", "agent/fleet", "package main wires everything"},
	{"agent", "agent/loop", "package main wires everything"},
	{"agent", "agent/retry", "package main wires everything"},
	{"agent", "agent/settings", "package main wires everything"},
	{"agent", "agent/setup", "package main wires everything"},
	{"agent", "agent/store", "package main wires everything"},
	{"agent", "agent/terminal", "package main wires everything"},
	{"agent", "agent/view", "package main wires everything"},
	{"agent", "notify", "package main wires everything"},
	{"agent", "notify/desktop", "package main wires everything"},
	{"agent", "notify/tray", "package main wires everything"},
	{"agent", "probe", "package main wires everything"},
	{"agent", "probe/kextlog", "package main wires everything"},
	{"agent", "probe/mac", "package main wires everything"},
	{"agent", "probe/policy", "package main wires everything"},
	{"agent", "probe/root", "package main wires everything"},
	{"agent", "probe/simmac", "package main wires everything"},
	{"agent", "probe/survey", "package main wires everything"},
	{"agent", "probe/watch", "package main wires everything"},
	{"agent", "github.com/google/renameio/v2", "writes files atomically"},
	{"agent", "github.com/spf13/cobra", "the commands"},
	{"agent", "github.com/spf13/pflag", "the flags of cobra's commands"},
	{"agent", "howett.net/plist", "keeps the format of Munki's file"},

	{"agent/reader", "probe", "tells the time and cleans texts"},
	{"agent/reader", "probe/policy", "publishes the policy"},
	{"agent/reader", "probe/root", "names the Mac"},

	{"agent/cli", "probe", "escapes what could control a terminal in a document"},
	{"agent/cli", "agent/terminal", "breaks lines between words"},
	{"agent/cli", "agent/view", "lines without a color"},
	{"agent/demo", "agent/approval", "names the events that a story expects"},
	{"agent/demo", "agent/loop", "runs the agent, and replaces its poster and menu"},
	{"agent/demo", "agent/store", "reads the events of the agent"},
	{"agent/demo", "agent/terminal", "draws the bar of an open window"},
	{"agent/demo", "agent/view", "draws the bar of an open window"},
	{"agent/demo", "notify", "shows the alerts and the menu"},
	{"agent/demo", "probe", "makes a faster clock"},
	{"agent/demo", "probe/root", "names the simulated Mac"},
	{"agent/demo", "probe/simmac", "changes the simulated Mac"},
	{"agent/fleet", "agent/approval", "names the verdicts"},
	{"agent/fleet", "agent/settings/values", "says which values each setting takes"},
	{"agent/fleet", "agent/view", "knows whether a verdict is certain, and cleans names"},
	{"agent/fleet", "probe", "names the jobs, the reader, the settings domain and the missing facts"},
	{"agent/fleet", "github.com/google/uuid", "names a profile after its content"},
	{"agent/fleet", "howett.net/plist", "profiles, forms of settings and the state are property lists"},
	{"agent/loop", "agent/approval", "asks the rules after each snapshot"},
	{"agent/loop", "agent/settings", "rereads the settings when their files change"},
	{"agent/loop", "agent/store", "saves before it announces"},
	{"agent/loop", "agent/view", "fills in alerts, dialogs and the menu"},
	{"agent/loop", "notify", "hands over alerts and the menu"},
	{"agent/loop", "probe", "receives hints and attempts"},
	{"agent/loop", "probe/mac", "says how to take a snapshot"},
	{"agent/loop", "probe/root", "checks who owns the program of RunOnChange"},
	{"agent/loop", "probe/tool", "runs the user's program for each event"},
	{"agent/retry", "agent/approval", "asks the rules after each snapshot"},
	{"agent/retry", "agent/cli", "adds hints to errors"},
	{"agent/retry", "agent/view", "finds the words for the reasons"},
	{"agent/retry", "probe", "chooses the virtual machine to start"},
	{"agent/retry", "probe/mac", "opens Parallels Desktop and starts a virtual machine"},
	{"agent/retry", "probe/root", "names the Mac"},
	{"agent/store", "agent/approval", "saves what the rules remember"},
	{"agent/store", "agent/fleet", "publishes the state for fleet tools"},
	{"agent/store", "agent/view", "publishes the status, and events with their words"},
	{"agent/store", "probe", "names the missing facts"},
	{"agent/store", "probe/root", "reads the files it saved"},
	{"agent/store", "howett.net/plist", "memory and status are property lists"},
	{"agent/settings", "agent/approval", "sets what the rules take into account"},
	{"agent/settings", "agent/settings/values", "says which values each key takes"},
	{"agent/settings", "agent/view", "cleans texts of settings"},
	{"agent/settings", "probe", "names the settings domain"},
	{"agent/settings", "probe/root", "reads the files of the settings"},
	{"agent/settings/settingstest", "probe", "names the settings domain"},
	{"agent/settings/settingstest", "probe/mactest", "writes files of a Mac"},
	{"agent/settings/settingstest", "probe/root", "names the Mac"},
	{"agent/settings/settingstest", "howett.net/plist", "writes property lists"},
	{"agent/setup", "agent/cli", "reports each step, and adds hints to errors"},
	{"agent/setup", "agent/settings", "names the file of the user's settings"},
	{"agent/setup", "agent/store", "names what the agent wrote, and asks whether one runs"},
	{"agent/setup", "agent/view", "says what comes next, with Apple's labels"},
	{"agent/setup", "launchd", "plans and carries out the steps"},
	{"agent/setup", "probe", "names the jobs and their paths"},
	{"agent/setup", "probe/mac", "reads who is logged in, the homes and the screen"},
	{"agent/setup", "probe/root", "checks who can replace a program"},
	{"agent/setup", "probe/tool", "runs launchctl"},
	{"agent/terminal", "agent/view", "draws its bar"},
	{"agent/terminal", "golang.org/x/term", "reports whether a stream is a terminal, and its size"},
	{"agent/view", "agent/approval", "finds the words for what approval decided"},
	{"agent/view", "notify", "fills in the menu and the alerts"},
	{"agent/view", "probe", "names the facts"},
	{"agent/approval", "probe", "judges the facts"},

	{"probe/root", "probe", "knows where macOS stages a kernel extension"},
	{"probe/root", "github.com/cyphar/filepath-securejoin", "links beneath a Mac's root stay beneath it"},
	{"probe/root", "howett.net/plist", "property lists"},
	{"probe/root", "github.com/google/renameio/v2", "writes files atomically"},
	{"probe/tool", "probe", "cleans what a program says about its failure"},
	{"probe/tool", "probe/root", "looks a tool up beneath the Mac's root"},
	{"probe/policy", "probe", "reads the rows of the policy"},
	{"probe/policy", "probe/root", "reads and writes files of the Mac"},
	{"probe/policy", "howett.net/plist", "what the root reader publishes is a property list"},
	{"probe/policy", "modernc.org/libc", "SQLite's file system in memory"},
	{"probe/policy", "modernc.org/sqlite", "the policy database"},
	{"probe/framework", "probe", "reads the rows of the policy"},
	{"probe/framework", "probe/root", "stamps the files that show a change"},
	{"probe/framework", "probe/tool", "runs osascript"},
	{"probe/kextlog", "probe", "reads load attempts"},
	{"probe/kextlog", "probe/root", "names the Mac whose log it is"},
	{"probe/kextlog", "probe/tool", "runs the log tool"},
	{"probe/watch", "probe", "reports when to take a snapshot"},
	{"probe/watch", "probe/policy", "notices at the backstop that the root reader has stopped"},
	{"probe/watch", "probe/root", "finds and stamps the files of the Mac"},
	{"probe/watch", "github.com/fsnotify/fsnotify", "notices changes"},
	{"probe/mac", "probe", "reads the facts"},
	{"probe/mac", "probe/framework", "chooses the policy source"},
	{"probe/mac", "probe/policy", "chooses the policy source"},
	{"probe/mac", "probe/root", "reads files of the Mac"},
	{"probe/mac", "probe/tool", "runs the Mac's own tools"},
	{"probe/survey", "probe", "names the paths and tools"},
	{"probe/survey", "probe/framework", "asks whether it answers"},
	{"probe/survey", "probe/kextlog", "asks with the filter that the agent uses"},
	{"probe/survey", "probe/mac", "describes what these readers find"},
	{"probe/survey", "probe/policy", "describes a verified copy of the database"},
	{"probe/survey", "probe/root", "reads files of the Mac"},
	{"probe/survey", "probe/tool", "runs the Mac's own tools"},
	{"probe/simmac", "probe", "makes a Mac out of facts"},
	{"probe/simmac", "probe/root", "resolves links beneath the Mac's root"},
	{"probe/simmac", "howett.net/plist", "writes property lists in the real format"},
	{"probe/simmac", "modernc.org/sqlite", "writes the policy database in the real format"},
	{"probe/hostile", "probe/mactest/size", "tries less with the race detector"},
	{"probe/mactest", "probe", "names the paths"},
	{"probe/mactest", "howett.net/plist", "writes what the root reader publishes"},
	{"probe/mactest", "modernc.org/sqlite", "writes the policy databases of tests"},
	{"probe/mactest/soak/report", "probe/mactest/soak", "prints its rows"},
	{"probe/tool/tooltest", "probe/tool", "shortens its limit in tests"},

	{"notify/desktop", "notify", "posts its alerts"},
	{"notify/desktop", "probe", "cleans the texts it shows"},
	{"notify/desktop", "probe/root", "looks its tools up beneath the Mac's root"},
	{"notify/desktop", "probe/tool", "runs the child that posts, and osascript"},
	{"notify/desktop", "github.com/gen2brain/beeep", "knows every desktop's notifications"},
	{"notify/desktop", "github.com/godbus/dbus/v5", "connects to D-Bus before the alert comes; not on a Mac"},
	{"notify/tray", "assets", "the icons"},
	{"notify/tray", "notify", "shows its menu"},
	{"notify/tray", "probe", "cleans the texts it shows"},
	{"notify/tray", "github.com/getlantern/systray", "knows every desktop's menu bar"},
	{"notify/tray", "C", "opens the bus of a Linux desktop before the icon's library does"},

	{"notify/tray/desk", "github.com/godbus/dbus/v5", "plays the panel and the notification service in tests"},
	{"notify/tray/desk", "github.com/jezek/xgb", "plays the mouse in tests, and takes pictures of the screen"},

	{"launchd", "probe/tool", "runs launchctl"},
	{"launchd", "probe", "names the jobs, their paths and what launchd does at login"},
	{"launchd", "probe/root", "replaces a file in one step"},
	{"launchd", "howett.net/plist", "a job is a property list"},

	{"assets/bundle", "assets/pkg", "checks the app before the package is laid out"},
	{"assets/bundle", "probe", "names the agent that the app belongs to"},
	{"assets/bundle", "howett.net/plist", "writes the app's Info.plist"},
	{"assets/pkg", "launchd", "packs the property lists that install would write"},
	{"assets/pkg", "probe", "names the places of the package's files"},
	{"assets/pkg", "howett.net/plist", "writes pkgbuild's list"},
}

// plain packages depend, directly and indirectly, only on the standard library and on
// other plain packages. So every rule can be tested without a Mac.
var plain = []string{"agent/approval", "agent/fleet", "agent/settings/values", "agent/view", "notify", "probe"}

// plainModules are the foreign modules that a plain package may depend on. What it uses of
// them only computes: uuid makes name-based UUIDs, plist encodes.
var plainModules = map[string][]string{"agent/fleet": {"github.com/google/uuid", "howett.net/plist"}}

// unwanted packages would raise the oldest macOS that can load the program: since Go
// 1.25, crypto/x509 needs a symbol of macOS 12. Kextwatch sends nothing over the
// network, so it does not need them.
var unwanted = []string{"crypto/tls", "crypto/x509", "net/http"}

// readerParts are all our packages in the program that runs as root.
var readerParts = []string{"agent/reader", "probe", "probe/policy", "probe/root"}

// processes are the packages that start a process or call C. SQLite's
// translated C library imports os/exec; no other part of the program that runs
// as root may. The linker leaves those functions out: assets/bundle checks it.
var processes = []string{"C", "os/exec", "plugin"}

const module = "kextwatch/"

// builds are the programs that people run. Listing imports needs no C compiler, even
// if the program needs one.
var builds = []struct {
	name string
	env  []string
	tags string
}{
	{"linux", []string{"GOOS=linux", "CGO_ENABLED=0"}, ""},
	{"linux with a tray", []string{"GOOS=linux", "CGO_ENABLED=1"}, "tray,desktop"},
	{"darwin", []string{"GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=1"}, ""},
	{"darwin without cgo", []string{"GOOS=darwin", "GOARCH=amd64", "CGO_ENABLED=0"}, ""},
}

func TestArrows(t *testing.T) {
	used := map[[2]string]bool{}
	for _, build := range builds {
		t.Run(build.name, func(t *testing.T) {
			packages := list(t, build.env, build.tags)
			for path, p := range packages {
				importer, ours := strings.CutPrefix(path, module)
				if !ours {
					continue
				}
				for _, path := range p.Imports {
					q := packages[path]
					if used[[2]string{importer, q.origin()}] = true; !q.Standard && !allowed(importer, q.origin()) {
						t.Errorf("%s must not import %s", importer, path)
					}
				}
			}
			for _, importer := range plain {
				for _, path := range packages[module+importer].Deps {
					p := packages[path]
					if !p.Standard && !slices.Contains(plain, strings.TrimPrefix(path, module)) && !slices.Contains(plainModules[importer], p.Module.Path) {
						t.Errorf("%s is plain and must not depend on %s", importer, path)
					}
				}
			}
			for _, name := range []string{"agent", "agent/reader"} {
				for _, path := range packages[module+name].Deps {
					if slices.Contains(unwanted, path) {
						t.Errorf("%s is a dependency of %s; go mod why %[1]s shows the chain", path, name)
					}
				}
			}
			for _, path := range append(packages[module+"agent/reader"].Deps, module+"agent/reader") {
				if name, ours := strings.CutPrefix(path, module); ours && !slices.Contains(readerParts, name) {
					t.Errorf("%s is a dependency of the program that runs as root", path)
				}
				if p := packages[path]; !p.Standard && p.Module.Path != "modernc.org/libc" {
					for _, imported := range p.Imports {
						if slices.Contains(processes, imported) {
							t.Errorf("%s imports %s and is a dependency of the program that runs as root", path, imported)
						}
					}
				}
			}
		})
	}
	for _, a := range arrows {
		if !used[[2]string{a.importer, a.imported}] {
			t.Errorf("%s no longer imports %s: remove the arrow", a.importer, a.imported)
		}
	}
}

func allowed(importer, imported string) bool {
	for _, a := range arrows {
		if a.importer == importer && a.imported == imported {
			return true
		}
	}
	return false
}

type goPackage struct {
	ImportPath string
	Standard   bool
	Module     struct{ Path string }
	Imports    []string // by the package itself, not by its tests
	Deps       []string // the same, however far away
}

// origin returns the name of a package in arrows: its folder if it is ours, otherwise
// its module.
func (p goPackage) origin() string {
	if folder, ours := strings.CutPrefix(p.ImportPath, module); ours {
		return folder
	}
	return p.Module.Path
}

// list returns the packages of this module and all their dependencies.
func list(t *testing.T, env []string, tags string) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-tags", tags, "-json=ImportPath,Standard,Module,Imports,Deps", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	packages := make(map[string]goPackage)
	cgo := goPackage{ImportPath: "C"} // go list leaves it out
	cgo.Module.Path = cgo.ImportPath
	packages[cgo.ImportPath] = cgo
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
	for _, name := range slices.Concat([]string{"agent"}, readerParts, plain) {
		if packages[module+name].ImportPath == "" {
			t.Fatalf("%v does not know the package %s", cmd, name)
		}
	}
	return packages
}
