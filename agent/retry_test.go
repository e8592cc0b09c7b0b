package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/retry"
	"kextwatch/agent/settings"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

const (
	uuidA  = "b0f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	uuidB  = "c1f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	vmHelp = "https://www.parallels.com/products/desktop/supportinfo/pdfm19_en_US_56521"
)

// hostileVM has a name that would change the color and the direction of text.
var hostileVM = probe.VM{UUID: uuidA, Name: "Windows \x1b[31m11\u202e", State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor}

func noHostileText(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("a name is shown unescaped: %q", text)
	}
}

// The command starts a virtual machine and reports the answer of Parallels,
// here as JSON.
func TestRetryCommandStartsAVirtualMachine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(dir, simmac.Options{MacOS: "14.7.2", Parallels: "19.4.3", Now: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/local/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	prlctl := filepath.Join(dir, "usr/local/bin/prlctl")
	os.Remove(prlctl)
	if err := os.WriteFile(prlctl, []byte("#!/bin/sh\necho 'allow it: "+vmHelp+"'; exit 255\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "private/var/db/SystemPolicyConfiguration/KextPolicy")), sim.BreakTool("osascript", "none")); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	r := retryCommand{Output: cli.Output{Stdout: &out, Stderr: &errs, JSON: true}, options: retry.Options{
		Mac: root.FS{Root: dir, UID: 501}, Clock: probe.Clock{Now: time.Now, After: time.After}, Timeout: time.Minute,
		Rules: settings.Default().Approval(),
	}}
	prober := mac.NewProber(r.options.Mac)
	snap := prober.Snapshot(t.Context(), time.Now(), mac.Options{Fresh: true})
	snap.Machines = probe.Machines{Known: true, List: []probe.VM{hostileVM}}
	exit, err := r.from(t.Context(), prober, snap)
	if err != nil || exit != 0 {
		t.Fatalf("exit %d, %v; %s", exit, err, &errs)
	}
	wantParts(t, out.String(), `"tried": "start-vm"`, `"uuid": "`+uuidA+`"`, `"name": "Windows [31m11"`, `"outcome": "refused"`,
		`"basis": "retry"`, `"minutes_left": 30`, `"closes_at": `, `"help": "`+vmHelp+`"`, `"verdict": "`+string(approval.Unknown)+`"`, `"reasons": []`)
	wantParts(t, errs.String(), "Waiting for the Allow button, up to 1m0s.\n")
	noHostileText(t, out.String()+errs.String())
}

func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

func TestRetryReport(t *testing.T) {
	for name, c := range map[string]struct {
		result retry.Result
		want   []string
	}{
		"the button":           {retry.Result{How: retry.StartVM, Window: &approval.Window{Left: 30 * time.Minute}}, []string{"The Allow button is there until", "for 30 minutes"}},
		"it started":           {retry.Result{How: retry.StartVM, Reasons: []view.Reason{view.Started()}}, []string{"The Allow button did not appear.", "macOS did not block it"}},
		"no attempt":           {retry.Result{How: retry.StartVM, Reasons: []view.Reason{view.NotTried(true)}}, []string{"Parallels did not try", "Start the virtual machine in Parallels Desktop"}},
		"a page":               {retry.Result{How: retry.StartVM, Help: vmHelp}, []string{"The Allow button did not appear.", "More from Parallels: " + vmHelp}},
		"a page in the advice": {retry.Result{How: retry.StartVM, Help: vmHelp, Reasons: []view.Reason{{Next: "Parallels has a page about it (" + vmHelp + ")."}}}, []string{"Parallels has a page about it"}},
		"no next step":         {retry.Result{How: retry.StartVM, Reasons: []view.Reason{{Title: "A note", Text: "It is so."}}}, []string{"- A note. It is so."}},
		"nothing to do":        {retry.Result{How: retry.Nothing}, []string{"There is nothing to try."}},
		"declined":             {retry.Result{How: retry.Nothing, Declined: true}, []string{"Nothing was tried."}},
	} {
		var out bytes.Buffer
		retryCommand{Output: cli.Output{Stdout: &out, Stderr: io.Discard}}.report(c.result)
		t.Log(name)
		wantParts(t, out.String(), c.want...)
		for line := range strings.Lines(out.String()) {
			if strings.TrimSpace(line) == "" {
				t.Errorf("%s: an empty line in\n%s", name, &out)
			}
		}
		if n := strings.Count(out.String(), vmHelp); n > 1 {
			t.Errorf("the page is named %d times, want once:\n%s", n, &out)
		}
	}
}

// Without a terminal retry returns an error for a choice and for a confirmation.
func TestRetryQuestionsWithoutATerminal(t *testing.T) {
	q := retryQuestions{keyboard: keyboard{strings.NewReader("1\n"), io.Discard}}
	debian := probe.VM{UUID: uuidB, Name: "Debian"}
	_, chosen := q.Choose(t.Context(), []probe.VM{debian, hostileVM})
	_, confirmed := q.Confirm(t.Context(), retry.Plan{})
	for err, want := range map[error]string{chosen: "1  “Debian”  " + uuidB, confirmed: "cannot ask for confirmation"} {
		if f := (*cli.Failure)(nil); !errors.As(err, &f) || f.Exit != cli.ExitUsage || f.Hint() == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want exit %d and %q", err, cli.ExitUsage, want)
		}
		noHostileText(t, err.Error())
	}
}
