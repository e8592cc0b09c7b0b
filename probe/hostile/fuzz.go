package hostile

import (
	"flag"
	"fmt"
	"reflect"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe/mactest/size"
)

// The most that a reader may cost for one input. A reader that needs more is a way to
// make the agent slow or to fill the memory of the Mac.
var (
	mostTime  = 100 * time.Millisecond * time.Duration(slowdown) // of a processor
	mostBytes = 32 << 20 * slowdown                              // allocated, including what the collector frees again
)

// slowdown is what the race detector costs, in time and, because it makes more copies, in
// memory.
var slowdown = size.Of[uint64](1, 20)

// attempts is how often an input is tried before its cost is an error. Another process,
// or another test, can make one of them expensive.
const attempts = 5

// largeSeed is the size in bytes from which a seed is only run as a test without the race
// detector. The fuzzer would spend its time on copying it.
const largeSeed = 4 << 10

// Fuzz is f.Fuzz for a reader of foreign data. It adds all hostile inputs of this package
// as seeds, and limits what one call of target may cost. target is a function as for
// f.Fuzz. Its parameters of type []byte and string all get the same seed, the others
// their zero value.
func Fuzz(f *testing.F, target any) {
	f.Helper()
	FuzzReaders(f, 1, target)
}

// FuzzReaders is Fuzz for a target that gives its input to so many readers.
func FuzzReaders(f *testing.F, readers int, target any) {
	f.Helper()
	most := cost{time.Duration(readers) * mostTime, uint64(readers) * mostBytes}
	run := reflect.ValueOf(target)
	for _, input := range Inputs() {
		if (fuzzing() || size.Raced) && len(input) > largeSeed {
			continue
		}
		f.Add(seed(run.Type(), input)...)
	}
	f.Fuzz(reflect.MakeFunc(run.Type(), func(args []reflect.Value) []reflect.Value {
		limited(args[0].Interface().(*testing.T), most, func() { run.Call(args) })
		return nil
	}).Interface())
}

// fuzzing reports whether go test generates inputs, in this process or for it.
func fuzzing() bool {
	set := func(name string) bool {
		f := flag.Lookup(name)
		return f != nil && f.Value.String() != f.DefValue
	}
	return set("test.fuzz") || set("test.fuzzworker")
}

func seed(target reflect.Type, input []byte) []any {
	var args []any
	for i := 1; i < target.NumIn(); i++ {
		arg := reflect.Zero(target.In(i))
		if arg.Kind() == reflect.String || arg.Type() == reflect.TypeFor[[]byte]() {
			arg = reflect.ValueOf(input).Convert(arg.Type())
		}
		args = append(args, arg.Interface())
	}
	return args
}

// limited fails the test if read costs more than most each time.
func limited(t *testing.T, most cost, read func()) {
	t.Helper()
	var least cost
	for i := range attempts {
		c := measure(read)
		if i == 0 || c.time < least.time {
			least.time = c.time
		}
		if i == 0 || c.bytes < least.bytes {
			least.bytes = c.bytes
		}
		if t.Failed() || least.time <= most.time && least.bytes <= most.bytes {
			return
		}
	}
	t.Errorf("the input costs %v, at most %v", least, most)
}

type cost struct {
	time  time.Duration
	bytes uint64
}

func (c cost) String() string {
	return fmt.Sprintf("%v and %.1f MiB", c.time, float64(c.bytes)/(1<<20))
}

func measure(read func()) cost {
	bytes, start := allocated(), processorTime()
	read()
	return cost{processorTime() - start, allocated() - bytes}
}

// processorTime returns the time that the process has computed. Unlike the time on the
// wall, it does not grow while other processes use the processor.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// allocated returns the bytes that the process has allocated. Unlike
// runtime.ReadMemStats, it does not stop the other goroutines.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
