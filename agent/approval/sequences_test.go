package approval_test

import (
	"flag"
	"fmt"
	"hash/maphash"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mactest/size"
)

var depth = flag.Int("depth", size.Of(3, 2), "TestEverySequence plays every sequence of up to so many events")

// The Macs on which every sequence is played.
var sequenceMacs = []walk{
	{macOS: "10.15.7", source: probe.Database},
	{macOS: "12.7.6", source: probe.Database},
	{macOS: "12.7.6", source: probe.Framework, log: true},
}

// events are the steps of the sequences. There is more than a minute between two of them.
var events = func() (all []step) {
	const other = 1
	for _, what := range []action{attempts, allows, withdrawn, profileOn, profileOff, loads, unloads, uninstall, reinstall} {
		all = append(all, step{what: what, after: 65 * time.Second, awake: true})
	}
	for _, what := range []action{attempts, allows} {
		all = append(all, step{what: what, team: other, after: 65 * time.Second, awake: true})
	}
	for _, what := range []action{restartMac, login, clockAhead, clockBack, loseSource, findSource, snoozes, agentAgain, agentKill, slowTools, toolsBack, newMacOS} {
		all = append(all, step{what: what, after: 65 * time.Second, awake: true})
	}
	return append(all, step{what: passes, after: 16 * time.Minute, awake: true}, step{what: passes, after: 40 * time.Minute})
}()

// sequences is what everySequence found.
type sequences struct {
	next     [][]int32 // for each state, those that follow it; nil: not asked
	played   int       // events
	failures map[string]walk
}

// everySequence plays every sequence of up to so many events. A state that is known, the
// facts, the memory of the agent and what is expected of it, is played once.
func everySequence(start walk, depth int) sequences {
	type state struct {
		id int32
		w  *walker
	}
	type follower struct {
		key uint64
		w   *walker
	}
	found := sequences{next: make([][]int32, 1), failures: map[string]walk{}}
	first := start.begin()
	ids := map[uint64]int32{first.key(): 0}
	for frontier := []state{{0, first}}; depth > 0 && len(frontier) > 0; depth-- {
		var further []state
		for some := range slices.Chunk(frontier, 512) {
			followers := make([][]follower, len(some))
			var workers sync.WaitGroup
			n := runtime.GOMAXPROCS(0)
			for worker := range n {
				workers.Go(func() {
					for i := worker; i < len(some); i += n {
						for _, event := range events {
							if !some[i].w.possible(event) {
								continue
							}
							w := some[i].w.clone()
							w.inMemory = true
							w.steps = append(slices.Clip(w.steps), event)
							w.step(event.name(), event)
							f := follower{w: w}
							if depth > 1 {
								f.key = w.key()
							}
							followers[i] = append(followers[i], f)
						}
					}
				})
			}
			workers.Wait()
			for i, from := range some {
				for _, f := range followers[i] {
					found.played++
					for kind := range f.w.failures {
						if _, known := found.failures[kind]; !known {
							found.failures[kind] = f.w.walk
						}
					}
					id, known := ids[f.key]
					if !known && depth > 1 { // what follows the last event is not asked
						id = int32(len(ids))
						ids[f.key] = id
						found.next = append(found.next, nil)
						if len(f.w.failures) == 0 {
							further = append(further, state{id, f.w})
						}
					}
					found.next[from.id] = append(found.next[from.id], id)
				}
				some[i].w = nil
			}
		}
		frontier = further
	}
	return found
}

// count returns how many sequences of up to depth events there are.
func (s sequences) count(depth int) (n uint64) {
	from := make([]uint64, len(s.next))
	for range depth {
		longer := make([]uint64, len(s.next))
		for i, next := range s.next {
			for _, id := range next {
				longer[i] += 1 + from[id]
			}
		}
		from = longer
	}
	return from[0]
}

// key identifies the state of a walker: two with the same key behave the same. Times count
// relative to now.
func (w *walker) key() uint64 {
	var h maphash.Hash
	h.SetSeed(keySeed)
	now := w.now()
	k := keyer{&h, now, w.boots}
	since := func(at time.Time) time.Duration {
		if at.IsZero() {
			return 1
		}
		return age(now.Sub(at))
	}
	memory := func(m approval.Memory) {
		m.Seq, m.Boots = 0, nil // no rule reads them
		k.add(reflect.ValueOf(m))
	}
	memory(w.memory)
	if !sameOnDisk(w.memory, w.disk) {
		memory(w.disk)
	}
	if w.slow {
		k.add(reflect.ValueOf(w.answered.Loaded))
		if w.source == probe.Framework && w.answered.Policy != nil {
			k.add(reflect.ValueOf(*w.answered.Policy))
		}
	}
	for i, t := range w.teams {
		seen := since(t.seen)
		t.seen = time.Time{}
		t.window.ends, t.latest, t.slip = age(w.real-t.window.ends), age(w.real-t.latest), age(t.slip)
		if t.goneAt != 0 {
			t.goneAt = 1 + age(w.real-t.goneAt)
		}
		t.allowedIn -= w.boots
		fmt.Fprint(&h, t, seen, age(w.known[i]))
	}
	for _, a := range w.logged {
		fmt.Fprint(&h, a.TeamID, a.BundleID, a.Outcome, since(a.At))
	}
	for _, p := range w.posted {
		fmt.Fprint(&h, p.alert)
	}
	fmt.Fprint(&h, age(w.real-w.booted), w.updates, since(w.loginAt), w.answers, w.slow, w.kill, w.held != 0, w.pollAt != 0, w.jumped, w.update)
	return h.Sum64()
}

// age is how long ago something happened, as the key has it. With five minutes, sequences
// of the same events in another order often lead to one state, so that longer ones can be
// played. What the rules made of the order is part of the state.
func age(ago time.Duration) time.Duration { return ago.Round(5 * time.Minute) }

var keySeed = maphash.MakeSeed()

// keyer adds values to a hash.
type keyer struct {
	to    *maphash.Hash
	now   time.Time
	boots int
}

func (k keyer) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if at, is := v.Interface().(time.Time); is {
			if at.IsZero() {
				k.to.WriteByte(0)
			} else {
				maphash.WriteComparable(k.to, age(k.now.Sub(at)))
			}
			return
		}
		for i := range v.NumField() {
			k.add(v.Field(i))
		}
	case reflect.Map:
		for _, key := range slices.Sorted(maps.Keys(keysOf(v))) {
			k.to.WriteString(key)
			k.add(v.MapIndex(reflect.ValueOf(key)))
		}
	case reflect.Slice:
		maphash.WriteComparable(k.to, v.Len())
		for i := range v.Len() {
			k.add(v.Index(i))
		}
	case reflect.String:
		text := v.String()
		if number, is := strings.CutPrefix(text, "boot "); is {
			boot, _ := strconv.Atoi(number)
			text = strconv.Itoa(boot - k.boots)
		}
		k.to.WriteString(text)
		k.to.WriteByte(0)
	case reflect.Bool:
		maphash.WriteComparable(k.to, v.Bool())
	case reflect.Int, reflect.Int64:
		if d, is := v.Interface().(time.Duration); is {
			maphash.WriteComparable(k.to, age(d))
			return
		}
		maphash.WriteComparable(k.to, v.Int())
	default:
		panic("no key for a " + v.Kind().String())
	}
}

func keysOf(v reflect.Value) map[string]bool {
	all := map[string]bool{}
	for _, key := range v.MapKeys() {
		all[key.String()] = true
	}
	return all
}

// Whatever happens, in whatever order, the invariants hold.
func TestEverySequence(t *testing.T) {
	for _, mac := range sequenceMacs {
		found := everySequence(mac, *depth)
		t.Logf("macOS %s, source %s: %d sequences of up to %d events, %d states, %d events played", mac.macOS, mac.source, found.count(*depth), *depth, len(found.next), found.played)
		for _, kind := range slices.Sorted(maps.Keys(found.failures)) {
			w := found.failures[kind].shrink(kind)
			t.Errorf("%s, for example\n%v  %s", kind, w, w.play()[kind])
		}
	}
}
