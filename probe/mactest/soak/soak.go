// Package soak counts what the tests with the build tag soak tried and what happened.
// `make soak` runs their long form and writes the counts into docs/reliability.md; `make
// check` runs the short form. Only tests may import it.
package soak

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Variables of the environment that make sets.
const (
	rowsFile = "KEXTWATCH_SOAK"         // the file for the rows; empty: the short form
	seed     = "KEXTWATCH_SOAK_SEED"    // empty: the time of the start
	minutes  = "KEXTWATCH_SOAK_MINUTES" // how long the agent stays idle in the long form
)

// Row is a line of the table in docs/reliability.md.
type Row struct {
	Part     string // the heading of its table
	Fault    string
	Tried    int
	Happened string // a sentence with its counts
}

// Record adds the row to the table. A test that failed adds none.
func (r Row) Record(t testing.TB) {
	t.Helper()
	t.Logf("%s, %s: %d tried. %s", r.Part, r.Fault, r.Tried, r.Happened)
	path := os.Getenv(rowsFile)
	if path == "" || t.Failed() {
		return
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil { // one write: several packages append
		t.Fatal(err)
	}
}

// Count returns how many to try, in the short and in the long form.
func Count(short, long int) int {
	if os.Getenv(rowsFile) == "" {
		return short
	}
	return long
}

// Idle returns how long the agent stays idle in the long form.
func Idle(t testing.TB) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(minutes))
	if err != nil {
		t.Skip("only make soak runs the agent for an hour")
	}
	return time.Duration(n) * time.Minute
}

// Random returns the random numbers of a test, and prints their seed.
func Random(t testing.TB) *rand.Rand {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv(seed), 10, 64)
	if err != nil {
		n = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d; repeat with SEED=%[1]d", n)
	return rand.New(rand.NewPCG(n, 0))
}
