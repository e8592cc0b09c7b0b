package mac

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	vmUUID       = "b0f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	vmHelp       = "https://www.parallels.com/products/desktop/supportinfo/pdfm20_en_US_56521"
	vmNotAllowed = `Starting the VM...
Failed to start the VM: To start "Windows 11", allow the Parallels Hypervisor System Extension and restart your Mac. Alternatively, you can switch the hypervisor type to Apple in the virtual machine configuration. ` + vmHelp
	vmNoService = `Login failed: Unable to connect to Parallels Service. Make sure that the prl_disp_service process is active and it is not blocked by Firewall`
)

func TestStartVM(t *testing.T) {
	say := func(text string) string { return "cat <<'END'\n" + text + "\nEND\n" }
	for name, c := range map[string]struct {
		script  string
		outcome probe.Outcome
		help    string
		err     string
	}{
		"not allowed":               {say(vmNotAllowed) + "exit 255", probe.Refused, vmHelp, ""},
		"said to standard error":    {"{ " + say(vmNotAllowed) + "} >&2; exit 1", probe.Refused, vmHelp, ""},
		"in brackets, full stop":    {say(strings.Replace(vmNotAllowed, vmHelp, "("+vmHelp+").", 1)) + "exit 1", probe.Refused, vmHelp, ""},
		"in another language":       {say("Der Start schlug fehl. "+strings.Replace(vmHelp, "en_US", "C", 1)) + "exit 1", probe.Refused, strings.Replace(vmHelp, "en_US", "C", 1), ""},
		"the number alone":          {say("PRL_ERR_56521") + "exit 1", probe.Refused, "", ""},
		"a page of somebody else's": {say("https://evil.example/pdfm20_en_US_56521") + "exit 1", probe.Refused, "", ""},
		"an unknown page":           {say("https://www.parallels.com/products/desktop/supportinfo/pdfm20_$(id)_56521") + "exit 1", probe.Refused, "", ""},
		"it started":                {say("Starting the VM...\nThe VM has been successfully started."), probe.Permitted, "", ""},
		"no service":                {"{ " + say(vmNoService) + "} >&2; exit 255", "", "", ErrServiceDown.Error()},
		"no such machine":           {"echo 'Failed to get VM config: The virtual machine could not be found.' >&2; exit 255", "", "", "could not be found"},
		"network":                   {"echo 'Network initialization failed. Your virtual machine will continue working normally but will have no network connection' >&2; exit 1", "", "", "Network initialization failed"},
		"crashes":                   {"kill -SEGV $$", "", "", "segmentation fault"},
		"hostile":                   {`printf 'no\033[31m way\n' >&2; exit 1`, "", "", "no[31m way"},
		"absent":                    {"", "", "", "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			if c.script != "" {
				mactest.AddTool(t, m.Root, probe.PrlctlTool, `[ "$*" = "start `+vmUUID+`" ] || exit 70; `+c.script)
			}
			outcome, help, err := StartVM(t.Context(), m, vmUUID)
			wantError(t, err, c.err)
			if outcome != c.outcome || help != c.help {
				t.Errorf("%q, %q; want %q, %q", outcome, help, c.outcome, c.help)
			}
			if (name == "no service") != errors.Is(err, ErrServiceDown) {
				t.Error(err)
			}
		})
	}
}

// A suspended virtual machine is resumed, never started: only the first keeps what is
// open in it.
func TestResumeVM(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.PrlctlTool, `[ "$*" = "resume `+vmUUID+`" ] || exit 70; echo '`+vmHelp+`'; exit 255`)
	if outcome, help, err := ResumeVM(t.Context(), m, vmUUID); err != nil || outcome != probe.Refused || help != vmHelp {
		t.Errorf("%q, %q, %v", outcome, help, err)
	}
	mactest.AddTool(t, m.Root, probe.PrlctlTool, "echo no license >&2; exit 1")
	_, _, err := ResumeVM(t.Context(), m, vmUUID)
	wantError(t, err, "resuming the virtual machine")
	if _, _, err := ResumeVM(t.Context(), m, "--help"); err == nil {
		t.Error("a text that is not a UUID was accepted")
	}
}

func TestStartVMRefusesInvalidUUID(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.PrlctlTool, "echo it ran >&2; exit 1")
	for _, uuid := range []string{"", "Windows 11", "--help", "{" + vmUUID + "}", vmUUID + "\n", vmUUID + " --kill", "../x", "b0f4b3a0"} {
		if _, _, err := StartVM(t.Context(), m, uuid); err == nil || strings.Contains(err.Error(), "it ran") {
			t.Errorf("%q: %v", uuid, err)
		}
	}
}

func TestStartVMEndsWithItsContext(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	started := filepath.Join(m.Root, "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	mactest.AddTool(t, m.Root, probe.PrlctlTool, ": >'"+started+"'; sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if f, err := os.Open(started); err == nil { // once the tool has opened it, too
			f.Close()
		}
		cancel()
	}()
	if outcome, _, err := StartVM(ctx, m, vmUUID); !errors.Is(err, context.Canceled) || outcome != "" {
		t.Errorf("%q, %v", outcome, err)
	}
}

func TestOpenParallels(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, probe.OpenTool, `[ "$*" = "-b com.parallels.desktop.console" ] || exit 70`)
	if err := OpenParallels(t.Context(), m, nil); err != nil {
		t.Error(err)
	}
	mactest.AddTool(t, m.Root, probe.OpenTool, `echo "Unable to find application named '$2'" >&2; exit 1`)
	wantError(t, OpenParallels(t.Context(), m, nil), "Unable to find application")
	mactest.Remove(t, m.Root, probe.OpenTool)
	wantError(t, OpenParallels(t.Context(), m, nil), "does not exist")
	m.NoTools = true
	wantError(t, OpenParallels(t.Context(), m, nil), tool.ErrNoTools.Error())
}

// A copy at another place is opened by its path, unless another user could have put it
// there.
func TestOpenParallelsAtAnotherPlace(t *testing.T) {
	m := root.FS{Root: mactest.Root(t), UID: os.Geteuid()}
	opened := filepath.Join(m.Root, "opened")
	mactest.AddTool(t, m.Root, probe.OpenTool, `printf '%s|' "$@" >'`+opened+`'`)
	const place = "/Applications/Parallels Desktop 17.app"
	addParallels(t, m, place, "17")
	mactest.AddLink(t, m.Root, "/Applications/link.app", place)
	mactest.NoError(t, os.Chmod(m.Root, 0o755))
	for _, c := range []struct {
		path, version string
		mode          os.FileMode // of the folder
		want          string
	}{
		{place, "17", 0o755, place + "|"},
		{probe.ParallelsApp, "17", 0o755, "-b|com.parallels.desktop.console|"},
		{place, "", 0o755, "-b|com.parallels.desktop.console|"},
		{place, "17", 0o777, "-b|com.parallels.desktop.console|"},
		{"/Applications/link.app", "17", 0o755, "-b|com.parallels.desktop.console|"},
		{"", "17", 0o755, "-b|com.parallels.desktop.console|"},
		{"/Applications/gone.app", "17", 0o755, "-b|com.parallels.desktop.console|"},
	} {
		mactest.NoError(t, os.Chmod(m.Root+"/Applications", c.mode))
		if err := OpenParallels(t.Context(), m, &probe.App{Path: c.path, Version: c.version}); err != nil {
			t.Error(err)
		}
		if data, err := os.ReadFile(opened); err != nil || string(data) != c.want {
			t.Errorf("%+v: opened %q, %v", c, data, err)
		}
	}
}

func FuzzParseStartAnswer(f *testing.F) {
	f.Add([]byte(vmNotAllowed))
	f.Add([]byte(vmNoService))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		outcome, help := parseStartAnswer(out, errors.New("exit status 1"))
		if help != "" && outcome != probe.Refused || help != probe.Printable(help) || outcome == probe.Permitted {
			t.Errorf("%q, %q", outcome, help)
		}
	})
}
