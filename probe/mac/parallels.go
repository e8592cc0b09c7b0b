package mac

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// bundleVersionForm matches versions of bundles. Parallels' kexts have versions with
// a space: "14.0.1 45154".
var bundleVersionForm = probe.Form{Expr: `^[0-9A-Za-z][0-9A-Za-z ._+-]*$`}

const versionLimit = 64 // bytes of a version of a bundle

func isBundleVersion(version string) bool {
	return len(version) <= versionLimit && bundleVersionForm.MatchString(version)
}

var errNotParallels = errors.New("is not Parallels Desktop")

// ReadParallels finds and reads the installed Parallels Desktop, at any place that
// files tell. It returns nil if none is installed. If Parallels Desktop cannot be
// read, ReadParallels returns the facts that it knows together with the error. Nil
// with an error means that it is unknown whether one is installed.
func ReadParallels(m root.FS) (*probe.App, error) {
	return findParallels(m, nil, nil, nil)
}

// findParallels is ReadParallels with the places that other facts name: attempted are
// the apps whose kexts macOS tried to load, newest first; named are other ones. Of
// several installed copies it takes the one that was attempted last, else the one in
// /Applications.
func findParallels(m root.FS, infos *bundleInfos, attempted, named []string) (*probe.App, error) {
	s := appSearch{mac: m, infos: infos, seen: map[string]bool{}}
	for _, places := range []func() []string{
		func() []string { return attempted },
		func() []string { return []string{probe.ParallelsApp} },
		func() []string { return named },
		s.linked,
		s.staged,
		s.listed,
	} {
		for _, place := range places() {
			if app := s.read(place); app != nil {
				return app, nil
			}
		}
	}
	return s.unread, s.err
}

// appSearch is one search for Parallels Desktop.
type appSearch struct {
	mac   root.FS
	infos *bundleInfos
	seen  map[string]bool // places that were read

	unread *probe.App // the first one that is there and cannot be read
	err    error      // why not, or why it is unknown whether there is one
}

// read returns the Parallels Desktop at a place. It returns nil if nothing is there, or if
// it cannot be read.
func (s *appSearch) read(place string) *probe.App {
	if s.seen[place] || !isAppPlace(place) {
		return nil
	}
	s.seen[place] = true
	app, err := readApp(s.mac, s.infos, place)
	usual := place == probe.ParallelsApp
	switch {
	case err == nil:
		return app
	case root.NotExist(err):
		if _, gone := s.mac.Stat(place); root.NotExist(gone) || !usual {
			return nil
		}
	case errors.Is(err, errNotParallels) && !usual:
		return nil
	}
	if s.unread == nil && (app != nil || s.err == nil) {
		s.unread, s.err = app, err
	}
	return nil
}

// isAppPlace reports whether an app can be installed at a path that a fact names.
func isAppPlace(place string) bool {
	return path.IsAbs(place) && path.Clean(place) == place && path.Ext(place) == ".app" &&
		probe.Printable(place) == place && !root.Elsewhere(place)
}

// readApp reads the application at a place. It returns errNotParallels for another
// application.
func readApp(m root.FS, infos *bundleInfos, place string) (*probe.App, error) {
	app := &probe.App{Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Path: place}
	info, err := infos.read(m, place)
	if err != nil {
		return app, err
	}
	switch info.ID {
	case parallelsID:
		app.Edition = probe.Standard
	case "com.parallels.desktop.appstore":
		app.Edition = probe.AppStore
	case "":
		return app, errors.New(place + " has no bundle identifier")
	default:
		return nil, fmt.Errorf("%s %w but %q", place, errNotParallels, probe.Printable(info.ID))
	}
	app.BundleID = info.ID
	if !isBundleVersion(info.ShortVersion) || !isBundleVersion(info.Version) {
		return app, fmt.Errorf("%s has the invalid version %q (%q)", place, probe.Printable(info.ShortVersion), probe.Printable(info.Version))
	}
	app.Version, app.Build = info.ShortVersion, info.Version
	return app, nil
}

// linked returns the app into which the link to prlctl leads. The installer makes the
// link, and the uninstaller may leave it.
func (s *appSearch) linked() []string {
	folder := path.Dir(probe.PrlctlTool)
	target, err := root.At(s.mac, folder, func(p string) (string, error) {
		return os.Readlink(filepath.Join(p, path.Base(probe.PrlctlTool)))
	})
	if err != nil {
		return nil
	}
	if !path.IsAbs(target) {
		target = path.Join(folder, target)
	}
	return []string{appAbove(target)}
}

// staged returns the apps of which macOS has copied a kext of Parallels Desktop. It
// copies the kexts at the first load attempt.
func (s *appSearch) staged() []string {
	var places []string
	for _, folder := range s.folders() {
		names, _ := s.mac.List(probe.StagedExtensions + folder)
		for _, name := range names {
			place := folder + "/" + name
			kexts := KextSearch{Mac: s.mac}
			if path.Ext(name) == ".app" && slices.ContainsFunc(kexts.Places(place+appExtensions), probe.InParallels) {
				places = append(places, place)
			}
		}
	}
	return places
}

// appExtensions is the folder of the kexts in an app.
const appExtensions = "/Contents/Library/Extensions"

// listed returns the apps with the name of Parallels Desktop in the usual folders.
// Without them, an app that was moved or renamed is unknown until its next load
// attempt.
func (s *appSearch) listed() []string {
	var places []string
	for _, folder := range s.folders() {
		names, err := s.mac.List(folder)
		if err != nil && !root.NotExist(err) && len(names) == 0 && s.err == nil {
			s.err = err // there may be one in it
		}
		for _, name := range names {
			if strings.HasPrefix(name, "Parallels Desktop") {
				places = append(places, folder+"/"+name)
			}
		}
	}
	return places
}

// folders are the usual folders of applications.
func (s *appSearch) folders() []string {
	folders := []string{"/Applications", "/Applications/Utilities"}
	if home := s.mac.HomeOnMac(); home != "" {
		folders = append(folders, home+"/Applications")
	}
	return folders
}

// appAbove returns the outermost app bundle in which a file is, without the prefix of
// the staging folder; empty if it is in none.
func appAbove(name string) string {
	app, _, inApp := strings.Cut(probe.Unstaged(name), ".app/")
	if !inApp {
		return ""
	}
	return app + ".app"
}

// attemptedApps returns the apps whose kexts macOS tried to load, newest first. On
// macOS 11 and later every start of the Mac counts as an attempt, so several may have
// the same time.
func attemptedApps(policy *probe.Policy) []string {
	if policy == nil {
		return nil
	}
	records := slices.DeleteFunc(slices.Clone(policy.History), func(r probe.LoadRecord) bool { return !fromDesktop(r.TeamID, r.BundleID) })
	unusual := func(r probe.LoadRecord) int {
		if appAbove(r.Path) == probe.ParallelsApp {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(records, func(a, b probe.LoadRecord) int {
		if n := b.LastSeen.Compare(a.LastSeen); n != 0 {
			return n
		}
		return cmp.Compare(unusual(a), unusual(b))
	})
	var places []string
	for _, r := range records {
		places = append(places, appAbove(r.Path))
	}
	for _, row := range policy.Rows {
		if fromDesktop(row.TeamID, row.BundleID) && row.Pending == probe.Yes {
			places = append(places, path.Clean(row.AppPath))
		}
	}
	return slices.Compact(places)
}

// namedApps returns the apps that other facts name: the framework, the running
// programs, and earlier snapshots: an installer may be replacing the app.
func (p *Prober) namedApps(policy *probe.Policy) []string {
	var places []string
	if policy != nil {
		for _, row := range policy.Rows {
			if fromDesktop(row.TeamID, row.BundleID) {
				places = append(places, path.Clean(row.AppPath))
			}
		}
	}
	for _, program := range p.situation.programs.value.list {
		if name := program.name(); name == parallelsClient || name == parallelsService {
			places = append(places, appAbove(program.path))
		}
	}
	return append(places, p.app)
}

// appOfKexts returns the Parallels Desktop that contains one of the kexts. A kext in an
// app proves that one is installed, but the copy that macOS staged does not. Outside of an
// app, anything can claim to be a kext of Parallels.
func appOfKexts(kexts []probe.Kext) *probe.App {
	for _, k := range kexts {
		if app := appAbove(k.Path); app != "" && fromDesktop(k.TeamID, k.BundleID) && !k.Staged {
			return &probe.App{Product: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Path: app}
		}
	}
	return nil
}

// fromParallels reports whether a kext is one of any product of Parallels.
func fromParallels(teamID, bundleID string) bool {
	return teamID == probe.ParallelsTeamID && strings.HasPrefix(bundleID, "com.parallels.")
}

// fromDesktop reports whether a kext is one of Parallels Desktop.
func fromDesktop(teamID, bundleID string) bool {
	return teamID == probe.ParallelsTeamID && strings.HasPrefix(bundleID, probe.ParallelsKextPrefix)
}

// loadsDesktop reports whether a kext of Parallels Desktop is loaded. The list of loaded
// kexts has no teams.
func loadsDesktop(loaded probe.Loaded) bool {
	return slices.ContainsFunc(loaded.Kexts, func(k probe.LoadedKext) bool { return strings.HasPrefix(k.BundleID, probe.ParallelsKextPrefix) })
}

// parallelsGap returns the gap for a Parallels Desktop that cannot be read.
func parallelsGap(err error) probe.Gap {
	next := "Install Parallels Desktop again."
	switch {
	case errors.Is(err, root.ErrOutside):
		next = outsideNext
	case errors.Is(err, root.ErrLate):
		next = lateNext
	case errors.Is(err, fs.ErrPermission):
		next = "Let every user read the application and its folder."
	}
	return probe.NewGap(probe.FactParallels, err, next)
}
