package root

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"kextwatch/probe/mactest"
)

func TestReach(t *testing.T) {
	m := FS{Root: "/root", Home: "/root/Users/me"}
	for name, want := range map[string]struct{ reads, chosen bool }{
		"/Applications/Parallels Desktop.app/Contents/Info.plist": {true, true},
		"/Library/Extensions/x.kext":                              {true, true},
		"/Library/Filesystems/x.fs/Contents/Extensions/14/x.kext": {true, true},
		"/Library/Application Support/x/y.kext":                   {true, true},
		"/Library/StagedExtensions/Users/me/Downloads/x.kext":     {true, true},
		"/System/Library/CoreServices/SystemVersion.plist":        {true, true},
		"/System/Cryptexes/OS/System/Library":                     {true, true},
		"/System/Volumes/Preboot/Cryptexes/OS/System/Library":     {true, true},
		"/usr/local/bin/prlctl":                                   {true, true},
		"/opt/homebrew/x":                                         {true, true},
		"/private/var/db/SystemPolicyConfiguration/KextPolicy":    {true, true},
		"/Users/Shared/Parallels/a.pvm/config.pvs":                {true, true},
		"/Users/me/Parallels/a.pvm":                               {true, true},
		"/Users/me/Applications/x.app":                            {true, true},
		"/Users/me/Library/Preferences/x.plist":                   {true, true},
		"/applications/X.app":                                     {true, true},
		"/LIBRARY/Extensions/x.kext":                              {true, true},
		"/System/Volumes/Data/Applications/x.app":                 {true, true},
		"/SYSTEM/volumes/data/System/Volumes/Data/Library/x":      {true, true},
		"/":                           {true, true},
		"/Users":                      {true, true},
		"/Users/me/bin/hook.sh":       {false, true},
		"/Users/me/.config/x":         {false, true},
		"/Users/other/bin/x":          {false, true},
		"/Users/Shared/compat.json":   {false, true},
		"/private/tmp/x.kext":         {false, true},
		"/Users/other/Applications/x": {false, true},
		"/Users/me/Library/Scripts/x": {false, true},
		"/Users/me/Library/Application Support/x/y.kext":                {false, true},
		"/Applicationsx/x.app":                                          {false, true},
		"/Users/me/Desktop/x.kext":                                      {false, false},
		"/Users/ME/desktop/x.kext":                                      {false, false},
		"/Users/me/Documents/x":                                         {false, false},
		"/Users/other/Downloads/x.kext":                                 {false, false},
		"/System/Volumes/Data/Users/me/Desktop/x.kext":                  {false, false},
		"/system/volumes/DATA/users/me/DOWNLOADS/x.kext":                {false, false},
		"/System/Volumes/Data/System/Volumes/Data/Users/me/Documents/x": {false, false},
		"/Library/../Users/me/Desktop/x":                                {false, false},
		"/Users/me/Library/Mobile Documents/x":                          {false, false},
		"/Users/me/Library/CloudStorage/Drive/x":                        {false, false},
		"/Users/me/Library/Containers/x":                                {false, false},
		"/Users/me/.Trash/x.kext":                                       {false, false},
		"/Volumes/Stick/x.kext":                                         {false, false},
		"/volumes/Stick/x.kext":                                         {false, false},
		"/System/Volumes/Data/Volumes/x":                                {false, false},
		"/System/Volumes/Other/x":                                       {false, false},
		"/System/Volume\u017f/Data/Users/me/Desktop":                    {false, false}, // folds to Volumes
		"/Network/Servers/x":                                            {false, false},
		"/net/server/x":                                                 {false, false},
		"/home/me/x":                                                    {false, false},
		"/.vol/1/2":                                                     {false, false},
		"/.nofollow/Users/me/Desktop":                                   {false, false},
	} {
		if got := m.Reads(filepath.Clean(name)); got != want.reads {
			t.Errorf("%s: read %v, want %v", name, got, want.reads)
		}
		if err := m.Chosen(name); (err == nil) != want.chosen || err != nil && !errors.Is(err, ErrOutside) {
			t.Errorf("%s: chosen: %v, want %v", name, err, want.chosen)
		}
	}
	if err := m.Chosen("relative/path"); err == nil {
		t.Error("a relative path was accepted")
	}
	// A home outside /Users is protected like one in /Users.
	other := FS{Root: "/", Home: "/var/homes/me"}
	if other.Chosen("/var/homes/me/Desktop/x") == nil || other.Chosen("/var/homes/me/bin/x") != nil || !other.Reads("/var/homes/me/Parallels/a.pvm") {
		t.Error("a home outside /Users was treated as another folder")
	}
}

func TestReadChosen(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	m.Home = m.Root + "/Users/me"
	mactest.AddFile(t, m.Root, "/Users/Shared/compat.json", "{}")
	mactest.AddFile(t, m.Root, "/Users/me/Desktop/compat.json", "{}")
	mactest.AddLink(t, m.Root, "/Users/Shared/link.json", "/Users/me/Desktop/compat.json")
	if data, err := m.ReadChosen("/Users/Shared/compat.json", 10); err != nil || string(data) != "{}" {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := m.StatChosen("/Users/Shared/compat.json"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"/Users/me/Desktop/compat.json", "/Users/Shared/link.json"} {
		if _, err := m.ReadChosen(name, 10); !errors.Is(err, ErrOutside) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.StatChosen("/Users/Shared/missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// A copy in a Trash, in a backup, on another volume or in a translocation is not
// installed, and neither is what macOS staged from it.
func TestElsewhere(t *testing.T) {
	for name, want := range map[string]struct{ elsewhere, discarded bool }{
		"/Applications/Parallels Desktop.app":                                        {},
		"/Users/me/Applications/Parallels Desktop.app":                               {},
		"/Users/me/Documents/Trash/x.app":                                            {},
		"/Users/me/Volumes/x.app":                                                    {},
		"/Library/StagedExtensions/Applications/x.app":                               {},
		"/Users/me/.Trash/Parallels Desktop.app":                                     {true, true},
		"/Users/me/.trash/x.app":                                                     {true, true},
		"/Users/me/Library/Mobile Documents/com~apple~CloudDocs/.Trash/x.app":        {true, true},
		"/Volumes/Stick/.Trashes/501/x.app":                                          {true, true},
		"/.Trashes/501/x.app":                                                        {true, true},
		"/System/Volumes/Data/.Trashes/501/x.app":                                    {true, true},
		"/Volumes/Time Machine/Backups.backupdb/Mac/2019-10-01-120000/HD/x.app":      {true, true},
		"/Backups.backupdb/x.app":                                                    {true, true},
		"/.MobileBackups/Computer/2017-10-01-120000/Volume/Applications/x.app":       {true, true},
		"/Volumes/.timemachine/A-B-C/2026-05-01-120000.backup/x.app":                 {true, true},
		"/Library/StagedExtensions/Users/me/.Trash/x.app":                            {true, true},
		"/Volumes/Parallels Desktop 17/Parallels Desktop.app":                        {true, false},
		"/volumes/Parallels Desktop 17/x.app":                                        {true, false},
		"/System/Volumes/Data/Volumes/x/y.app":                                       {true, false},
		"/Library/StagedExtensions/Volumes/Parallels Desktop 17/x.app":               {true, false},
		"/System/Volumes/Data/Library/StagedExtensions/Volumes/x.app":                {true, false},
		"/private/var/folders/a/b/T/AppTranslocation/1F2E/d/Parallels Desktop.app":   {true, false},
		"/Library/StagedExtensions/private/var/folders/a/b/X/AppTranslocation/d/x.a": {true, false},
		"/Network/Applications/x.app":                                                {true, false},
		"/net/server/x.app":                                                          {true, false},
	} {
		if Elsewhere(name) != want.elsewhere || Discarded(name) != want.discarded {
			t.Errorf("%s: elsewhere %v, discarded %v; want %v", name, Elsewhere(name), Discarded(name), want)
		}
	}
}

func TestVolumeOf(t *testing.T) {
	for name, want := range map[string]string{
		"/Applications/Kextwatch.app":                              "",
		"/System/Volumes/Data/Users/ada":                           "",
		"/Volumes/Kextwatch 1.0/Kextwatch.app":                     "/volumes/kextwatch 1.0",
		"/volumes/KEXTWATCH 1.0":                                   "/volumes/kextwatch 1.0",
		"/Network/Servers/x/kextwatch":                             "/network/servers",
		"/net":                                                     "/net",
		"/Volumesmore/x":                                           "",
		"/Library/StagedExtensions/Volumes/Disk/x.kext":            "/volumes/disk",
		"/System/Volumes/Data/Volumes/../Volumes/Disk/kextwatch.x": "/volumes/disk",
	} {
		if got := VolumeOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !Translocated("/private/var/folders/x/T/AppTranslocation/1-2/d/Kextwatch.app/Contents/MacOS/kextwatch") || Translocated("/Applications/Kextwatch.app") {
		t.Error("Translocated does not recognize a translocated app, or takes another one for it")
	}
}
