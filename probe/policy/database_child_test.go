package policy

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/probe/root"
)

// Some tests need another process: SQLite's locks belong to a process, and only a
// process can be killed in the middle of a transaction. The test binary then runs
// itself again with a role.
const childRole = "KEXTWATCH_TEST_DATABASE_CHILD"

func init() {
	role, arg, _ := strings.Cut(os.Getenv(childRole), " ")
	var err error
	switch role {
	case "":
		return
	case "shell":
		err = shellChild(arg)
	case "churn":
		err = churnChild(arg)
	case "nobody":
		err = nobodyChild(arg)
	case "reader":
		err = readerChild(arg)
	case "publish":
		err = publishChild(arg)
	case "full":
		err = fullChild(arg)
	default:
		err = fmt.Errorf("no such role: %s", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// shellChild runs each line of its input as SQL on one connection.
func shellChild(file string) error {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := db.Exec(lines.Text()); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		fmt.Println("done")
	}
	return nil // not closed: the caller decides how this process ends
}

// churnChild changes every row of kext_policy in one transaction after
// another, so that each committed state has the same sum of numbers: 0. It says
// when the first one is committed.
func churnChild(arg string) error {
	pause, file, _ := strings.Cut(arg, " ")
	wait, err := time.ParseDuration(pause)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", file+"?_pragma=synchronous(OFF)&_pragma=cache_size(5)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	parent := os.Getppid()
	for first := true; os.Getppid() == parent; first = false {
		if _, err := db.Exec(setNumber(`CAST(developer_name AS INTEGER) + CASE rowid % 2 WHEN 1 THEN 1 ELSE -1 END`)); err != nil {
			return err
		}
		if first {
			fmt.Println("done")
		}
		time.Sleep(wait)
	}
	return nil
}

const nobody = 65534

func becomeNobody() error {
	if err := syscall.Setgid(nobody); err != nil {
		return err
	}
	return syscall.Setuid(nobody)
}

// nobodyChild reads the policy of a Mac as an ordinary user.
func nobodyChild(dir string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	_, source := ReadDatabase(context.Background(), root.FS{Root: dir}, time.Now())
	return json.NewEncoder(os.Stdout).Encode(source)
}

// databaseChild is a running child and the lines it prints.
type databaseChild struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startDatabaseChild(t *testing.T, role string) *databaseChild {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &databaseChild{t: t, cmd: exec.Command(exe)}
	c.cmd.Env = append(os.Environ(), childRole+"="+role)
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// kill is kill -9. What the child had not committed must never be read.
func (c *databaseChild) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// line waits for a line from the child.
func (c *databaseChild) line() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("the child process ended: %v", c.lines.Err())
	}
	return c.lines.Text()
}

// sql runs statements in a shell child, one after the other.
func (c *databaseChild) sql(statements ...string) {
	c.t.Helper()
	for _, s := range statements {
		if _, err := fmt.Fprintln(c.stdin, s); err != nil {
			c.t.Fatal(err)
		}
		c.line()
	}
}
