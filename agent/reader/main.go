// Command reader is kextwatch-reader, the only program of kextwatch that runs
// as root. It publishes the policy database's rows for every user, and ends.
//
// launchd starts it when the database changes, after sudo kextwatch install
// --reader. It must give nobody a way to lead root: it has no flags, ignores
// its environment, starts no program and opens no connection.
//
// Exit status: 0 published or unchanged, 64 for an argument, 69 if the current
// rows could not be published.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/policy"
	"kextwatch/probe/root"
)

// Exit codes, after sysexits.h.
const (
	exitUsage       = 64
	exitUnavailable = 69
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Clearenv()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], root.FS{Root: "/", NoTools: true}, probe.Clock{Now: time.Now, After: time.After}, os.Stderr))
}

// run is the whole program on the Mac m. It returns the exit code.
func run(ctx context.Context, args []string, m root.FS, clock probe.Clock, stderr io.Writer) int {
	// The jobs that earlier versions installed pass this argument.
	if len(args) == 1 && args[0] == "read-policy" {
		args = nil
	}
	if len(args) > 0 {
		return fail(stderr, exitUsage, fmt.Errorf("unexpected argument %q", args[0]),
			"run it without arguments; this is kextwatch-reader "+version)
	}
	_, err := policy.RunReader(ctx, m, clock)
	if failed, ok := errors.AsType[*policy.NotPublished](err); ok && ctx.Err() == nil {
		return fail(stderr, exitUnavailable, failed.Err, failed.Next)
	}
	return 0
}

func fail(stderr io.Writer, code int, err error, hint string) int {
	fmt.Fprintf(stderr, "kextwatch-reader: error: %s\n", probe.Printable(err.Error()))
	fmt.Fprintf(stderr, "kextwatch-reader: hint: %s\n", probe.Printable(hint))
	return code
}
