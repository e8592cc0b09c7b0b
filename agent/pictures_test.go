//go:build pictures && desktop && tray && linux

package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/notify/tray/desk"
	"kextwatch/probe"
	"kextwatch/probe/simmac"
)

// scene is a Mac with one verdict.
type scene struct {
	verdict approval.Verdict
	variant string // tells scenes with the same verdict apart
	mac     simmac.Options
	past    happening // what has happened to it
	then    happening // what happens while kextwatch looks on
	says    string    // the first line of the menu begins so
	icon    notify.Icon
	alerts  []string // the titles of the notifications, oldest first
}

// name is the name of the picture.
func (s scene) name() string {
	return strings.TrimSuffix(string(s.verdict)+"-"+s.variant, "-")
}

var (
	catalina = simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"}
	ventura  = simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4"}
)

// scenes has a picture for each verdict that a simulated Mac can have.
var scenes = []scene{
	{approval.BlockedOpen, "", ventura, wasBlocked, nil, "Parallels Desktop: waiting for your approval, ", notify.IconWaiting, []string{"Parallels Desktop needs your approval"}},
	{approval.BlockedUnknown, "", catalina, wasBlockedBeforeRestart, nil, "Parallels Desktop: blocked until you approve it", notify.IconWaiting, []string{"Parallels Desktop is blocked"}},
	{approval.BlockedClosed, "", catalina, wasBlockedLongAgo, nil, "Parallels Desktop: blocked, and the time to approve it is over", notify.IconBlocked, []string{"Parallels Desktop is blocked"}},
	{approval.RestartPending, "", ventura, wasBlocked, isAllowed, "Parallels Desktop: approved; restart the Mac", notify.IconTodo, []string{"Parallels Desktop needs your approval", "Parallels Desktop: restart your Mac"}},
	{approval.Managed, "", catalina, wasForbidden, nil, "Parallels Desktop: blocked by your organization", notify.IconTodo, []string{"Parallels Desktop: your organization decides"}},
	{approval.Managed, "organization", catalina, wasForbiddenByACME, nil, "Parallels Desktop: blocked by your organization", notify.IconTodo, []string{"Parallels Desktop: your organization decides"}},
	{approval.UpgradePending, "", ventura, wasReplaced, nil, "Parallels Desktop: updated, and waiting for another approval", notify.IconWaiting, []string{"Parallels Desktop: the update needs your approval"}},
	{approval.Incompatible, "", simmac.Options{MacOS: "13.7.2", Parallels: "16.5.1"}, nil, nil, "Parallels Desktop: made for an older macOS", notify.IconTodo, []string{"Parallels Desktop: made for an older macOS"}},
	{approval.Unknown, "", catalina, isDamaged, nil, "Parallels Desktop: cannot tell", notify.IconUnsure, []string{"kextwatch cannot see what macOS blocks"}},
	{approval.NotAsked, "", catalina, nil, nil, "Parallels Desktop: not asked for approval yet", notify.IconWell, nil},
	{approval.Approved, "", catalina, wasLoaded, nil, "Parallels Desktop: approved and loaded", notify.IconWell, nil},
	{approval.BlockedClosed, "after-a-window", catalina, wasBlockedHalfAnHour, passes, "Parallels Desktop: blocked, and the time to approve it is over", notify.IconBlocked, []string{"Parallels Desktop needs your approval", "Parallels Desktop: the time to approve is over"}},
	{approval.LoadFailing, "machine-runs", ventura, wasUnloadedWhileRunning, nil, "Parallels Desktop: macOS does not load it", notify.IconTodo, []string{"Parallels Desktop still does not load"}},
	{approval.LoadFailing, "service-runs", catalina, wasOpenedInVain, nil, "Parallels Desktop: macOS does not load it", notify.IconTodo, []string{"Parallels Desktop still does not load"}},
	{approval.LoadFailing, "owner", ventura, wasIdle, isRefused(probe.BadOwnership), "Parallels Desktop: macOS does not load it", notify.IconTodo, []string{"Parallels Desktop still does not load"}},
	{approval.LoadFailing, "signature", ventura, wasIdle, isRefused(probe.BadSignature), "Parallels Desktop: macOS does not load it", notify.IconTodo, []string{"Parallels Desktop still does not load"}},
	{approval.LoadFailing, "folder", catalina, wasIdle, isRefused(probe.InsecureLocation), "Parallels Desktop: macOS does not load it", notify.IconTodo, []string{"Parallels Desktop still does not load"}},
	{approval.CannotLoad, "excluded", ventura, wasIdle, isRefused(probe.Excluded), "Parallels Desktop: cannot be loaded on this Mac", notify.IconTodo, []string{"Parallels Desktop cannot load"}},
	{approval.NeedsRecovery, "", simmac.Options{MacOS: "26.2", Arch: probe.AppleSilicon}, wasBlockedInFullSecurity, nil, "macFUSE: blocked until you change the startup security", notify.IconTodo, []string{"macFUSE needs a change in macOS Recovery", "kextwatch has an icon in the menu bar"}},
	{approval.Unknown, "lost", ventura, wasIdle, losesRows, "Parallels Desktop: cannot tell", notify.IconUnsure, []string{"Parallels Desktop: the approval is gone"}},
	{approval.BlockedUnknown, "lost", ventura, wasIdle, losesApproval, "Parallels Desktop: blocked until you approve it", notify.IconBlocked, []string{"Parallels Desktop: the approval is gone"}},
	{approval.Approved, "idle", ventura, wasIdle, nil, "Parallels Desktop: approved", notify.IconWell, nil},
	{approval.Approved, "not-seen-loaded", ventura, wasNotCollected, nil, "Parallels Desktop: approved", notify.IconWell, nil},
	{approval.Approved, "older-version", catalina, wasReplacedWhileLoaded, nil, "Parallels Desktop: approved", notify.IconWell, nil},
	{approval.NotNeeded, "", simmac.Options{MacOS: "26.2", Parallels: "26.1.1", Arch: probe.AppleSilicon}, nil, nil, "Parallels Desktop: needs no approval on this Mac", notify.IconWell, []string{"kextwatch has an icon in the menu bar"}},
	{approval.NotInstalled, "", simmac.Options{MacOS: "10.15.7"}, nil, nil, "Parallels Desktop: not installed", notify.IconWell, nil},
}

// happening changes a Mac whose / is root.
type happening func(m *simmac.Mac, root string, now time.Time) error

func wasBlocked(m *simmac.Mac, _ string, now time.Time) error { return m.Attempt(now) }

func wasBlockedLongAgo(m *simmac.Mac, _ string, now time.Time) error {
	return m.Attempt(now.Add(-45 * time.Minute))
}

func wasBlockedBeforeRestart(m *simmac.Mac, _ string, now time.Time) error {
	if err := m.Attempt(now.Add(-10 * time.Minute)); err != nil {
		return err
	}
	return m.Restart(now.Add(-5 * time.Minute))
}

func wasBlockedInFullSecurity(m *simmac.Mac, _ string, now time.Time) error {
	return errors.Join(m.AddKext(simmac.MacFUSE()), m.SetBootPolicy(simmac.BootFull, now.Add(-20*time.Minute)), m.AttemptKext(simmac.MacFUSE().ID, now.Add(-time.Minute)))
}

func isAllowed(m *simmac.Mac, _ string, now time.Time) error { return m.Allow(now) }

func wasLoaded(m *simmac.Mac, _ string, now time.Time) error {
	if err := m.Attempt(now.Add(-10 * time.Minute)); err != nil {
		return err
	}
	if err := m.Allow(now.Add(-5 * time.Minute)); err != nil {
		return err
	}
	return m.Load(now)
}

// wasForbidden adds a profile of an organization that forbids the approval.
func wasForbidden(m *simmac.Mac, _ string, now time.Time) error {
	if err := m.SetProfile(simmac.ProfileForbid); err != nil {
		return err
	}
	return m.Attempt(now.Add(-2 * time.Minute))
}

// wasForbiddenByACME is wasForbidden by an organization that says how to reach it.
func wasForbiddenByACME(m *simmac.Mac, root string, now time.Time) error {
	return errors.Join(wasForbidden(m, root, now), isManagedByACME(root))
}

// isManagedByACME adds the settings of an organization that says how to reach it.
func isManagedByACME(root string) error {
	folder := filepath.Join(root, probe.ManagedSettings)
	return errors.Join(
		os.MkdirAll(folder, 0o755),
		os.WriteFile(filepath.Join(folder, probe.AgentLabel+".plist"), []byte(`<plist version="1.0"><dict>
			<key>OrganizationName</key><string>ACME</string>
			<key>ContactURL</key><string>https://help.acme.example/mac</string>
			<key>ContactText</key><string>IT Support, extension 4321</string>
		</dict></plist>`), 0o644),
	)
}

// wasReplaced is an update of Parallels after its extensions were loaded.
func wasReplaced(m *simmac.Mac, _ string, now time.Time) error {
	if err := m.Attempt(now.Add(-20 * time.Minute)); err != nil {
		return err
	}
	if err := m.Allow(now.Add(-15 * time.Minute)); err != nil {
		return err
	}
	if err := m.Restart(now.Add(-10 * time.Minute)); err != nil { // which loads them
		return err
	}
	return m.UpdateParallels("18.3.5", now)
}

// wasBlockedHalfAnHour leaves a window that closes in a few seconds.
func wasBlockedHalfAnHour(m *simmac.Mac, _ string, now time.Time) error {
	return m.Attempt(now.Add(15*time.Second - approval.WindowLength))
}

// passes is time in which nothing happens to the Mac.
func passes(*simmac.Mac, string, time.Time) error { return nil }

const machine = "Windows 11"

// wasIdle is a Mac with a virtual machine that needs the extensions. They were allowed,
// the Mac was restarted, and Parallels has unloaded them.
func wasIdle(m *simmac.Mac, _ string, now time.Time) error {
	return errors.Join(
		m.AddVM(simmac.VM{Name: machine, Hypervisor: probe.ParallelsHypervisor}),
		m.Attempt(now.Add(-25*time.Minute)),
		m.Allow(now.Add(-20*time.Minute)),
		m.Restart(now.Add(-10*time.Minute)),
		m.Unload(),
	)
}

// wasNotCollected is an idle Mac whose auxiliary kernel collection cannot be read.
func wasNotCollected(m *simmac.Mac, root string, now time.Time) error {
	err := wasIdle(m, root, now)
	for _, name := range []string{"hypervisor", "usbconnect", "netbridge", "vnic"} {
		err = errors.Join(err, m.SetCollection("com.parallels.kext."+name, false))
	}
	return err
}

func wasUnloadedWhileRunning(m *simmac.Mac, root string, now time.Time) error {
	return errors.Join(wasIdle(m, root, now), m.SetVMState(machine, probe.VMRunning))
}

// wasOpenedInVain has Parallels and its service running without an extension.
func wasOpenedInVain(m *simmac.Mac, root string, now time.Time) error {
	const programs = "/Applications/Parallels Desktop.app/Contents/MacOS/"
	return errors.Join(
		wasIdle(m, root, now),
		m.RunProgram(programs+"prl_client_app", now.Add(-6*time.Minute)),
		m.RunProgram(programs+"Parallels Service.app/Contents/MacOS/prl_disp_service", now.Add(-6*time.Minute)),
	)
}

// isRefused is an attempt that macOS refuses for a reason that no approval changes.
// kextwatch follows the log from the attempt on, so Parallels tries until it is noticed.
func isRefused(outcome probe.Outcome) happening {
	return func(m *simmac.Mac, root string, now time.Time) error {
		if err := attemptInVain(root, now); err != nil {
			return err
		}
		for end := now.Add(desk.Patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			status, _ := os.ReadFile(filepath.Join(root, "Users/me/Library/Application Support", probe.AgentLabel, "status.plist"))
			if bytes.Contains(status, []byte(approval.LoadFailing)) || bytes.Contains(status, []byte(approval.CannotLoad)) {
				return nil
			}
			if err := m.LogRefusal(outcome, "", time.Now()); err != nil {
				return err
			}
		}
		return errors.New("the refusal was never noticed")
	}
}

// attemptInVain records an attempt after which nothing is loaded.
func attemptInVain(root string, now time.Time) error {
	return inPolicy(root, fmt.Sprintf("UPDATE kext_load_history_v3 SET last_seen = '%s' WHERE team_id = '%s' AND bundle_id LIKE '%%hypervisor'",
		now.UTC().Format(time.DateTime), probe.ParallelsTeamID))
}

func losesRows(_ *simmac.Mac, root string, _ time.Time) error {
	return inPolicy(root, "DELETE FROM kext_policy")
}

func losesApproval(_ *simmac.Mac, root string, _ time.Time) error {
	return inPolicy(root, "UPDATE kext_policy SET allowed = 0")
}

func inPolicy(root, statement string) error {
	db, err := sql.Open("sqlite", "file:"+policyFile(root)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// wasReplacedWhileLoaded is an update of Parallels while its extensions were loaded.
func wasReplacedWhileLoaded(m *simmac.Mac, root string, now time.Time) error {
	return errors.Join(wasLoaded(m, root, now.Add(-10*time.Minute)), m.UpdateParallels("16.5.2", now))
}

// isDamaged leaves no policy source.
func isDamaged(m *simmac.Mac, root string, _ time.Time) error {
	if err := m.RemoveFramework(); err != nil {
		return err
	}
	return os.WriteFile(policyFile(root), []byte("rubbish"), 0o600)
}

func TestEveryVerdictHasAPicture(t *testing.T) {
	count, names := map[approval.Verdict]int{}, map[string]int{}
	for _, s := range scenes {
		count[s.verdict]++
		names[s.name()]++
	}
	for _, v := range approval.Verdicts {
		if count[v] == 0 {
			t.Errorf("%s is not in scenes", v)
		}
	}
	for name, n := range names {
		if n != 1 {
			t.Errorf("%d pictures are named %s", n, name)
		}
	}
}

// The icon, the menu and the notification for each verdict, on a real panel with a
// real notification daemon. The pictures
// are kept in the folder that KEXTWATCH_PICTURES names.
func TestPictures(t *testing.T) {
	dir := pictureFolder(t)
	for name, dark := range map[string]bool{"light": false, "dark": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stage := newStage(t, dark)
			for _, s := range scenes {
				t.Run(s.name(), func(t *testing.T) {
					picture := stage.play(t, s)
					savePicture(t, filepath.Join(dir, s.name()+"-"+name+".png"), picture)
				})
			}
		})
	}
}

// pictureFolder returns the folder in which pictures are kept.
func pictureFolder(t *testing.T) string {
	dir := os.Getenv("KEXTWATCH_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// stage is an idle desktop and a program to run there.
type stage struct {
	*desk.Session
	program program
	empty   *image.RGBA
}

func newStage(t *testing.T, dark bool) stage {
	st := stage{Session: desk.StartSession(t, dark), program: thisProgram(t)}
	st.empty = st.Screen.Still(t, "the panel", func(shot *image.RGBA) bool {
		return shot.At(10, 10) != shot.At(10, 100)
	})
	return st
}

// play runs the agent on the Mac of the scene and returns a picture of the screen
// after a click on the icon.
func (st stage) play(t *testing.T, s scene) *image.RGBA {
	root := filepath.Join(t.TempDir(), "mac")
	now := time.Now()
	s.mac.Now = now.Add(-time.Hour)
	sim, err := simmac.New(root, s.mac)
	if err == nil && s.past != nil {
		err = s.past(sim, root, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	icon, end := st.login(t, root)
	defer end()
	last := uint32(len(s.alerts))
	var titles []string
	take := func() {
		for _, n := range st.TakeShown(t) {
			titles = append(titles, n.Title)
		}
	}
	if s.then != nil {
		icon.WaitMenu(t, func(m []desk.Entry) bool { // a database that was just written may be busy
			return len(m) > 0 && strings.HasPrefix(m[0].Label, "Parallels Desktop: ") && !strings.HasSuffix(m[0].Label, ": cannot tell")
		})
		st.WaitShown(t, last-1)
		take() // the picture shows the last notification
		last = 1
		if err := s.then(sim, root, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	picture := st.picture(t, icon, s.says, s.icon, last)
	take()
	if !slices.Equal(titles, s.alerts) {
		t.Errorf("notifications %q, want %q", titles, s.alerts)
	}
	return picture
}

// login starts an agent on a Mac; end ends it.
func (st stage) login(t *testing.T, root string) (icon desk.Icon, end func()) {
	agent := st.program.command(t, "run", "--root", root)
	agent.Env, agent.Stderr = st.Env(), os.Stderr
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Process.Kill() }) // it ended long ago, unless the test failed
	return st.WaitIcon(t), func() {
		agent.Process.Signal(syscall.SIGTERM)
		if err := agent.Wait(); err != nil {
			t.Errorf("the agent: %v", err)
		}
		st.WaitNoIcon(t)
	}
}

// picture waits until the menu begins with a text, the panel shows an icon, and this
// number of notifications is shown. It returns a picture with the open menu.
func (st stage) picture(t *testing.T, icon desk.Icon, says string, badge notify.Icon, shown uint32) *image.RGBA {
	icon.WaitMenu(t, func(m []desk.Entry) bool { return len(m) > 0 && strings.HasPrefix(m[0].Label, says) })
	st.WaitShown(t, shown)
	var place image.Rectangle
	st.Screen.Still(t, "the icon", func(shot *image.RGBA) bool {
		place = desk.Difference(st.panel(st.empty), st.panel(shot))
		return showsIcon(shot, st.empty, place, badge)
	})
	st.Screen.Click(t, place.Min.Add(place.Size().Div(2)))
	picture := st.Screen.Still(t, "the menu", func(shot *image.RGBA) bool {
		menu := image.Rect(place.Max.X-150, place.Max.Y+10, place.Max.X, place.Max.Y+130)
		changed := desk.Difference(part(st.empty, menu), part(shot, menu))
		return changed == menu
	})
	st.Screen.Escape(t)
	st.Screen.Move(t, image.Pt(300, 300)) // away from the icon, which would stay lit
	seen := desk.Difference(st.empty, picture)
	return part(picture, seen.Inset(-12).Intersect(picture.Rect))
}

// panel returns the part of a picture that shows the panel.
func (st stage) panel(shot *image.RGBA) *image.RGBA {
	return part(shot, image.Rect(0, 0, shot.Rect.Max.X, 28))
}

func part(img *image.RGBA, r image.Rectangle) *image.RGBA { return img.SubImage(r).(*image.RGBA) }
