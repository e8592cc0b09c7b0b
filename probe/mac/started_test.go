package mac_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// noteStarts makes every tool of a Mac note its name when it starts. It returns a
// function that returns the names noted since its last call, sorted.
func noteStarts(t *testing.T, m root.FS) (started func() string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "started")
	for _, folder := range []string{"bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"} {
		files, err := filepath.Glob(filepath.Join(m.Root, folder, "[^.]*"))
		mactest.NoError(t, err)
		for _, file := range files {
			name := filepath.Base(file)
			script, err := m.Resolve("/" + folder + "/" + name)
			mactest.NoError(t, err)
			first, rest, _ := strings.Cut(mactest.Content(script), "\n")
			if !strings.HasPrefix(first, "#!/bin/sh") {
				t.Fatalf("%s begins with %q", script, first)
			}
			mactest.WriteFile(t, script, first+`
name=`+name+`
case "$name $*" in *'--collection aux'*) name=kmutil-aux ;; spctl*) name=spctl-$2 ;; esac
echo $name >>'`+log+`'
`+rest)
		}
	}
	return func() string {
		names := strings.Fields(mactest.Content(log))
		mactest.WriteFile(t, log, "")
		slices.Sort(names)
		return strings.Join(names, " ")
	}
}

// Each tool starts at most once for a snapshot, the first one, which status takes, and
// every later one. While files change that change no answer, none starts. What cannot
// change in a boot is queried once in it, also when the user asks again. sysctl is
// queried then, too: when the clock is set, the time of the start moves with it. The list
// of teams that Recovery allows matters for HighPoint's kexts, which come with macOS: they
// are on the disk, and no row allows them.
func TestToolsThatStart(t *testing.T) {
	for version, c := range map[string]struct {
		parallels, first, fresh, attempt, blocked string
	}{
		"10.15.7": {
			"16.5.1", "csrutil kextstat profiles ps spctl-status sysctl",
			"id ioreg kextstat netstat osascript profiles ps sysctl systemextensionsctl",
			"kextstat ps",
			"id ioreg kextstat netstat spctl-list systemextensionsctl",
		},
		"13.7.2": {
			"18.3.4", "csrutil kmutil kmutil-aux prlctl profiles spctl-status sysctl",
			"id ioreg kmutil netstat osascript prlctl profiles ps sysctl systemextensionsctl",
			"kmutil prlctl",
			"id ioreg kmutil netstat ps spctl-list systemextensionsctl",
		},
	} {
		t.Run(version, func(t *testing.T) {
			sim, m := makeMac(t, simmac.Options{MacOS: version, Parallels: c.parallels})
			mactest.NoError(t, sim.AddVM(simmac.VM{Name: "W", Hypervisor: probe.ParallelsHypervisor}))
			mactest.NoError(t, sim.Attempt(simStart.Add(time.Hour)))
			mactest.NoError(t, sim.Allow(simStart.Add(time.Hour)))
			database := filepath.Join(m.Root, probe.KextPolicy)
			started, p, now := noteStarts(t, m), mac.NewPatientProber(m), simStart.Add(2*time.Hour)
			want := func(when, tools string, fresh bool) {
				t.Helper()
				now = now.Add(time.Second)
				p.Snapshot(t.Context(), now, mac.Options{Fresh: fresh})
				if got := started(); got != tools {
					t.Errorf("%s: started %q, want %q", when, got, tools)
				}
			}
			want("first snapshot", c.first, false)
			for range 50 {
				mactest.FillDatabase(t, database, `INSERT OR REPLACE INTO settings VALUES ('x', hex(randomblob(8)))`)
				want("another change", "", false)
			}
			now = now.Add(time.Minute) // the situation is older than a minute
			want("the user asks", c.fresh, true)
			mactest.FillDatabase(t, database, `UPDATE kext_load_history_v3 SET last_seen = '`+now.UTC().Format(time.DateTime)+`' WHERE team_id = '4C6364ACXT'`)
			want("an attempt", c.attempt, false)
			mactest.FillDatabase(t, database, `UPDATE kext_policy SET allowed = 0 WHERE team_id = '4C6364ACXT'`)
			want("blocked", c.blocked, false)
			for _, tools := range []string{c.first, c.fresh, c.attempt, c.blocked} {
				if names := strings.Fields(tools); len(slices.Compact(slices.Clone(names))) != len(names) {
					t.Errorf("one snapshot starts a tool twice: %q", tools)
				}
			}
		})
	}
}

// On Apple silicon three tools tell the facts about the start of the Mac: sysctl in the
// call that it starts anyway, and two of their own, once in a boot. That holds for a Mac
// in German, too.
func TestToolsThatStartOnAppleSilicon(t *testing.T) {
	sim, m := makeMac(t, simmac.Options{MacOS: "26.2", Parallels: "26.4.1", Arch: probe.AppleSilicon})
	started, p, now := noteStarts(t, m), mac.NewPatientProber(m), simStart.Add(2*time.Hour)
	want := func(when, tools string, fresh bool) probe.Snapshot {
		t.Helper()
		now = now.Add(2 * time.Minute)
		snap := p.Snapshot(t.Context(), now, mac.Options{Fresh: fresh})
		if got := started(); got != tools {
			t.Errorf("%s: started %q, want %q", when, got, tools)
		}
		return snap
	}
	want("first snapshot", "diskutil sysctl system_profiler", false)
	for range 3 {
		mactest.FillDatabase(t, filepath.Join(m.Root, probe.KextPolicy), `INSERT OR REPLACE INTO settings VALUES ('x', hex(randomblob(8)))`)
		want("another change", "", false)
	}
	want("the user asks", "sysctl systemextensionsctl", true)
	mactest.NoError(t, sim.SetBootPolicy(simmac.BootTranslated, now))
	if snap := want("another boot", "diskutil sysctl system_profiler systemextensionsctl", true); !probe.HasGap(snap.Gaps, probe.FactBootPolicy) {
		t.Errorf("gaps %+v", snap.Gaps)
	}
	want("nothing", "", false)
	if snap := want("the user asks again", "sysctl systemextensionsctl", true); !probe.HasGap(snap.Gaps, probe.FactBootPolicy) {
		t.Errorf("gaps %+v", snap.Gaps)
	}
}

// What starts where no kext of another vendor is known, or only a decision about one that
// is not installed: nothing beyond the facts about the Mac itself, and for a decision what
// tells whether macOS loads it. On Apple silicon, Parallels Desktop adds nothing.
func TestToolsThatStartOnIdleMacs(t *testing.T) {
	const (
		highPoint = `DELETE FROM kext_load_history_v3`
		leftOver  = `INSERT INTO kext_policy VALUES ('VB5E2TV963', 'org.virtualbox.kext.VBoxDrv', 0, 'Oracle America, Inc.', 4)`
		recorded  = `INSERT INTO kext_load_history_v3 (path, team_id, bundle_id, last_seen) VALUES ('/Library/Application Support/VirtualBox/VBoxDrv.kext', 'VB5E2TV963', 'org.virtualbox.kext.VBoxDrv', '2019-03-01 10:00:00')`
		profile   = `INSERT INTO kext_policy_mdm VALUES ('VB5E2TV963', NULL, 1, '0D1B8E22')`

		enforcement = "csrutil kmutil profiles spctl-list spctl-status sysctl"
		facts       = "kmutil osascript profiles sysctl" // queried again for a fresh snapshot
		situation   = "id ioreg kmutil netstat osascript profiles ps sysctl systemextensionsctl"
	)
	for name, c := range map[string]struct {
		options      simmac.Options
		rows         []string
		locked       bool // only the framework answers
		first, fresh string
	}{
		"Apple silicon, Parallels":                          {simmac.Options{Arch: probe.AppleSilicon, Parallels: "26.1.0"}, nil, false, "sysctl", "sysctl systemextensionsctl"},
		"Apple silicon, Parallels, the framework answers":   {simmac.Options{Arch: probe.AppleSilicon, Parallels: "26.1.0"}, nil, true, "osascript sysctl", "osascript sysctl systemextensionsctl"},
		"Apple silicon, nothing":                            {simmac.Options{Arch: probe.AppleSilicon}, nil, false, "sysctl", "sysctl systemextensionsctl"},
		"Apple silicon, rows of Parallels":                  {simmac.Options{Arch: probe.AppleSilicon, Parallels: "26.1.0"}, []string{mactest.BlockedRow}, false, "sysctl", "sysctl systemextensionsctl"},
		"Apple silicon, a row is left over":                 {simmac.Options{Arch: probe.AppleSilicon}, []string{leftOver}, false, enforcement, situation},
		"Apple silicon, a row is left over, with its load":  {simmac.Options{Arch: probe.AppleSilicon}, []string{leftOver, recorded}, false, enforcement, situation},
		"Apple silicon, a profile allows what is not there": {simmac.Options{Arch: probe.AppleSilicon}, []string{profile}, false, "csrutil kmutil profiles spctl-status sysctl", situation},
		"Intel, nothing":                                    {simmac.Options{}, nil, false, "sysctl", "id ioreg netstat osascript ps sysctl systemextensionsctl"},
		"Intel, a row is left over":                         {simmac.Options{}, []string{leftOver}, false, enforcement, situation},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.MacOS = "15.2"
			_, m := makeMac(t, c.options)
			mactest.FillDatabase(t, filepath.Join(m.Root, probe.KextPolicy), append([]string{highPoint}, c.rows...)...)
			if c.locked {
				mactest.WriteFile(t, filepath.Join(m.Root, probe.KextPolicy), "not a database")
				for _, name := range append(probe.KextPolicyFiles[:], probe.ParallelsApp+"/Contents/Info.plist") { // no change just now
					if err := os.Chtimes(filepath.Join(m.Root, name), simStart, simStart); err != nil && !root.NotExist(err) {
						t.Fatal(err)
					}
				}
			}
			started, p, now := noteStarts(t, m), mac.NewPatientProber(m), simStart.Add(2*time.Hour)
			want := func(when, tools string, fresh bool) {
				t.Helper()
				now = now.Add(2 * time.Minute)
				p.Snapshot(t.Context(), now, mac.Options{Fresh: fresh})
				if got := started(); got != tools {
					t.Errorf("%s: started %q, want %q", when, got, tools)
				}
			}
			first := strings.Fields(c.first)
			if c.options.Arch == probe.AppleSilicon { // the facts about its start
				first = append(first, "diskutil", "system_profiler")
				slices.Sort(first)
			}
			want("first snapshot", strings.Join(first, " "), false)
			want("nothing", "", false)
			want("the user asks", c.fresh, true)
			want("nothing", "", false)
			if in, planned := p.NextQuery(now); planned {
				t.Errorf("another query in %v", in)
			}
		})
	}
}
