package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // the database driver

	"kextwatch/probe/mactest"
)

// programs maps the name of this test binary to the program that it acts as.
var programs = map[string]func(){
	"kextwatch":            func() { mainAs(os.Geteuid()) },
	"kextwatch-as-user":    func() { mainAs(501) },
	"kextwatch-as-root":    func() { mainAs(0) },
	"kextwatch-as-another": func() { mainAs(os.Geteuid() + 1) },
	"kextwatch-full-disk":  mainOnFullDisk,
	"kextwatch-to-file":    func() { mainToFile(os.Geteuid()) },
	"kextwatch-root-file":  func() { mainToFile(0) },
}

func TestMain(m *testing.M) {
	testscript.Main(mactest.Leaks{M: m}, programs)
}

// mainAs is main for a given user, with a record of the documents that it prints.
func mainAs(uid int) {
	h := recorded(newHost())
	h.uid = uid
	os.Exit(start(h))
}

// mainOnFullDisk is main for a program that cannot write a single byte to a file: not
// even a record.
func mainOnFullDisk() {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	limit.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	main()
}

// mainToFile is mainAs with its standard output in the file that the first argument
// names, where waitfor can read it while the program still runs.
func mainToFile(uid int) {
	out, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	os.Stdout = out
	os.Args = append(os.Args[:1], os.Args[2:]...)
	mainAs(uid)
}

// Each script tests one behavior that a user can see. CONTRIBUTING.md describes the
// language.
func TestScript(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { everySchemaMet(t) })
	runScripts(t, "testdata/script", "reader_stops", "reader_publishes", "demo_macfuse", "demo_not_loaded", "fleet_engines", "demo", "cannot_tell")
}

// runScripts runs the scripts of a folder. slowest are the names of those that wait
// longest: they start first, so that they do not wait alone in the end. Package testing
// starts parallel subtests in the opposite order.
func runScripts(t *testing.T, dir string, slowest ...string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s, %v", dir, err)
	}
	for _, name := range slowest {
		file := filepath.Join(dir, name+".txtar")
		i := slices.Index(files, file)
		if i < 0 {
			t.Fatalf("there is no script %s", file)
		}
		files = append(slices.Delete(files, i, i+1), file)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Setenv("TZ", "UTC")
			env.Setenv("GUI", fmt.Sprint("gui/", os.Geteuid()))
			env.Setenv("NL", "\n")
			for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"} {
				env.Setenv(name, "")
			}
			// The options of the race detector; and where a darwin program is run elsewhere.
			for _, name := range []string{"GORACE", "MACHORUN", "MACHORUN_HIDE"} {
				if value, ok := os.LookupEnv(name); ok {
					env.Setenv(name, value)
				}
			}
			for _, dir := range []string{"home", "tmp"} {
				if err := os.Mkdir(filepath.Join(env.WorkDir, dir), 0o700); err != nil {
					return err
				}
			}
			return checkWhatIsPrinted(env)
		},
		Condition: func(cond string) (bool, error) {
			if cond != "root" { // a second user can be played
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sim":      playCommand,
			"sqlite":   sqliteCommand,
			"waitfor":  waitforCommand,
			"exits":    exitsCommand,
			"json":     jsonCommand,
			"truncate": truncateCommand,
			"ago":      agoCommand,
			"ordinary": ordinaryCommand,
			"reader":   readerCommand,
			"munki":    munkiCommand,
			"osquery":  osqueryCommand,

			"package":   packageCommand,
			"installer": installerCommand,
		},
	})
}

// sim DIR VERB… does what exec kextwatch sim DIR VERB… does, without a process: with the
// race detector, to start one takes longer than most verbs. A path that a verb reads is not
// resolved in the folder of the script.
func playCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sim DIR VERB…")
	}
	h := newHost()
	h.env, h.stdin = ts.Getenv, strings.NewReader("")
	h.stdout, h.stderr = ts.Stdout(), ts.Stderr()
	args[0] = ts.MkAbs(args[0])
	if code := run(context.Background(), append([]string{"sim"}, args...), h); code != 0 {
		ts.Fatalf("exit code %d", code)
	}
}

// sqlite FILE SQL… runs statements on a database, over one connection.
func sqliteCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sqlite FILE SQL…")
	}
	file := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=synchronous(off)")
	ts.Check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range args[1:] {
		if strings.HasSuffix(statement, ".sql") {
			statement = ts.ReadFile(statement)
		}
		_, err := db.Exec(statement)
		ts.Check(err)
	}
}

// waitfor FILE REGEXP waits until a line of the file matches, or with "!" until none does.
func waitforCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] waitfor FILE REGEXP")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	file := ts.MkAbs(args[0])
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(file); (err == nil && want.Match(data)) != neg {
			return
		}
	}
	data, _ := os.ReadFile(file)
	ts.Fatalf("%s: a line matches %s: %t in\n%s", args[0], args[1], neg, data)
}

// exits CODE COMMAND… runs a command that has to end with this exit code.
func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = strconv.Itoa(exit.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// truncate FILE BYTES cuts a file.
func truncateCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// ago DURATION VARIABLE [--now] sets a variable to a time before now, as SQLite writes
// it, or as the flag --now reads it.
func agoCommand(ts *testscript.TestScript, neg bool, args []string) {
	layout := time.DateTime
	if len(args) == 3 && args[2] == "--now" {
		layout, args = time.RFC3339, args[:2]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ago DURATION VARIABLE [--now]")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Setenv(args[1], time.Now().Add(-d).UTC().Format(layout))
}
