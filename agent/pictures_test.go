//go:build pictures && desktop && tray && linux

package main

import (
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
	mac     simmac.Options
	past    happening // what has happened to it
	then    happening // what happens while kextwatch looks on
	says    string    // the first line of the menu begins so
	icon    notify.Icon
	alerts  []string // the titles of the notifications, oldest first
}

var (
	catalina = simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1"}
	ventura  = simmac.Options{MacOS: "13.7.2", Parallels: "18.3.4"}
)

// scenes has a picture for each verdict that a simulated Mac can have.
var scenes = []scene{
	{approval.BlockedOpen, ventura, wasBlocked, nil, "Parallels Desktop: waiting for your approval, ", notify.IconWaiting, []string{"Parallels Desktop needs your approval"}},
	{approval.BlockedUnknown, catalina, wasBlockedBeforeRestart, nil, "Parallels Desktop: blocked until you approve it", notify.IconWaiting, []string{"Parallels Desktop is blocked"}},
	{approval.BlockedClosed, catalina, wasBlockedLongAgo, nil, "Parallels Desktop: blocked, and the time to approve it is over", notify.IconWaiting, []string{"Parallels Desktop is blocked"}},
	{approval.RestartPending, ventura, wasBlocked, isAllowed, "Parallels Desktop: approved; restart the Mac", notify.IconTodo, []string{"Parallels Desktop needs your approval", "Parallels Desktop: restart your Mac"}},
	{approval.Managed, catalina, wasForbidden, nil, "Parallels Desktop: blocked by your organization", notify.IconTodo, []string{"Parallels Desktop: your organization decides"}},
	{approval.UpgradePending, ventura, wasReplaced, nil, "Parallels Desktop: updated, and waiting for another approval", notify.IconTodo, []string{"Parallels Desktop: the update needs your approval"}},
	{approval.Incompatible, simmac.Options{MacOS: "13.7.2", Parallels: "16.5.1"}, nil, nil, "Parallels Desktop: made for an older macOS", notify.IconTodo, []string{"Parallels Desktop: made for an older macOS"}},
	{approval.Unknown, catalina, isDamaged, nil, "Parallels Desktop: cannot tell", notify.IconUnsure, []string{"kextwatch cannot see what macOS blocks"}},
	{approval.NotAsked, catalina, nil, nil, "Parallels Desktop: not asked for approval yet", notify.IconWell, nil},
	{approval.Approved, catalina, wasLoaded, nil, "Parallels Desktop: approved and loaded", notify.IconWell, nil},
	{approval.NotNeeded, simmac.Options{MacOS: "26.2", Parallels: "26.1.1", Arch: probe.AppleSilicon}, nil, nil, "Parallels Desktop: needs no approval on this Mac", notify.IconWell, nil},
	{approval.NotInstalled, simmac.Options{MacOS: "10.15.7"}, nil, nil, "Parallels Desktop: not installed", notify.IconWell, nil},
}

// unseen is the verdict that needs the log. The agent follows the log only if the
// database is unreadable, but root, who plays the scenes in CI, can read it.
// testdata/ordinary/load_failing.txtar tests this verdict.
var unseen = []approval.Verdict{approval.LoadFailing}

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

// isDamaged leaves no policy source.
func isDamaged(m *simmac.Mac, root string, _ time.Time) error {
	if err := m.RemoveFramework(); err != nil {
		return err
	}
	return os.WriteFile(policyFile(root), []byte("rubbish"), 0o600)
}

func TestEveryVerdictHasAPicture(t *testing.T) {
	count := map[approval.Verdict]int{}
	for _, s := range scenes {
		count[s.verdict]++
	}
	for _, v := range unseen {
		count[v]++
	}
	for _, v := range approval.Verdicts {
		if count[v] != 1 {
			t.Errorf("%s is in scenes and unseen %d times, want once", v, count[v])
		}
	}
}

// The icon, the menu and the notification for each verdict, on a real panel with a
// real notification daemon. The pictures
// are kept in the folder that KEXTWATCH_PICTURES names.
func TestPictures(t *testing.T) {
	dir := os.Getenv("KEXTWATCH_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, dark := range map[string]bool{"light": false, "dark": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := desk.StartSession(t, dark)
			stage := stage{Session: session, program: thisProgram(t)}
			stage.empty = session.Screen.Still(t, "the panel", func(shot *image.RGBA) bool {
				return shot.At(10, 10) != shot.At(10, 100)
			})
			for _, s := range scenes {
				t.Run(string(s.verdict), func(t *testing.T) {
					picture := stage.play(t, s)
					savePicture(t, filepath.Join(dir, string(s.verdict)+"-"+name+".png"), picture)
				})
			}
		})
	}
}

// stage is an idle desktop and a program to run there.
type stage struct {
	*desk.Session
	program program
	empty   *image.RGBA
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
	agent := st.program.command(t, "run", "--root", root)
	agent.Env, agent.Stderr = st.Env(), os.Stderr
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		agent.Process.Signal(syscall.SIGTERM)
		if err := agent.Wait(); err != nil {
			t.Errorf("the agent: %v", err)
		}
		st.WaitNoIcon(t)
	}()

	icon := st.WaitIcon(t)
	if s.then != nil {
		icon.WaitMenu(t, func(m []desk.Entry) bool { return len(m) > 0 && m[0].Label != "kextwatch is checking…" })
		st.WaitShown(t, uint32(len(s.alerts)-1))
		if err := s.then(sim, root, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	icon.WaitMenu(t, func(m []desk.Entry) bool { return len(m) > 0 && strings.HasPrefix(m[0].Label, s.says) })
	st.WaitShown(t, uint32(len(s.alerts)))
	var place image.Rectangle
	st.Screen.Still(t, "the icon", func(shot *image.RGBA) bool {
		place = desk.Difference(st.panel(st.empty), st.panel(shot))
		return showsIcon(shot, st.empty, place, s.icon)
	})
	st.Screen.Click(t, place.Min.Add(place.Size().Div(2)))
	picture := st.Screen.Still(t, "the menu", func(shot *image.RGBA) bool {
		menu := image.Rect(place.Max.X-150, place.Max.Y+10, place.Max.X, place.Max.Y+130)
		changed := desk.Difference(part(st.empty, menu), part(shot, menu))
		return changed == menu
	})
	st.Screen.Escape(t)
	st.Screen.Move(t, image.Pt(300, 300)) // away from the icon, which would stay lit
	var titles []string
	for _, n := range st.TakeShown(t) {
		titles = append(titles, n.Title)
	}
	if !slices.Equal(titles, s.alerts) {
		t.Errorf("notifications %q, want %q", titles, s.alerts)
	}
	seen := desk.Difference(st.empty, picture)
	return part(picture, seen.Inset(-12).Intersect(picture.Rect))
}

// panel returns the part of a picture that shows the panel.
func (st stage) panel(shot *image.RGBA) *image.RGBA {
	return part(shot, image.Rect(0, 0, shot.Rect.Max.X, 28))
}

func part(img *image.RGBA, r image.Rectangle) *image.RGBA { return img.SubImage(r).(*image.RGBA) }
