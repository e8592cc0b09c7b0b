package desktop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"kextwatch/notify"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/simmac"
)

func question() notify.Dialog {
	return notify.Dialog{
		Title:   "5 minutes left",
		Text:    "macOS waits for you.\nClick Allow.",
		Buttons: []string{"Later", "Remind Me in 5 Minutes", "Open Security & Privacy"},
		Default: 2,
	}
}

func simulated(t *testing.T) (*simmac.Mac, Dialogs) {
	t.Helper()
	root := t.TempDir()
	sim, err := simmac.New(root, simmac.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return sim, Dialogs{Root: root}
}

func TestDialogAnswers(t *testing.T) {
	sim, dialogs := simulated(t)
	for _, button := range append(question().Buttons, "") {
		if err := sim.AnswerDialogs(button); err != nil {
			t.Fatal(err)
		}
		if answer, err := dialogs.Ask(ctx, question()); err != nil || string(answer) != button {
			t.Errorf("answer %q, %v; want %q", answer, err, button)
		}
	}
	if err := sim.AnswerDialogs("Cancel, gave up:false"); err != nil {
		t.Fatal(err)
	}
	if answer, err := dialogs.Ask(ctx, question()); err == nil || answer != "" {
		t.Errorf("answer %q, %v; want an error for a button that is not there", answer, err)
	}
}

// Texts are only passed as arguments: no text can become part of the script, an
// option or a command.
func TestDialogTextsAreArguments(t *testing.T) {
	const most = 1000
	for _, test := range []struct{ name, in, want string }{
		{"quotes", `" & (do shell script "touch /tmp/x") & "`, `" & (do shell script "touch /tmp/x") & "`},
		{"backslashes", `\" \\ \n \u202e`, `\" \\ \n \u202e`},
		{"shell", "$(touch x) `touch x` ; rm -rf ~ | $HOME %s", "$(touch x) `touch x` ; rm -rf ~ | $HOME %s"},
		{"option", "-e beep", "-e beep"},
		{"script", "end run\ndisplay dialog 1\non run", "end run\ndisplay dialog 1\non run"},
		{"continuation", "a ¬\nb «event sysobeep»", "a ¬\nb «event sysobeep»"},
		{"control characters", "a\x00\x07\x1b[31mb\x7f", "a[31mb"},
		{"direction", "\u202egnp.exe\u2066", "gnp.exe"},
		{"not UTF-8", "a\xff\xc3(b", "a(b"},
		{"long", strings.Repeat("ü", 10_000), strings.Repeat("ü", most-1) + "…"},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim, dialogs := simulated(t)
			q := question()
			q.Title, q.Text, q.Buttons[1] = test.in, test.in, "x "+test.in
			if _, err := dialogs.Ask(ctx, q); err != nil {
				t.Fatal(err)
			}
			shown, err := sim.Dialogs()
			if err != nil || len(shown) != 1 || len(shown[0]) != 8 {
				t.Fatalf("shown %q, %v; want one dialog of eight arguments", shown, err)
			}
			args := shown[0]
			if !slices.Equal(args[:3], []string{"300", "3", "1"}) {
				t.Errorf("arguments %q, want 300 seconds, the third button for Return, the first for Escape", args[:3])
			}
			if args[4] != test.want {
				t.Errorf("text %.80q, want %.80q", args[4], test.want)
			}
			line := strings.Join(strings.Fields(test.want), " ")
			if want := cut(line, maxTitle); args[3] != want {
				t.Errorf("title %.80q, want %.80q", args[3], want)
			}
			if want := cut(strings.TrimSpace("x "+line), maxButton); args[6] != want {
				t.Errorf("button %.80q, want %.80q", args[6], want)
			}
			if args[5] != "Later" || args[7] != "Open Security & Privacy" {
				t.Errorf("buttons %q, want the others as they are", args[5:])
			}
		})
	}
}

// The answer is the caller's label even if the shown label differs.
func TestDialogAnswerIsCallersLabel(t *testing.T) {
	sim, dialogs := simulated(t)
	q := question()
	q.Buttons[0] = " La\u200bter\n"
	if err := sim.AnswerDialogs("Later"); err != nil {
		t.Fatal(err)
	}
	if answer, err := dialogs.Ask(ctx, q); err != nil || string(answer) != q.Buttons[0] {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestNoDialog(t *testing.T) {
	if _, err := (Dialogs{Root: t.TempDir()}).Ask(ctx, question()); !errors.Is(err, ErrNoDialog) {
		t.Errorf("no osascript: %v, want ErrNoDialog", err)
	}
	_, dialogs := simulated(t)
	for name, change := range map[string]func(*notify.Dialog){
		"no buttons":     func(d *notify.Dialog) { d.Buttons = nil },
		"four buttons":   func(d *notify.Dialog) { d.Buttons = []string{"1", "2", "3", "4"} },
		"empty button":   func(d *notify.Dialog) { d.Buttons[0] = "\u200b" },
		"same button":    func(d *notify.Dialog) { d.Buttons[0] = d.Buttons[1] + "\u200b" },
		"no such button": func(d *notify.Dialog) { d.Cancel = 3 },
		"a negative one": func(d *notify.Dialog) { d.Default = -1 },
	} {
		q := question()
		change(&q)
		if answer, err := dialogs.Ask(ctx, q); err == nil {
			t.Errorf("%s: answer %q, want an error", name, answer)
		}
	}
	if _, err := (Dialogs{Root: "relative"}).Ask(ctx, question()); err == nil {
		t.Error("a relative root was taken")
	}
}

// A link in a simulated Mac resolves beneath its root.
func TestDialogFollowsNoLinkOutOfRoot(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	tool := script(t, filepath.Join(outside, "osascript"), `echo >"$dir/ran"`)
	mactest.NoError(t, os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755))
	mactest.NoError(t, os.Symlink(tool, filepath.Join(root, "usr/bin/osascript")))
	if _, err := (Dialogs{Root: root}).Ask(ctx, question()); !errors.Is(err, ErrNoDialog) {
		t.Errorf("%v, want ErrNoDialog", err)
	}
	if _, err := os.Stat(filepath.Join(outside, "ran")); err == nil {
		t.Error("a tool of this machine was run")
	}
}

func TestDialogToolFails(t *testing.T) {
	root := t.TempDir()
	script(t, filepath.Join(root, "usr/bin/osascript"), `
echo '0:60: execution error: No user interaction allowed. (-1713)' >&2
exit 1
`)
	if _, err := (Dialogs{Root: root}).Ask(ctx, question()); err == nil || !strings.Contains(err.Error(), "No user interaction allowed. (-1713)") {
		t.Errorf("error %v, want what osascript said", err)
	}
}

// The dialog closes when the window closes or the agent ends.
func TestDialogEndsWithContext(t *testing.T) {
	root := t.TempDir()
	pipe := filepath.Join(root, "usr/bin/pipe")
	script(t, filepath.Join(root, "usr/bin/osascript"), `
exec 3>"$dir/pipe"
/bin/sleep 600 &
/bin/sleep 600
`)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := make(chan error, 1)
	go func() { _, err := (Dialogs{Root: root}).Ask(ctx, question()); asked <- err }()
	held, err := os.Open(pipe) // waits for osascript to open it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	waitReleased(t, held)
}

func FuzzDialog(f *testing.F) {
	f.Add("5 minutes left", "Click Allow.", "Later", "button returned:Later, gave up:false\n")
	f.Add("\" & x", "\u202e\x00", "gave up:true", "button returned:, gave up:true")
	f.Add("", "", "a, gave up:false", "button returned:a, gave up:false, gave up:false")
	hostile.Fuzz(f, func(t *testing.T, title, text, button, printed string) {
		q := notify.Dialog{Title: title, Text: text, Buttons: []string{button, "OK"}}
		args, labels, err := arguments(q)
		if err != nil {
			return
		}
		for _, arg := range args[2:] {
			if strings.ContainsFunc(arg, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("argument %q", arg)
			}
		}
		answer, err := answered(printed, labels, q.Buttons)
		if err == nil && answer != "" && !strings.Contains(printed, ":"+labels[slices.Index(q.Buttons, string(answer))]+",") {
			t.Errorf("%q was taken for %q", printed, answer)
		}
	})
}
