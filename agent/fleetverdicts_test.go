package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/agent/fleet"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// whole is the status of a Mac on which every fact is known.
func whole(verdict approval.Verdict) approval.Status {
	at := time.Now().Truncate(time.Second)
	st := approval.Status{
		At: at, Verdict: verdict, Source: probe.Database,
		Mac: probe.Mac{OS: probe.OSVersion{Version: "13.7.2", Build: "22H313"}, Arch: probe.Intel, BootSession: "B00C"},
		Products: []approval.Product{{
			ID: "4C6364ACXT com.parallels.kext.", Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID, Verdict: verdict,
			App: &probe.App{TeamID: probe.ParallelsTeamID, Version: "18.3.4"},
		}},
		Facts: probe.Snapshot{Policy: &probe.Policy{Source: probe.Database}, Loaded: probe.Loaded{Known: true}},
	}
	if verdict == approval.BlockedOpen {
		st.Products[0].Window = &approval.Window{ClosesAt: at.Add(25 * time.Minute), Left: 25 * time.Minute}
	}
	return st
}

// addState writes a Mac's file for fleet tools.
func addState(t *testing.T, mac string, uid int, state fleet.State, written time.Time) {
	t.Helper()
	data, err := state.File("1.2", written)
	mactest.NoError(t, err)
	mactest.AddFile(t, mac, fmt.Sprintf("%s/%d/%s", probe.FleetStates, uid, probe.FleetState), string(data))
}

// rowsOf returns the rows of all queries on a Mac: "query product".
func rowsOf(t *testing.T, mac string) []string {
	t.Helper()
	db, err := plistTable(mac)
	mactest.NoError(t, err)
	defer db.Close()
	var all []string
	for _, q := range fleet.Queries() {
		rows, err := queryRows(db, q.SQL)
		mactest.NoError(t, err)
		for _, row := range rows {
			all = append(all, strings.TrimSpace(strings.TrimPrefix(q.Name, "kextwatch_")+" "+row["product"]))
		}
	}
	return all
}

// Each tool gets the right value for each verdict: the line of Jamf, the keys of Munki,
// the queries of osquery that have a row. Nothing but a certain verdict that asks nothing
// looks well in any of them.
func TestFleetValuesOfEachVerdict(t *testing.T) {
	const p = "Parallels Desktop"
	told := map[approval.Verdict]struct {
		jamf    string
		munki   []string // the lists of Munki that have the product
		osquery []string // the queries that have it
	}{
		approval.BlockedOpen:    {"blocked-open: " + p, []string{"blocked"}, []string{"blocked"}},
		approval.Managed:        {"managed: " + p, []string{"blocked"}, []string{"blocked"}},
		approval.NeedsRecovery:  {"needs-recovery: " + p, []string{"blocked", "needs_recovery"}, []string{"blocked", "needs_recovery"}},
		approval.CannotLoad:     {"cannot-load: " + p, nil, []string{"does_not_load"}},
		approval.BlockedUnknown: {"blocked-unknown: " + p, []string{"blocked"}, []string{"blocked"}},
		approval.BlockedClosed:  {"blocked-closed: " + p, []string{"blocked"}, []string{"blocked"}},
		approval.UpgradePending: {"upgrade-pending: " + p, []string{"needs_restart"}, []string{"needs_restart"}},
		approval.LoadFailing:    {"load-failing: " + p, nil, []string{"does_not_load"}},
		approval.RestartPending: {"restart-pending: " + p, []string{"needs_restart"}, []string{"needs_restart"}},
		approval.Incompatible:   {"incompatible: " + p, nil, []string{"does_not_load"}},
		approval.Unknown:        {"unknown: policy", []string{"unknown"}, []string{"unknown"}},
		approval.NotAsked:       {"ok: not-asked", nil, nil},
		approval.Approved:       {"ok: approved", nil, nil},
		approval.NotNeeded:      {"ok: not-needed", nil, nil},
		approval.NotInstalled:   {"ok: not-installed", nil, nil},
	}
	for _, v := range approval.Verdicts {
		want, known := told[v]
		if !known {
			t.Errorf("%s is not in the table", v)
		}
		state := fleet.New(whole(v))
		if got := fleet.JamfResult(state.Line()); got != "<result>"+want.jamf+"</result>" {
			t.Errorf("%s: Jamf gets %q, want %q", v, got, want.jamf)
		}
		keys := throughMunki(t, state.MunkiKeys())
		answer := map[bool]string{true: "ok", false: "action"}[strings.HasPrefix(want.jamf, "ok: ")]
		if v == approval.Unknown {
			answer = "unknown"
		}
		if keys["kextwatch_answer"] != answer || keys["kextwatch_verdict"] != string(v) || keys["kextwatch_summary"] != want.jamf {
			t.Errorf("%s: Munki gets %v, want the answer %s", v, keys, answer)
		}
		for _, list := range []string{"blocked", "needs_restart", "needs_recovery", "unknown"} {
			has := fmt.Sprint(keys["kextwatch_"+list]) == "["+p+"]"
			if has != slices.Contains(want.munki, list) {
				t.Errorf("%s: Munki's %s is %v", v, list, keys["kextwatch_"+list])
			}
		}
		mac := mactest.Root(t)
		addState(t, mac, 501, state, time.Now())
		var rows []string
		for _, query := range want.osquery {
			rows = append(rows, strings.TrimSpace(query+" "+map[bool]string{true: p}[query != "unknown"]))
		}
		if got := rowsOf(t, mac); !slices.Equal(got, rows) {
			t.Errorf("%s: osquery has %q, want %q", v, got, rows)
		}
	}
}

// throughMunki returns what Munki reads after our keys were added.
func throughMunki(t *testing.T, keys map[string]any) map[string]any {
	t.Helper()
	data, err := withMunkiKeys(nil, keys)
	mactest.NoError(t, err)
	var read map[string]any
	_, err = plist.Unmarshal(data, &read)
	mactest.NoError(t, err)
	return read
}

// Parallels is approved, and too old for the macOS that is offered.
func TestTooOldForTheOfferedMacOS(t *testing.T) {
	st := whole(approval.Approved)
	st.Facts.Updates = probe.Updates{OffersRead: true, Offered: []probe.Offer{{Name: "macOS Tahoe", Version: "26.1"}}}
	st.Products[0].Made = &approval.Row{Major: 18, MaxMacOS: "13"}
	mac, state := mactest.Root(t), fleet.New(st)
	addState(t, mac, 501, state, time.Now())
	if got := rowsOf(t, mac); !slices.Equal(got, []string{"too_old_for_offered_macos Parallels Desktop"}) {
		t.Errorf("osquery has %q", got)
	}
	keys := throughMunki(t, state.MunkiKeys())
	if fmt.Sprint(keys["kextwatch_too_old"]) != "[Parallels Desktop]" || keys["kextwatch_offered_macos"] != "26.1" || keys["kextwatch_answer"] != "ok" {
		t.Errorf("Munki gets %v", keys)
	}
}

// The file of a user who never comes back says nothing after a day. If no other user's
// agent reports, that is reported, and a clock that was wrong does not hide it.
func TestStaleFleetFiles(t *testing.T) {
	mac := mactest.Root(t)
	blocked, well := fleet.New(whole(approval.BlockedOpen)), fleet.New(whole(approval.Approved))
	old := time.Now().Add(-fleet.StaleAfter - time.Minute)
	addState(t, mac, 501, blocked, old)
	if got := rowsOf(t, mac); !slices.Equal(got, []string{"not_reporting"}) {
		t.Errorf("only an old file: %q", got)
	}
	addState(t, mac, 502, well, time.Now())
	if got := rowsOf(t, mac); got != nil {
		t.Errorf("another user's agent reports that all is well: %q", got)
	}
	addState(t, mac, 502, blocked, time.Now().Add(-fleet.Heartbeat))
	if got := rowsOf(t, mac); !slices.Equal(got, []string{"blocked Parallels Desktop"}) {
		t.Errorf("at the heartbeat: %q", got)
	}
	mactest.AddFile(t, mac, probe.FleetStates+"/502/"+probe.FleetState, "damaged")
	if got := rowsOf(t, mac); !slices.Equal(got, []string{"not_reporting"}) {
		t.Errorf("a damaged file: %q", got)
	}
	// The clock was a year ahead when an agent wrote, and no agent has run since.
	mac = mactest.Root(t)
	addState(t, mac, 501, well, time.Now().AddDate(1, 0, 0))
	if got := rowsOf(t, mac); !slices.Equal(got, []string{"not_reporting"}) {
		t.Errorf("a file from the future: %q", got)
	}
	addState(t, mac, 501, well, time.Now().Add(time.Hour))
	if got := rowsOf(t, mac); got != nil {
		t.Errorf("the clock was set back an hour: %q", got)
	}
}

// Several users and products have a row each.
func TestSeveralUsersAndProducts(t *testing.T) {
	mac := mactest.Root(t)
	st := whole(approval.BlockedOpen)
	st.Products = append(st.Products, approval.Product{ID: "3T5GSNBU6W", Name: "macFUSE", TeamID: "3T5GSNBU6W", Verdict: approval.RestartPending})
	addState(t, mac, 501, fleet.New(st), time.Now())
	addState(t, mac, 502, fleet.New(whole(approval.NeedsRecovery)), time.Now())
	want := []string{"blocked Parallels Desktop", "blocked Parallels Desktop", "needs_restart macFUSE", "needs_recovery Parallels Desktop"}
	if got := rowsOf(t, mac); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The reader publishes why it cannot read the policy.
func TestReaderThatFailsHasARow(t *testing.T) {
	mac := mactest.Root(t)
	addState(t, mac, 501, fleet.New(whole(approval.Approved)), time.Now())
	published := func(failure string) {
		mactest.AddFile(t, mac, probe.PublishedPolicy, "<plist><dict><key>format</key><integer>1</integer>"+
			"<key>kext_policy</key><array><dict><key>team_id</key><string>T</string></dict></array>"+failure+"</dict></plist>")
	}
	published("")
	if got := rowsOf(t, mac); got != nil {
		t.Errorf("a reader that works: %q", got)
	}
	published("<key>failure</key><dict><key>at</key><date>2026-05-06T05:50:00Z</date><key>state</key><string>denied</string><key>reason</key><string>no access</string></dict>")
	if got := rowsOf(t, mac); !slices.Equal(got, []string{"reader_failing"}) {
		t.Errorf("a reader that fails: %q", got)
	}
}

// Golden files hold what each kind prints: administrators compare it with what they
// deployed.
func TestFleetDocuments(t *testing.T) {
	for name, args := range map[string][]string{
		"jamf-ea.sh":         {"fleet", "jamf-ea"},
		"munki-condition.sh": {"fleet", "munki-condition"},
		"fleet.yml":          {"fleet", "osquery"},
		"gitops.yml":         {"fleet", "osquery", "--format", "gitops"},
		"osquery.conf":       {"fleet", "osquery", "--format", "osquery"},
	} {
		out, err := thisProgram(t).command(t, args...).Output()
		mactest.NoError(t, err)
		golden(t, filepath.Join("testdata", "fleet", name), out)
	}
}

// A user can write anything into the own file. It does not hide the row of another user, and
// does not make a query fail, which would hide all of them.
func TestNoUserHidesAnother(t *testing.T) {
	now := "<date>" + time.Now().UTC().Format(time.RFC3339) + "</date>"
	fresh := "<key>written_at</key>" + now
	blocked := "<dict><key>verdict</key><string>blocked-open</string></dict>"
	for name, content := range map[string]string{
		"well":                    fresh + "<key>answer</key><string>ok</string><key>summary</key><string>ok: approved</string><key>products</key><dict/>",
		"the time is a list":      "<key>written_at</key><array>" + now + now + "</array>",
		"the smallest number":     "<key>written_at</key><string>-9223372036854775808</string>",
		"the largest number":      "<key>written_at</key><string>9223372036854775807</string>",
		"SQL":                     "<key>written_at</key><string>' OR 1=1; --</string><key>summary</key><string>unknown: '); DROP TABLE plist; --</string>",
		"products are a text":     fresh + "<key>products</key><string>x</string>",
		"products are a list":     fresh + "<key>products</key><array>" + blocked + "</array>",
		"products without a name": fresh + "<key>products</key><dict><key></key>" + blocked + "<key>a/b</key>" + blocked + "<key>verdict</key><string>blocked-open</string></dict>",
		"nothing":                 "",
	} {
		mac := mactest.Root(t)
		addState(t, mac, 501, fleet.New(whole(approval.BlockedOpen)), time.Now())
		mactest.AddFile(t, mac, probe.FleetStateFolder(502)+"/"+probe.FleetState, "<plist><dict>"+content+"</dict></plist>")
		if got := rowsOf(t, mac); !slices.Contains(got, "blocked Parallels Desktop") || slices.Contains(got, "not_reporting") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
