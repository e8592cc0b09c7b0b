package mac

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// Published contents of these files on real Macs.
const (
	historyHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<array>
`
	historyTail = "</array>\n</plist>\n"
	sequoia     = `<dict><key>date</key><date>2025-07-25T13:09:46Z</date><key>displayName</key><string>macOS 15.5</string><key>displayVersion</key><string>15.5</string><key>processName</key><string>softwareupdated</string></dict>`
	xprotect    = `<dict><key>contentType</key><string>config-data</string><key>date</key><date>2025-07-30T15:24:26Z</date><key>displayName</key><string>XProtectPlistConfigData</string><key>displayVersion</key><string>5308</string><key>packageIdentifiers</key><array><string>com.apple.pkg.XProtectPlistConfigData_10_15.16U4380</string></array><key>processName</key><string>softwareupdated</string></dict>`
	safari      = `<dict><key>date</key><date>2025-09-30T08:00:00Z</date><key>displayName</key><string>Safari</string><key>displayVersion</key><string>26.0.1</string><key>packageIdentifiers</key><array><string>com.apple.pkg.Safari26.0.1SequoiaAuto</string></array><key>processName</key><string>softwareupdated</string></dict>`
	mavericks   = `<dict><key>date</key><date>2013-10-23T10:00:00Z</date><key>displayName</key><string>OS X</string><key>displayVersion</key><string>10.9 (13A603)</string><key>packageIdentifiers</key><array><string>com.apple.pkg.BaseSystemBinaries</string></array><key>processName</key><string>OS X Installer</string></dict>`
	mojave      = `<dict><key>date</key><date>2019-07-23T10:00:00Z</date><key>displayName</key><string>macOS 10.14.6 Update</string><key>displayVersion</key><string> </string><key>packageIdentifiers</key><array><string>com.apple.pkg.update.os.10.14.6</string></array><key>processName</key><string>Software Update</string></dict>`
	incompat    = `<dict><key>contentType</key><string>config-data</string><key>date</key><date>2013-10-23T11:00:00Z</date><key>displayName</key><string>Incompatible Kernel Extension Configuration Data</string><key>displayVersion</key><string>3.9</string><key>processName</key><string>softwareupdated</string></dict>`
	downloaded  = `<dict><key>date</key><date>2025-09-16T10:00:00Z</date><key>displayName</key><string>macOS Tahoe</string><key>displayVersion</key><string>26.0</string><key>packageIdentifiers</key><array><string>com.apple.pkg.InstallAssistant.macOSTahoe</string></array><key>processName</key><string>softwareupdated</string></dict>`
	server      = `<dict><key>date</key><date>2019-01-01T10:00:00Z</date><key>displayName</key><string>macOS Server</string><key>displayVersion</key><string>5.7</string><key>processName</key><string>storeagent</string></dict>`
	sierra      = `<dict><key>date</key><date>2017-07-25T04:26:10Z</date><key>displayName</key><string>macOS Sierra Update</string><key>displayVersion</key><string>10.12.6</string><key>packageIdentifiers</key><array><string>com.apple.pkg.update.os.10.12.6Patch.16G29</string><string>com.apple.pkg.FirmwareUpdate</string></array><key>processName</key><string>softwareupdated</string></dict>`
	printer     = `<dict><key>date</key><date>2019-01-01T10:00:00Z</date><key>displayName</key><string>macOS 12 printer driver</string><key>displayVersion</key><string>12.1</string><key>processName</key><string>Installer</string></dict>`
)

var updatesAt = time.Date(2026, 7, 1, 21, 0, 0, 0, time.UTC)

func TestInstallations(t *testing.T) {
	at := func(value string) time.Time {
		when, err := time.Parse(time.RFC3339, value)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	mac15 := probe.Installation{At: at("2025-07-25T13:09:46Z"), Name: "macOS 15.5", Version: "15.5"}
	mac14 := probe.Installation{At: at("2019-07-23T10:00:00Z"), Name: "macOS 10.14.6 Update", Version: "10.14.6"}
	mac9 := probe.Installation{At: at("2013-10-23T10:00:00Z"), Name: "OS X", Version: "10.9"}
	later := strings.ReplaceAll(sequoia, "2025-07-25", "2027-07-25")
	many := strings.Repeat(sequoia, installationLimit) + mojave
	for name, c := range map[string]struct {
		entries string
		want    []probe.Installation
	}{
		"all": {xprotect + sequoia + safari + mavericks + mojave + incompat + downloaded + server + printer, []probe.Installation{mac9, mac14, mac15}},
		"French": {strings.Replace(strings.Replace(mojave, "macOS 10.14.6 Update", "Mise à jour macOS 10.14.6", 1), "com.apple.pkg.update.os.10.14.6", "com.example", 1),
			[]probe.Installation{{At: mac14.At, Name: "Mise à jour macOS 10.14.6", Version: "10.14.6"}}},
		"by its package": {strings.Replace(strings.Replace(mojave, "macOS 10.14.6 Update", "Обновление", 1), "Software Update", "Программа", 1),
			[]probe.Installation{{At: mac14.At, Name: "Обновление", Version: "10.14.6"}}},
		"a capture":         {sierra, []probe.Installation{{At: at("2017-07-25T04:26:10Z"), Name: "macOS Sierra Update", Version: "10.12.6"}}},
		"supplemental":      {strings.ReplaceAll(strings.Replace(sierra, "<string>10.12.6</string>", "<string> </string>", 1), "10.12.6Patch.16G29", "10.13.1Supplemental.17B1003"), []probe.Installation{{At: at("2017-07-25T04:26:10Z"), Name: "macOS Sierra Update", Version: "10.13.1"}}},
		"tools for a macOS": {strings.ReplaceAll(safari, "<string>Safari</string>", "<string>Command Line Tools (macOS Mojave version 10.14) for Xcode</string>"), nil},
		"none":              {xprotect + safari, nil},
		"data about macOS":  {strings.Replace(sequoia, "<dict>", "<dict><key>contentType</key><string>config-data</string>", 1), nil},
		"empty":             {"", nil},
		"not yet":           {later + sequoia, []probe.Installation{mac15}},
		"more than needed":  {many, slices.Repeat([]probe.Installation{mac15}, installationLimit)},
		"hostile name":      {strings.ReplaceAll(sequoia, "macOS 15.5", "macOS 15.5 &#x202e;x"), []probe.Installation{{At: mac15.At, Name: "macOS 15.5 x", Version: "15.5"}}},
		"no date":           {strings.Replace(sequoia, "<key>date</key><date>2025-07-25T13:09:46Z</date>", "", 1), nil},
		"no version at all": {strings.ReplaceAll(sequoia, "15.5", ""), nil},
		"a long history":    {strings.Repeat(xprotect+"\n", 3500) + sequoia, []probe.Installation{mac15}},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			mactest.AddFile(t, m.Root, probe.InstallHistory, historyHead+c.entries+historyTail)
			got, err := readInstallHistory(m, updatesAt)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	oddDate := strings.Replace(mojave, "<date>2019-07-23T10:00:00Z</date>", "<string>yesterday</string>", 1)
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, probe.InstallHistory, historyHead+oddDate+sequoia+"<string>macOS 15.6</string>"+historyTail)
	if got, err := readInstallHistory(m, updatesAt); !slices.Equal(got, []probe.Installation{mac15}) || !errors.Is(err, root.ErrOtherType) {
		t.Errorf("values of another type: %+v, %v", got, err)
	}
	for name, data := range map[string]string{
		"rubbish":       "\x00\xff",
		"half":          historyHead + sequoia,
		"no array":      historyHead[:strings.Index(historyHead, "<array>")] + "<dict/></plist>",
		"date in words": historyHead + strings.Replace(sequoia, "<date>2025-07-25T13:09:46Z</date>", "<string>yesterday</string>", 1) + historyTail,
		"endless":       historyHead + strings.Repeat(" ", historyLimit) + historyTail,
		"a bomb":        historyHead + strings.Repeat("<true/>", 200_000) + historyTail,
	} {
		m := root.FS{Root: mactest.Root(t)}
		mactest.AddFile(t, m.Root, probe.InstallHistory, data)
		if got, err := readInstallHistory(m, updatesAt); err == nil || got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOffers(t *testing.T) {
	update := func(name, version, key string) map[string]any {
		return map[string]any{"Display Name": name, "Display Version": version, "Product Key": key, "Identifier": name + "-" + version}
	}
	named := func(name, version, identifier string) map[string]any {
		return map[string]any{"Display Name": name, "Display Version": version, "Product Key": "001-51042", "Identifier": identifier}
	}
	for name, c := range map[string]struct {
		updates []map[string]any
		want    []probe.Offer
	}{
		"of 12 and later": {[]map[string]any{update("macOS Ventura 13.6.9", "13.6.9", "MSU_UPDATE_22G830_patch_13.6.9_minor"), update("macOS Sonoma 14.6.1", "14.6.1", "MSU_UPDATE_23G93_patch_14.6.1_major")},
			[]probe.Offer{{Name: "macOS Ventura 13.6.9", Version: "13.6.9", Build: "22G830"}, {Name: "macOS Sonoma 14.6.1", Version: "14.6.1", Build: "23G93"}}},
		"without a size":    {[]map[string]any{update("macOS 12.5", "", "MSU_UPDATE_21G72_patch_12.5")}, []probe.Offer{{Name: "macOS 12.5", Version: "12.5", Build: "21G72"}}},
		"of old":            {[]map[string]any{update("macOS Catalina 10.15.7 Update", " ", "041-12345")}, []probe.Offer{{Name: "macOS Catalina 10.15.7 Update", Version: "10.15.7"}}},
		"the upgrade of 11": {[]map[string]any{update("macOS Big Sur", "11.2", "071-05432")}, []probe.Offer{{Name: "macOS Big Sur", Version: "11.2"}}},
		"no name":           {[]map[string]any{update("", "", "MSU_UPDATE_22G830_patch_13.6.9_minor")}, []probe.Offer{{Name: "macOS 13.6.9", Version: "13.6.9", Build: "22G830"}}},
		"French":            {[]map[string]any{named("Mise à jour macOS Catalina 10.15.7", " ", "macOS Catalina")}, []probe.Offer{{Name: "Mise à jour macOS Catalina 10.15.7", Version: "10.15.7"}}},
		"Swedish":           {[]map[string]any{named("macOS Catalina 10.15.7-uppdatering", " ", "")}, []probe.Offer{{Name: "macOS Catalina 10.15.7-uppdatering", Version: "10.15.7"}}}, // invented
		"Japanese":          {[]map[string]any{named("macOS Catalina 10.15.7アップデート", "", "")}, []probe.Offer{{Name: "macOS Catalina 10.15.7アップデート", Version: "10.15.7"}}},              // invented
		"Chinese":           {[]map[string]any{named("更新macOS Catalina 10.15.7", "", "")}, []probe.Offer{{Name: "更新macOS Catalina 10.15.7", Version: "10.15.7"}}},                      // invented
		"version in the ID": {[]map[string]any{named("Обновление", " ", "macOS Catalina 10.15.7 Update")}, []probe.Offer{{Name: "Обновление", Version: "10.15.7"}}},                    // invented
		"an upgrade":        {[]map[string]any{named("Mise à niveau vers macOS Big Sur", "11.2", "")}, []probe.Offer{{Name: "Mise à niveau vers macOS Big Sur", Version: "11.2"}}},     // invented
		"about macOS": {[]map[string]any{named("Command Line Tools (macOS Mojave version 10.14) for Xcode", "10.1", "Command Line Tools (macOS Mojave version 10.14) for Xcode"),
			named("Outils macOSX 10.14", "10.14", ""), named("Mise à jour de sécurité 2020-12 macOS Mojave", " ", "")}, nil},
		"other things": {[]map[string]any{update("Safari", "26.0.1", "042-1"), update("Command Line Tools for Xcode", "26.0", "042-2"), update("Security Update 2021-002", "10.14.6", "042-3"),
			update("XProtectPlistConfigData", "5308", "042-4"), update("macOS Installer Notification", "2.0", "042-5"), {}}, nil},
		"hostile":  {[]map[string]any{update("macOS \u202eEvil 99.1", "", "MSU_UPDATE_22G830_patch_$(id)_minor")}, []probe.Offer{{Name: "macOS Evil 99.1", Version: "99.1"}}},
		"too many": {slices.Repeat([]map[string]any{update("macOS 15.2", "15.2", "1")}, offerLimit+5), slices.Repeat([]probe.Offer{{Name: "macOS 15.2", Version: "15.2"}}, offerLimit)},
		"none":     {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			addPlist(t, m, probe.SoftwareUpdateSettings, map[string]any{"LastUpdatesAvailable": len(c.updates), "RecommendedUpdates": c.updates})
			got, err := readOffers(m)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestOffersOfAnotherType(t *testing.T) {
	offer := map[string]any{"Display Name": "macOS 12.5", "Display Version": 12.5, "Product Key": "1"}
	for name, c := range map[string]struct {
		updates any
		want    []probe.Offer
		err     string
	}{
		"a number as version": {[]any{offer}, []probe.Offer{{Name: "macOS 12.5", Version: "12.5"}}, ""},
		"a text as update":    {[]any{"macOS 12.4", offer}, []probe.Offer{{Name: "macOS 12.5", Version: "12.5"}}, "RecommendedUpdates has another type"},
		"a text as list":      {"macOS 12.4", nil, "RecommendedUpdates has another type"},
	} {
		m := root.FS{Root: mactest.Root(t)}
		addPlist(t, m, probe.SoftwareUpdateSettings, map[string]any{"RecommendedUpdates": c.updates})
		got, err := readOffers(m)
		wantError(t, err, c.err)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if u, gaps := updatesIn(m, updatesAt); u.OffersRead != (c.err == "") || (len(gaps) > 0) != (c.err != "") {
			t.Errorf("%s: read %v, %v", name, u.OffersRead, gaps)
		}
	}
}

func TestSwitches(t *testing.T) {
	type keys = map[string]any
	all := func(value any) keys {
		return keys{"AutomaticCheckEnabled": value, "AutomaticDownload": value, "AutomaticallyInstallMacOSUpdates": value}
	}
	for name, c := range map[string]struct {
		user, managed           keys
		check, download, update probe.Answer
	}{
		"on":                  {all(true), nil, probe.Yes, probe.Yes, probe.Yes},
		"off":                 {all(false), nil, probe.No, probe.No, probe.No},
		"as numbers":          {all(1), nil, probe.Yes, probe.Yes, probe.Yes},
		"as macOS likes":      {keys{"AutomaticCheckEnabled": true}, nil, probe.Yes, "", ""},
		"nothing there":       {nil, nil, "", "", ""},
		"a profile wins":      {all(true), keys{"AutomaticallyInstallMacOSUpdates": false}, probe.Yes, probe.Yes, probe.No},
		"a profile alone":     {nil, all(false), probe.No, probe.No, probe.No},
		"neither yes nor no":  {all("maybe"), nil, "", "", ""},
		"a number of neither": {all(2), nil, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			if c.user != nil {
				addPlist(t, m, probe.SoftwareUpdateSettings, c.user)
			}
			if c.managed != nil {
				addPlist(t, m, probe.ManagedSoftwareUpdateSettings, c.managed)
			}
			got, gaps := updatesIn(m, updatesAt)
			wantGaps(t, gaps, "")
			if got.Check != c.check || got.Download != c.download || got.Install != c.update {
				t.Errorf("check %v, download %v, install %v; want %v, %v, %v", got.Check, got.Download, got.Install, c.check, c.download, c.update)
			}
		})
	}
	m := root.FS{Root: mactest.Root(t)}
	addPlist(t, m, probe.SoftwareUpdateSettings, all(true))
	mactest.AddFile(t, m.Root, probe.ManagedSoftwareUpdateSettings, "rubbish")
	got, gaps := updatesIn(m, updatesAt)
	wantGaps(t, gaps, "automatic updates")
	if got.Install != "" {
		t.Errorf("who knows what the profile forces: %+v", got)
	}
}

func TestBackup(t *testing.T) {
	day := func(n int) time.Time { return updatesAt.AddDate(0, 0, n) }
	disk := func(dates ...time.Time) map[string]any {
		return map[string]any{"DestinationID": "x", "BackupAlias": []byte("alias"), "SnapshotDates": dates}
	}
	for name, c := range map[string]struct {
		settings any
		want     probe.Backup
		gaps     string
	}{
		"two disks":         {map[string]any{"AutoBackup": true, "Destinations": []any{disk(day(-9), day(-2)), disk(day(-30))}}, probe.Backup{On: probe.Yes, Last: day(-2)}, ""},
		"none yet":          {map[string]any{"AutoBackup": true, "Destinations": []any{disk()}}, probe.Backup{On: probe.Yes}, ""},
		"by hand only":      {map[string]any{"AutoBackup": false, "Destinations": []any{disk(day(-9))}}, probe.Backup{On: probe.No, Last: day(-9)}, ""},
		"no disk":           {map[string]any{"AutoBackup": true}, probe.Backup{On: probe.No}, ""},
		"one odd date":      {map[string]any{"AutoBackup": true, "Destinations": []any{map[string]any{"SnapshotDates": []any{day(-9), "now"}}}}, probe.Backup{On: probe.Yes, Last: day(-9)}, "time machine"},
		"disks as text":     {map[string]any{"AutoBackup": true, "Destinations": "disk"}, probe.Backup{}, "time machine"},
		"off, odd disks":    {map[string]any{"AutoBackup": false, "Destinations": "disk"}, probe.Backup{On: probe.No}, "time machine"},
		"not set up":        {map[string]any{"PreferencesVersion": 6}, probe.Backup{}, ""},
		"one in the future": {map[string]any{"AutoBackup": 1, "Destinations": []any{disk(day(-9), day(1))}}, probe.Backup{On: probe.Yes, Last: day(-9)}, ""},
		"absent":            {nil, probe.Backup{}, ""},
		"damaged":           {"rubbish", probe.Backup{}, "time machine"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			switch c.settings.(type) {
			case nil:
			case string:
				mactest.AddFile(t, m.Root, probe.TimeMachineSettings, "rubbish")
			default:
				addPlist(t, m, probe.TimeMachineSettings, c.settings)
			}
			got, gaps := updatesIn(m, updatesAt)
			wantGaps(t, gaps, c.gaps)
			if got.Backup != c.want {
				t.Errorf("backup %+v, want %+v", got.Backup, c.want)
			}
		})
	}
}

// Each file in turn is damaged or a pipe. The other files are still read.
func TestUpdatesWithOneDamagedFile(t *testing.T) {
	for file, sources := range map[string]string{
		probe.InstallHistory:                "update history",
		probe.SoftwareUpdateSettings:        "software update, automatic updates",
		probe.ManagedSoftwareUpdateSettings: "automatic updates",
		probe.TimeMachineSettings:           "time machine",
	} {
		m := root.FS{Root: mactest.Root(t)}
		for _, other := range updateFiles {
			switch other {
			case file:
				if err := os.MkdirAll(filepath.Join(m.Root, file), 0o755); err != nil {
					t.Fatal(err)
				}
			case probe.InstallHistory:
				mactest.AddFile(t, m.Root, other, historyHead+sequoia+historyTail)
			default:
				addPlist(t, m, other, map[string]any{"AutoBackup": true})
			}
		}
		_, gaps := updatesIn(m, updatesAt)
		wantGaps(t, gaps, sources)
	}
}

func TestUpdatesReadOnlyAfterChange(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddFile(t, m.Root, probe.InstallHistory, historyHead+sequoia+historyTail)
	prober := NewProber(m)
	look := func(fresh bool) int {
		snap := prober.whole(t.Context(), updatesAt, Options{Fresh: fresh}, probe.Snapshot{}, prober.readUpdates)
		wantGaps(t, snap.Gaps, "")
		return len(snap.Updates.Installed)
	}
	if n := look(false); n != 1 {
		t.Fatalf("%d installations", n)
	}
	prober.updates.value.Installed = nil // what is remembered shows that it is used
	if n := look(false); n != 0 {
		t.Errorf("read again although nothing changed: %d installations", n)
	}
	if n := look(true); n != 1 {
		t.Errorf("queried afresh: %d installations", n)
	}
	prober.updates.value.Installed = nil
	mactest.AddFile(t, m.Root, probe.InstallHistory, historyHead+mojave+sequoia+historyTail)
	if n := look(false); n != 2 {
		t.Errorf("the file changed: %d installations", n)
	}
}

func FuzzUpdates(f *testing.F) {
	f.Add([]byte(historyHead + xprotect + sequoia + historyTail))
	for _, value := range []any{
		map[string]any{"RecommendedUpdates": []any{map[string]any{"Display Name": "macOS Catalina 10.15.7 Update", "Product Key": "MSU_UPDATE_22G830_patch_13.6.9_minor"}}, "AutomaticDownload": true},
		map[string]any{"AutoBackup": true, "Destinations": []any{map[string]any{"SnapshotDates": []any{updatesAt}}}},
	} {
		for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
			data, err := plist.Marshal(value, format)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	m := root.FS{Root: mactest.Root(f)}
	hostile.FuzzReaders(f, len(updateFiles), func(t *testing.T, data []byte) {
		for _, name := range updateFiles {
			mactest.AddFile(t, m.Root, name, string(data))
		}
		got, gaps := updatesIn(m, updatesAt)
		if len(got.Installed) > installationLimit || len(got.Offered) > offerLimit || got.Backup.Last.After(updatesAt) {
			t.Errorf("got %+v, want at most %d installations and %d offers, and no backup in the future", got, installationLimit, offerLimit)
		}
		for _, i := range got.Installed {
			if i.At.After(updatesAt) || i.Version == "" || i.Name != probe.Printable(i.Name) {
				t.Errorf("installation %+v, want a version, a clean name and a time in the past", i)
			}
		}
		for _, o := range got.Offered {
			if o.Version == "" || o.Name != probe.Printable(o.Name) {
				t.Errorf("offer %+v, want a version and a clean name", o)
			}
		}
		if len(gaps) > 0 && reflect.DeepEqual(gaps[0], probe.Gap{}) {
			t.Error("a gap without a reason")
		}
	})
}

func BenchmarkUpdates(b *testing.B) {
	m := root.FS{Root: mactest.Root(b)}
	mactest.AddFile(b, m.Root, probe.InstallHistory, historyHead+strings.Repeat(fmt.Sprintln(xprotect), 1500)+sequoia+historyTail)
	for b.Loop() {
		if _, gaps := updatesIn(m, updatesAt); len(gaps) > 0 {
			b.Fatal(gaps)
		}
	}
}
