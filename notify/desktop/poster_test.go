package desktop

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/notify"
	"kextwatch/probe/mactest"
)

var ctx = context.Background()

// script writes a shell script. $dir is its folder.
func script(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	text = "#!/bin/sh\ndir='" + filepath.Dir(name) + "'\n" + text
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPostStartsTheProgram(t *testing.T) {
	dir := t.TempDir()
	program := script(t, filepath.Join(dir, "kextwatch"), `
/bin/cat >"$dir/in"
echo "$@" >"$dir/args"
/usr/bin/env >"$dir/env"
pwd >"$dir/pwd"
echo noise
`)
	t.Setenv(busVariable, "unix:path=/some bus")
	t.Setenv("DYLD_INSERT_LIBRARIES", "/evil.dylib")
	t.Setenv("PATH", dir)
	poster := NewPoster(program, "/mac")
	if err := poster.Post(ctx, notify.Alert{Title: "Two\nlines", Body: "Click\u00a0Allow.\nNow."}); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, dir, "in"), "Two lines\nClick Allow.\nNow."; got != want {
		t.Errorf("standard input %q, want %q", got, want)
	}
	if got := read(t, dir, "args"); got != "post\n" {
		t.Errorf("arguments %q", got)
	}
	if got := read(t, dir, "pwd"); got != "/\n" {
		t.Errorf("folder %q", got)
	}
	env := read(t, dir, "env")
	for _, want := range []string{busVariable + "=unix:path=/some bus\n", "PATH=/mac/usr/bin:/mac/bin:/mac/usr/sbin:/mac/sbin\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("environment lacks %q:\n%s", want, env)
		}
	}
	if strings.Contains(env, "DYLD_") {
		t.Errorf("environment is the agent's own:\n%s", env)
	}
	if err := poster.Post(ctx, notify.Alert{Title: "Soon", Urgent: true}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "args"); got != "post --urgent\n" {
		t.Errorf("arguments %q", got)
	}
}

func TestPostErrorHasMessageOfProgram(t *testing.T) {
	program := script(t, filepath.Join(t.TempDir(), "kextwatch"), `
{ echo 'kextwatch: error: no bus'
  echo 'kextwatch: hint: start one'
  i=0; while [ $i -lt 2000 ]; do echo 'and so on, and so on'; i=$((i+1)); done
} >&2
exit 69
`)
	err := NewPoster(program, "/").Post(ctx, notify.Alert{Title: "t"})
	if err == nil || !strings.HasPrefix(err.Error(), "posting a notification: no bus; start one; and so on") {
		t.Fatalf("%.200v", err)
	}
	if strings.Contains(err.Error(), "exit status") {
		t.Errorf("the message has the exit status, which says nothing more: %.200v", err)
	}
	if len(err.Error()) > 5000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestPostTimeout(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that has it open is gone.
	program := script(t, filepath.Join(dir, "kextwatch"), `
exec 3>"$dir/pipe"
/bin/sleep 600 &
/bin/sleep 600
`)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	posted := make(chan error, 1)
	go func() { posted <- NewPoster(program, "/").Post(ctx, notify.Alert{Title: "t"}) }()
	held, err := os.Open(pipe) // waits for the program to open it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cancel()
	if err := <-posted; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	waitReleased(t, held)
}

// waitReleased waits until the last process that has the pipe open is gone.
func waitReleased(t *testing.T, pipe io.Reader) {
	t.Helper()
	gone := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, pipe); gone <- err }()
	select {
	case err := <-gone:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("a process still has the pipe open after a minute")
	}
}

func TestPostRefuses(t *testing.T) {
	alert := notify.Alert{Title: "t"}
	absent := NewPoster(filepath.Join(t.TempDir(), "absent"), "/")
	if err := absent.Post(ctx, alert); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "start it again") {
		t.Errorf("no program: %v", err)
	}
	for _, root := range []string{"", "relative", "/a:/tmp/evil"} {
		if err := (NewPoster("/bin/true", root)).Post(ctx, alert); err == nil {
			t.Errorf("root %q was taken", root)
		}
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := (NewPoster("/bin/sh", "/")).Post(over, alert); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
}

// desktopTool returns the tool that beeep runs: always on a Mac, on other systems
// only without a bus.
func desktopTool() string {
	if runtime.GOOS == "darwin" {
		return "usr/bin/osascript"
	}
	return "usr/bin/notify-send"
}

func noBus(t *testing.T) {
	t.Setenv(busVariable, "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
}

// The complete path, with the test binary as the child and a tool beneath Root.
func TestPostRunsToolBeneathRoot(t *testing.T) {
	noBus(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	tool := script(t, filepath.Join(root, desktopTool()), `for arg; do echo "$arg"; done >"$dir/args"`)
	t.Setenv("PATH", t.TempDir())
	script(t, filepath.Join(os.Getenv("PATH"), "terminal-notifier"), `echo >"$dir/ran"`)

	poster := NewPoster(self, root)
	if err := poster.Post(ctx, notify.Alert{Title: "Parallels \u202ewaits", Body: `Say "yes" & click.`, Urgent: true}); err != nil {
		t.Fatal(err)
	}
	want := "Parallels waits\nSay \"yes\" and click.\n-a\nkextwatch\n"
	if runtime.GOOS == "darwin" {
		want = "-e\ndisplay notification \"Say \\\"yes\\\" & click.\" with title \"Parallels waits\" sound name \"default\"\n"
	}
	if got := read(t, filepath.Dir(tool), "args"); !strings.HasPrefix(got, want) {
		t.Errorf("%s was called with\n%s, want\n%s", tool, got, want)
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("PATH"), "ran")); err == nil {
		t.Error("terminal-notifier from the user's PATH was run")
	}
}

// A link in a simulated Mac resolves beneath its root. No link to a tool, to its folder
// or to a folder above leads to a tool of this machine.
func TestPostFollowsNoLinkOutOfRoot(t *testing.T) {
	noBus(t)
	self, err := os.Executable()
	mactest.NoError(t, err)
	for _, link := range []string{desktopTool(), filepath.Dir(desktopTool()), "usr"} {
		outside, root := t.TempDir(), t.TempDir()
		tool := script(t, filepath.Join(outside, desktopTool()), `echo >"$dir/ran"`)
		mactest.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755))
		mactest.NoError(t, os.Symlink(filepath.Join(outside, link), filepath.Join(root, link)))
		if err := NewPoster(self, root).Post(ctx, notify.Alert{Title: "t"}); err == nil {
			t.Errorf("%s: posted", link)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(tool), "ran")); err == nil {
			t.Errorf("%s: a tool of this machine was run", link)
		}
	}
	// The folder is a link to one beneath root, as /bin is on some systems.
	root := t.TempDir()
	tool := script(t, filepath.Join(root, "real", filepath.Base(desktopTool())), `echo >"$dir/ran"`)
	mactest.NoError(t, os.Mkdir(filepath.Join(root, "usr"), 0o755))
	mactest.NoError(t, os.Symlink("/real", filepath.Join(root, "usr/bin")))
	if err := NewPoster(self, root).Post(ctx, notify.Alert{Title: "t"}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(tool), "ran")); err != nil {
		t.Error(err)
	}
}

func TestPostWithoutDesktop(t *testing.T) {
	noBus(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	err = NewPoster(self, t.TempDir()).Post(ctx, notify.Alert{Title: "t", Body: "b"})
	if err == nil || !strings.Contains(err.Error(), "; "+nextStep(runtime.GOOS)) {
		t.Errorf("%v", err)
	}
}

// prepare calls Prepare and waits until the program has started, which writes its
// arguments to a file.
func prepare(t *testing.T, p *Poster, args string) (over chan struct{}) {
	t.Helper()
	over = make(chan struct{})
	go func() {
		p.Prepare(ctx)
		close(over)
	}()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(args); err == nil {
			return over
		}
		if time.Now().After(end) {
			t.Fatal("Prepare started no program")
		}
	}
}

// counting notes each of its starts, and the text that it got.
const counting = `
echo x >>"$dir/starts"
/bin/cat >"$dir/text.$$"
[ -s "$dir/text.$$" ] || exit 64
/bin/mv "$dir/text.$$" "$dir/text"
`

// A prepared child gets the next urgent alert. Each child posts one.
func TestPreparedChildPostsTheAlert(t *testing.T) {
	dir := t.TempDir()
	p := NewPoster(script(t, filepath.Join(dir, "kextwatch"), counting), "/")
	over := prepare(t, p, filepath.Join(dir, "starts"))
	p.Prepare(ctx) // one child is enough
	wantStarts := func(after string, want int) {
		t.Helper()
		if got := strings.Count(read(t, dir, "starts"), "x"); got != want {
			t.Errorf("%s: %d programs were started, want %d", after, got, want)
		}
	}
	if err := p.Post(ctx, notify.Alert{Title: "Calm"}); err != nil {
		t.Fatal(err)
	}
	wantStarts("an alert without a sound", 2)
	if err := p.Post(ctx, notify.Alert{Title: "Urgent", Body: "now", Urgent: true}); err != nil {
		t.Fatal(err)
	}
	wantStarts("an urgent alert", 2)
	if got := read(t, dir, "text"); got != "Urgent\nnow" {
		t.Errorf("posted %q", got)
	}
	<-over
	if err := p.Post(ctx, notify.Alert{Title: "Again", Urgent: true}); err != nil {
		t.Fatal(err)
	}
	wantStarts("the next urgent alert", 3)
}

// A child that gets no alert ends, and the next alert gets a new one.
func TestPreparedChildEndsWithoutAnAlert(t *testing.T) {
	dir := t.TempDir()
	p := NewPoster(script(t, filepath.Join(dir, "kextwatch"), counting), "/")
	<-prepare(t, p, filepath.Join(dir, "starts"))
	if err := p.Post(ctx, notify.Alert{Title: "Urgent", Urgent: true}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "text"); got != "Urgent\n" {
		t.Errorf("posted %q", got)
	}
}

// A prepared child that was killed or crashed loses no alert.
func TestPreparedChildThatDied(t *testing.T) {
	dir := t.TempDir()
	p := NewPoster(script(t, filepath.Join(dir, "kextwatch"), `
echo x >>"$dir/starts"
[ -e "$dir/died" ] && exec /bin/cat >"$dir/text"
echo x >"$dir/died"
exit 1
`), "/")
	<-prepare(t, p, filepath.Join(dir, "starts"))
	if err := p.Post(ctx, notify.Alert{Title: "Urgent", Urgent: true}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "text"); got != "Urgent\n" {
		t.Errorf("posted %q", got)
	}
}

// The end of the agent kills a prepared child.
func TestPreparedChildEndsWithTheAgent(t *testing.T) {
	dir := t.TempDir()
	p := NewPoster(script(t, filepath.Join(dir, "kextwatch"), `
echo x >"$dir/starts"
exec /bin/sleep 600
`), "/")
	agent, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		p.Prepare(agent)
		close(over)
	}()
	for !exists(filepath.Join(dir, "starts")) {
		time.Sleep(time.Millisecond)
	}
	stop()
	<-over
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
