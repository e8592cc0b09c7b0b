package mac_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// Every source of the policy must report the same for the same Mac. Facts that only
// some sources have (times, profiles, pending items) are left out.

// policySource is a source and a simulated Mac on which only this source answers.
type policySource struct {
	name  probe.SourceName
	alone func(t *testing.T, m simulated)
	spoil map[string]func(t *testing.T, m simulated) // an unusable answer
}

var policySources = []policySource{
	{
		name:  probe.Database,
		alone: func(t *testing.T, m simulated) { m.must(m.BreakTool("osascript", "none")) },
		spoil: map[string]func(t *testing.T, m simulated){
			"half":    func(t *testing.T, m simulated) { m.must(os.Truncate(m.database(), 6000)) },
			"empty":   func(t *testing.T, m simulated) { m.must(os.Truncate(m.database(), 0)) },
			"rubbish": func(t *testing.T, m simulated) { m.must(os.WriteFile(m.database(), []byte("rubbish"), 0o600)) },
			"gone":    func(t *testing.T, m simulated) { m.must(os.Remove(m.database())) },
		},
	},
	{
		name: probe.Reader,
		alone: func(t *testing.T, m simulated) {
			_, err := policy.Publish(t.Context(), root.FS{Root: m.dir}, simulatedAt.Add(time.Hour))
			m.must(err)
			m.must(os.Remove(m.database()))
			m.must(m.BreakTool("osascript", "none"))
		},
		spoil: map[string]func(t *testing.T, m simulated){
			"half":               func(t *testing.T, m simulated) { m.must(os.Truncate(m.published(), 200)) },
			"empty":              func(t *testing.T, m simulated) { m.must(os.Truncate(m.published(), 0)) },
			"rubbish":            func(t *testing.T, m simulated) { m.must(os.WriteFile(m.published(), []byte("rubbish"), 0o644)) },
			"gone":               func(t *testing.T, m simulated) { m.must(os.Remove(m.published())) },
			"writable by others": func(t *testing.T, m simulated) { m.must(os.Chmod(m.published(), 0o666)) },
		},
	},
	{
		name:  probe.Framework,
		alone: func(t *testing.T, m simulated) { m.must(os.Remove(m.database())) },
		spoil: map[string]func(t *testing.T, m simulated){
			"half":    spoiltTool("half"),
			"empty":   func(t *testing.T, m simulated) { m.must(os.WriteFile(m.answer(), nil, 0o644)) },
			"rubbish": spoiltTool("rubbish"),
			"gone":    spoiltTool("none"),
			"flood":   spoiltTool("flood"),
			"crash":   spoiltTool("crash"),
			"unsupported": func(t *testing.T, m simulated) {
				m.must(os.WriteFile(m.answer(), []byte(`{"protocol":1,"state":"unsupported"}`), 0o644))
			},
		},
	},
}

func spoiltTool(how string) func(t *testing.T, m simulated) {
	return func(t *testing.T, m simulated) { m.must(m.BreakTool("osascript", how)) }
}

type simulated struct {
	*simmac.Mac
	t   *testing.T
	dir string
}

var simulatedAt = time.Date(2026, 5, 6, 5, 0, 0, 0, time.UTC)

func newSimulated(t *testing.T, macOS, parallels string) simulated {
	t.Helper()
	dir := t.TempDir()
	m, err := simmac.New(dir, simmac.Options{MacOS: macOS, Parallels: parallels, Now: simulatedAt})
	if err != nil {
		t.Fatal(err)
	}
	return simulated{m, t, dir}
}

func (m simulated) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m simulated) database() string {
	return filepath.Join(m.dir, "private/var/db/SystemPolicyConfiguration/KextPolicy")
}

func (m simulated) published() string {
	return filepath.Join(m.dir, "Library/Application Support/io.kextwatch.agent/policy.plist")
}

func (m simulated) answer() string {
	return filepath.Join(m.dir, "private/var/db/kextwatch-sim/framework")
}

func (m simulated) snapshot(ctx context.Context) probe.Snapshot {
	return mac.NewProber(root.FS{Root: m.dir}).Snapshot(ctx, simulatedAt.Add(time.Hour), mac.Options{Fresh: true})
}

// rows returns the facts that every source has: blocked and allowed kexts.
func (m simulated) rows(source probe.SourceName) (rows []probe.PolicyRow) {
	m.t.Helper()
	snap := m.snapshot(m.t.Context())
	if snap.Policy == nil || snap.Policy.Source != source || snap.Policy.ReadAt.IsZero() {
		m.t.Fatalf("%+v, %+v", snap.Policy, snap.Sources)
	}
	for _, row := range snap.Policy.Rows {
		rows = append(rows, probe.PolicyRow{TeamID: row.TeamID, BundleID: row.BundleID, Allowed: row.Allowed, Developer: row.Developer})
	}
	slices.SortFunc(rows, func(a, b probe.PolicyRow) int {
		return slices.Compare([]string{a.TeamID, a.BundleID}, []string{b.TeamID, b.BundleID})
	})
	return rows
}

func parallelsRows(allowed bool) (rows []probe.PolicyRow) {
	for _, name := range []string{"hypervisor", "netbridge", "usbconnect", "vnic"} {
		rows = append(rows, probe.PolicyRow{
			TeamID: "4C6364ACXT", BundleID: "com.parallels.kext." + name, Allowed: allowed, Developer: "Parallels International GmbH",
		})
	}
	return rows
}

func TestSourcesReportTheSame(t *testing.T) {
	t.Parallel()
	at := simulatedAt
	macs := map[string]struct {
		macOS, parallels string
		happens          func(m simulated)
		want             []probe.PolicyRow
	}{
		"10.13, nothing tried": {"10.13.6", "13.3.2", func(simulated) {}, nil},
		"10.14, blocked":       {"10.14.6", "14.1.3", func(m simulated) { m.must(m.Attempt(at)) }, parallelsRows(false)},
		"10.15, one of four blocked": {"10.15.7", "16.5.1", func(m simulated) { m.must(m.AttemptKext("com.parallels.kext.vnic", at)) },
			parallelsRows(false)[3:]},
		"10.15, allowed": {"10.15.7", "16.5.1", func(m simulated) {
			m.must(m.Attempt(at))
			m.must(m.Allow(at))
		}, parallelsRows(true)},
		"11, allowed and loaded": {"11.7.10", "17.1.7", func(m simulated) {
			m.must(m.Attempt(at))
			m.must(m.Allow(at))
			m.must(m.Restart(at))
			m.must(m.Load(at))
		}, parallelsRows(true)},
		"12, an update waits": {"12.7.6", "17.1.4", func(m simulated) {
			m.must(m.Attempt(at))
			m.must(m.Allow(at))
			m.must(m.UpdateParallels("18.1.1", at))
			m.must(m.Attempt(at))
		}, parallelsRows(true)},
		"26, uninstalled, rows left": {"26.2", "26.4.1", func(m simulated) {
			m.must(m.Attempt(at))
			m.must(m.RemoveParallels())
			m.must(m.Restart(at))
		}, parallelsRows(false)},
		"15, without Parallels": {"15.2", "", func(simulated) {}, nil},
	}
	for _, source := range policySources {
		for name, tt := range macs {
			t.Run(string(source.name)+"/"+name, func(t *testing.T) {
				m := newSimulated(t, tt.macOS, tt.parallels)
				tt.happens(m)
				source.alone(t, m)
				if got := m.rows(source.name); !slices.Equal(got, tt.want) {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
			})
		}
	}
}

func TestDamagedSourceHasNoPolicy(t *testing.T) {
	for _, source := range policySources {
		for name, spoil := range source.spoil {
			t.Run(string(source.name)+"/"+name, func(t *testing.T) {
				m := newSimulated(t, "10.15.7", "16.5.1")
				m.must(m.Attempt(simulatedAt))
				source.alone(t, m)
				spoil(t, m)
				snap := m.snapshot(t.Context())
				i := slices.IndexFunc(snap.Sources, func(s probe.Source) bool { return s.Name == source.name })
				if snap.Policy != nil || i < 0 {
					t.Fatalf("%+v, %+v", snap.Policy, snap.Sources)
				}
				if s := snap.Sources[i]; s.State == probe.OK || s.Reason == "" || s.Next == "" {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

func TestSourcesEndWithTheirContext(t *testing.T) {
	for _, source := range policySources {
		if source.name == probe.Reader {
			continue // reads one small file, which takes no time
		}
		t.Run(string(source.name), func(t *testing.T) {
			m := newSimulated(t, "10.15.7", "16.5.1")
			source.alone(t, m)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if snap := m.snapshot(ctx); snap.Policy != nil {
				t.Errorf("%+v", snap.Policy)
			}
		})
	}
}
