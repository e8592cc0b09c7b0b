package approval_test

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest/size"
)

var walks = flag.Uint64("walks", size.Of[uint64](2000, 200), "how many random sequences TestWalks plays")

// A walk is a Mac and what happens on it, one step after the other.
type walk struct {
	macOS  string
	source probe.SourceName // empty: no source ever answers, and only the log tells
	log    bool             // the agent follows the log
	twins  bool             // two teams have the same developer name
	others bool             // other vendors are watched, too
	steps  []step
}

// A step is one thing that happens, and the time that passes before it. The agent
// takes a snapshot after each step.
type step struct {
	what  action
	team  int // index in walkTeams
	after time.Duration
	awake bool // the agent notices when a window ends meanwhile; else the Mac sleeps
}

type action string

const (
	attempts   action = "attempts to load"
	allows     action = "is allowed"
	withdrawn  action = "is no longer allowed" // an allowed row goes back to 0: no attempt
	uninstall  action = "is uninstalled"
	reinstall  action = "is installed again"
	profileOn  action = "is allowed by a profile"
	profileOff action = "loses the profile"
	loseSource action = "the policy source fails"
	findSource action = "the policy source answers"
	restartMac action = "the Mac restarts"
	bootScan   action = "macOS moves every last_seen" // from macOS 11
	agentAgain action = "the agent restarts"
	agentKill  action = "the agent is killed while it posts" // the next alert
	clockAhead action = "the clock is set ahead"
	clockBack  action = "the clock is set back"
	passes     action = "time passes"
	loads      action = "is loaded"
	unloads    action = "is unloaded"
	login      action = "the user logs in"
	snoozes    action = "the user snoozes"
	slowTools  action = "the tools are slow"
	toolsBack  action = "the tools answer"
	newMacOS   action = "macOS is updated"
)

// All actions. Those of the whole Mac have no team.
var (
	ofTeam = []action{attempts, allows, withdrawn, uninstall, reinstall, profileOn, profileOff, loads, unloads}
	ofMac  = []action{loseSource, findSource, restartMac, bootScan, agentAgain, agentKill, clockAhead, clockBack, passes, login, snoozes, slowTools, toolsBack, newMacOS}
)

// The teams of a walk. The last two may have the same developer name, and one of
// them has two kernel extensions in one place.
var walkTeams = []team{
	{probe.ParallelsTeamID, "Parallels International GmbH", []string{"com.parallels.kext.hypervisor", "com.parallels.kext.vnic"}, "/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9"},
	{"AAAAAAAAAA", "Acme Inc.", []string{"com.acme.one", "com.acme.two"}, "/Library/Extensions"},
	{"BBBBBBBBBB", "Bolt GmbH", []string{"org.acme.disk"}, "/Library/Application Support/Acme"},
}

type team struct {
	id, developer string
	kexts         []string
	folder        string
}

// developer returns the name of a team.
func (w walk) developer(i int) string {
	if w.twins && i == 2 {
		i = 1
	}
	return walkTeams[i].developer
}

// randomWalk returns a walk of 10 to 40 steps.
func randomWalk(r *rand.Rand) walk {
	w := walk{
		macOS:  pick(r, "10.13.6", "10.15.7", "11.7.10", "12.7.6", "14.6.1"),
		source: pick(r, probe.Database, probe.Database, probe.Reader, probe.Framework, probe.Framework, ""),
		log:    r.IntN(3) > 0,
		twins:  r.IntN(2) > 0,
		others: r.IntN(3) > 0,
	}
	if w.source == "" {
		w.log = true
	}
	kinds := []action{
		attempts, attempts, attempts, attempts, attempts, allows, withdrawn, uninstall, reinstall, reinstall,
		profileOn, profileOff, loseSource, findSource, findSource, restartMac, agentAgain, agentKill, clockAhead, clockBack, passes, passes, passes,
		loads, loads, unloads, login, snoozes, slowTools, toolsBack, toolsBack, newMacOS,
	}
	if w.macOS[:2] != "10" {
		kinds = append(kinds, bootScan)
	}
	for range 10 + r.IntN(31) {
		w.steps = append(w.steps, step{
			what:  pick(r, kinds...),
			team:  r.IntN(len(walkTeams)),
			after: pick(r, 2*time.Second, 5*time.Second, 15*time.Second, 61*time.Second, 4*time.Minute, 11*time.Minute, 31*time.Minute, 2*time.Hour),
			awake: r.IntN(3) > 0,
		})
	}
	return w
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// shrink leaves out steps, shortens the time between them, and makes the Mac
// ordinary, while the walk still fails in the same way.
func (w walk) shrink(failure string) walk {
	fails := func(w walk) bool { return w.play()[failure] != "" }
	for _, simpler := range []func(*walk){
		func(w *walk) { w.twins = false },
		func(w *walk) { w.others = false },
		func(w *walk) { w.source = probe.Database },
		func(w *walk) { w.log = w.source == "" },
		func(w *walk) { w.macOS = "10.15.7" },
	} {
		next := w
		if simpler(&next); fails(next) {
			w = next
		}
	}
	for again := true; again; {
		again = false
		for i := len(w.steps) - 1; i >= 0; i-- {
			shorter := w
			shorter.steps = slices.Delete(slices.Clone(w.steps), i, i+1)
			if fails(shorter) {
				w, again = shorter, true
			}
		}
		for i := range w.steps {
			for _, after := range []time.Duration{2 * time.Second, time.Minute, 4 * time.Minute} {
				sooner := w
				sooner.steps = slices.Clone(w.steps)
				if sooner.steps[i].after <= after {
					break
				}
				sooner.steps[i].after = after
				if fails(sooner) {
					w, again = sooner, true
					break
				}
			}
		}
	}
	return w
}

// Whatever happens on a Mac, a window is announced once, a known one is not
// forgotten, and the time left never grows without an attempt.
func TestWalks(t *testing.T) {
	type found struct {
		count int
		walk  walk // the shortest
	}
	var mu sync.Mutex
	failures := map[string]found{}
	var workers sync.WaitGroup
	n := uint64(runtime.GOMAXPROCS(0))
	for first := range n {
		workers.Go(func() {
			for seed := first; seed < *walks; seed += n {
				w := randomWalk(rand.New(rand.NewPCG(seed, 0)))
				for kind := range w.play() {
					mu.Lock()
					f := failures[kind]
					if f.count == 0 || len(w.steps) < len(f.walk.steps) {
						f.walk = w
					}
					f.count++
					failures[kind] = f
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	for kind, f := range failures {
		w := f.walk.shrink(kind)
		t.Errorf("%s: %d of %d sequences, for example\n%v  %s", kind, f.count, *walks, w, w.play()[kind])
	}
}
