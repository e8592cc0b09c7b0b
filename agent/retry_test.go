package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

const (
	uuidA    = "b0f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	uuidB    = "c1f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	uuidC    = "d2f4b3a0-2f0c-4c6e-9d0a-0123456789ab"
	vmHelp   = "https://www.parallels.com/products/desktop/supportinfo/pdfm19_en_US_56521"
	notAsked = "To start the VM, allow the Parallels Hypervisor System Extension and restart your Mac. " + vmHelp
)

func stoppedVM(name, uuid string) probe.VM {
	return probe.VM{UUID: uuid, Name: name, State: probe.VMStopped, Hypervisor: probe.ParallelsHypervisor}
}

func TestChooseVM(t *testing.T) {
	running, apple, unknown, nameless := stoppedVM("Running", uuidB), stoppedVM("Apple's", uuidB), stoppedVM("Unknown", uuidB), stoppedVM("No UUID", "")
	running.State, apple.Hypervisor, unknown.Hypervisor = probe.VMRunning, probe.AppleHypervisor, ""
	hostile := stoppedVM("x\x1b[31m\u202e\n--help", uuidC)
	a, b, twin := stoppedVM("Windows 11", uuidA), stoppedVM("Debian", uuidB), stoppedVM("Windows 11", uuidC)
	for name, c := range map[string]struct {
		list []probe.VM
		vm   string
		yes  bool
		want string // UUID
		exit int
		err  string
	}{
		"the only one":              {[]probe.VM{running, a, apple, unknown, nameless}, "", false, uuidA, 0, ""},
		"the first by name":         {[]probe.VM{a, b}, "", true, uuidB, 0, ""},
		"several, nobody to ask":    {[]probe.VM{a, b}, "", false, "", exitUsage, "1  “Debian”  " + uuidB},
		"by name":                   {[]probe.VM{a, b}, "Windows 11", false, uuidA, 0, ""},
		"by UUID":                   {[]probe.VM{a, twin}, "{" + strings.ToUpper(uuidC) + "}", false, uuidC, 0, ""},
		"by a name two have":        {[]probe.VM{a, twin}, "Windows 11", true, "", exitUsage, "several virtual machines have this name"},
		"by part of a name":         {[]probe.VM{a, b}, "Windows", true, "", exitUsage, "no such virtual machine"},
		"one that runs":             {[]probe.VM{running, a}, "Running", true, "", exitUnavailable, "not stopped"},
		"one on Apple's":            {[]probe.VM{apple}, "Apple's", true, "", exitUnavailable, "does not use Parallels' hypervisor"},
		"none that would help":      {[]probe.VM{running, apple, unknown, nameless}, "", true, "", exitUnavailable, "no stopped virtual machine"},
		"none at all":               {nil, "", true, "", exitUnavailable, "no stopped virtual machine"},
		"a hostile name":            {[]probe.VM{hostile}, "", true, uuidC, 0, ""},
		"a hostile name, to choose": {[]probe.VM{hostile, a}, "", false, "", exitUsage, "“x[31m --help”  " + uuidC},
	} {
		t.Run(name, func(t *testing.T) {
			r := retry{invocation: &invocation{}, yes: c.yes, vm: c.vm}
			got, err := r.chooseVM(t.Context(), probe.Machines{Known: true, List: c.list})
			if got.UUID != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
			if c.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if f := (*failure)(nil); !errors.As(err, &f) || f.exit != c.exit || f.hint == "" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, want exit %d and %q", err, c.exit, c.err)
			}
			if strings.ContainsAny(err.Error(), "\x1b\u202e") {
				t.Errorf("%q is shown as it is", err)
			}
		})
	}
	r := retry{invocation: &invocation{}}
	if _, err := r.chooseVM(t.Context(), probe.Machines{}); err == nil || !strings.Contains(err.Error(), "is not known") {
		t.Errorf("no list: %v", err)
	}
}

// startStory is a Mac of macOS 13 and later, and a virtual machine on it.
type startStory struct {
	t    *testing.T
	sim  *simmac.Mac
	root string
	vm   probe.VM
	out  bytes.Buffer
	errs bytes.Buffer
	json bool
}

func newStartStory(t *testing.T, prlctl string) *startStory {
	t.Helper()
	root := filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(root, simmac.Options{MacOS: "14.7.2", Parallels: "19.4.3", Now: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "usr/local/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(root, "usr/local/bin/prlctl"))
	script := "#!/bin/sh\n[ \"$*\" = 'start " + uuidA + "' ] || exit 70\n" + prlctl
	if err := os.WriteFile(filepath.Join(root, "usr/local/bin/prlctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return &startStory{t: t, sim: sim, root: root, vm: stoppedVM("Windows \x1b[31m11\u202e", uuidA)}
}

// try runs `retry --yes` with the virtual machine in the first look.
func (s *startStory) try(timeout time.Duration, change func(*probe.Snapshot)) (*invocation, error) {
	s.t.Helper()
	h := newHost()
	h.stdin, h.stdout, h.stderr, h.uid = strings.NewReader(""), &s.out, &s.errs, 501
	in := &invocation{host: h, speaker: speaker{out: &s.out, err: &s.errs, json: s.json}, mac: root.FS{Root: s.root}}
	r := retry{invocation: in, yes: true, timeout: timeout}
	prober := mac.NewProber(in.mac, s.t.TempDir())
	snap := prober.Look(s.t.Context(), time.Now(), mac.How{Fresh: true})
	snap.Machines = probe.Machines{Known: true, From: "prlctl", List: []probe.VM{s.vm}}
	if change != nil {
		change(&snap)
	}
	err := r.on(s.t.Context(), prober, snap)
	for _, text := range []string{s.out.String(), s.errs.String()} {
		if strings.ContainsAny(text, "\x1b\u202e") {
			s.t.Errorf("a name is shown as it is: %q", text)
		}
	}
	return in, err
}

func (s *startStory) wantOut(parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(s.out.String(), part) {
			s.t.Errorf("no %q in\n%s", part, &s.out)
		}
	}
}

// From macOS 11 on a virtual machine is started, and macOS writes the attempt
// down while Parallels still says what it thinks of it.
func TestRetryStartsAVirtualMachine(t *testing.T) {
	dir := t.TempDir()
	tried, answer := filepath.Join(dir, "tried"), filepath.Join(dir, "answer")
	for _, pipe := range []string{tried, answer} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newStartStory(t, ": >'"+tried+"'; cat '"+answer+"'; exit 255")
	attempted := make(chan error, 1)
	go func() {
		os.ReadFile(tried) // until prlctl runs
		err := s.sim.Attempt(time.Now())
		attempted <- errors.Join(err, os.WriteFile(answer, []byte(notAsked), 0))
	}()
	s.json = true
	in, err := s.try(time.Minute, nil)
	if err != nil || in.exit != 0 {
		t.Fatalf("exit %d, %v; %s", in.exit, err, &s.errs)
	}
	if err := <-attempted; err != nil {
		t.Error(err)
	}
	s.wantOut(`"tried": "start-vm"`, `"uuid": "`+uuidA+`"`, `"name": "Windows [31m11"`, `"verdict": "blocked-open"`, `"closes_at": `)
}

// Approved, but not restarted: Parallels says the same 56521, and no button
// comes.
func TestRetryAfterApproval(t *testing.T) {
	s := newStartStory(t, "echo '"+notAsked+"' >&2; exit 255")
	now := time.Now()
	for _, happens := range []func(time.Time) error{s.sim.Attempt, s.sim.Allow} {
		if err := happens(now); err != nil {
			t.Fatal(err)
		}
	}
	in, err := s.try(time.Second, nil)
	if err != nil || in.exit != exitNothingCame {
		t.Fatalf("exit %d, %v", in.exit, err)
	}
	s.wantOut("No Allow button came", "Parallels says more at "+vmHelp)
}

func TestRetryThatEndsOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		prlctl string
		change func(*probe.Snapshot)
		exit   int
		err    string
		out    []string
	}{
		"it starts":       {"echo 'The VM has been successfully started.'", nil, exitNothingCame, "", []string{"No Allow button came", "macOS did not block it"}},
		"the service":     {"echo 'Unable to connect to Parallels Service.' >&2; exit 255", nil, 0, "does not answer", nil},
		"something else":  {"echo 'no licence' >&2; exit 1", nil, 0, "no licence", nil},
		"nothing happens": {"sleep 600", nil, exitNothingCame, "", []string{"Parallels did not try", "Start the virtual machine in Parallels Desktop"}},
		"what runs": {"sleep 600", func(snap *probe.Snapshot) {
			snap.Situation = probe.Situation{Asked: true, Service: probe.No}
		}, exitNothingCame, "", []string{"Parallels' service does not run"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStartStory(t, c.prlctl)
			in, err := s.try(time.Second, c.change)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v, want %q", err, c.err)
			}
			if f := (*failure)(nil); c.err != "" && (!errors.As(err, &f) || f.exit != exitUnavailable || f.hint == "") {
				t.Errorf("%#v", err)
			}
			if in.exit != c.exit {
				t.Errorf("exit %d, want %d", in.exit, c.exit)
			}
			s.wantOut(c.out...)
		})
	}
}

// Where no policy can be read, Parallels' own word is the evidence.
func TestRetryWithoutAPolicy(t *testing.T) {
	s := newStartStory(t, "echo '"+notAsked+"'; exit 255")
	if err := os.Remove(filepath.Join(s.root, "private/var/db/SystemPolicyConfiguration/KextPolicy")); err != nil {
		t.Fatal(err)
	}
	if err := s.sim.BreakTool("osascript", "none"); err != nil {
		t.Fatal(err)
	}
	s.json = true
	in, err := s.try(time.Minute, nil)
	if err != nil || in.exit != 0 {
		t.Fatalf("exit %d, %v", in.exit, err)
	}
	s.wantOut(`"outcome": "refused"`, `"basis": "retry"`, `"minutes_left": 30`, `"help": "`+vmHelp+`"`, `"verdict": "`+string(approval.Unknown)+`"`)
}
