package retry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/settings"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

const (
	vmHelp   = "https://www.parallels.com/products/desktop/supportinfo/pdfm19_en_US_56521"
	notAsked = "To start the VM, allow the Parallels Hypervisor System Extension and restart your Mac. " + vmHelp
)

// story is a Mac with macOS 14 and a virtual machine.
type story struct {
	t   *testing.T
	sim *simmac.Mac
	mac root.FS
}

// newStory returns a Mac whose prlctl runs this script.
func newStory(t *testing.T, prlctl string) story {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mac")
	sim, err := simmac.New(dir, simmac.Options{MacOS: "14.7.2", Parallels: "19.4.3", Now: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "usr/local/bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(bin, "prlctl"))
	script := "#!/bin/sh\n[ \"$2 $#\" = '" + uuidA + " 2' ] || exit 70\ncase $1 in start | resume) ;; *) exit 70 ;; esac\n" + prlctl
	if err := os.WriteFile(filepath.Join(bin, "prlctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return story{t, sim, root.FS{Root: dir, UID: 501}}
}

// options are those of the command: it takes snapshots and asks nothing.
func (s story) options(timeout time.Duration, change func(*probe.Snapshot)) Options {
	s.t.Helper()
	prober := mac.NewProber(s.mac)
	snap := prober.Snapshot(s.t.Context(), time.Now(), mac.Options{Fresh: true})
	snap.Machines = probe.Machines{Known: true, From: "prlctl", List: []probe.VM{stoppedVM("Windows 11", uuidA)}}
	if change != nil {
		change(&snap)
	}
	o := Options{
		Mac: s.mac, Clock: probe.Clock{Now: time.Now, After: time.After}, Snapshot: prober.Snapshot, Timeout: timeout,
		Rules: settings.Default().Approval(),
	}
	o.Status, o.Memory = o.Rules.Assess(approval.Memory{}, snap, time.Now())
	return o
}

// codes are the reasons of a result.
func codes(reasons []view.Reason) (codes []approval.ReasonCode) {
	for _, r := range reasons {
		codes = append(codes, r.Code)
	}
	return codes
}

// From macOS 11 a virtual machine is started. macOS records the attempt before
// Parallels answers.
func TestRetryStartsAVirtualMachine(t *testing.T) {
	dir := t.TempDir()
	tried, answer := filepath.Join(dir, "tried"), filepath.Join(dir, "answer")
	for _, pipe := range []string{tried, answer} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newStory(t, ": >'"+tried+"'; cat '"+answer+"'; exit 255")
	attempted := make(chan error, 1)
	go func() {
		os.ReadFile(tried) // until prlctl runs
		err := s.sim.Attempt(time.Now())
		attempted <- errors.Join(err, os.WriteFile(answer, []byte(notAsked), 0))
	}()
	o := s.options(time.Minute, nil)
	var waited []time.Duration
	o.Waited = func(d time.Duration) { waited = append(waited, d) }
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-attempted; err != nil {
		t.Error(err)
	}
	if res.How != StartVM || res.VM == nil || res.VM.UUID != uuidA || res.Product.Verdict != approval.BlockedOpen || !res.Window.Open() {
		t.Errorf("how %s, machine %v, verdict %s, window %v", res.How, res.VM, res.Product.Verdict, res.Window)
	}
	if len(waited) < 2 || waited[0] != 0 {
		t.Errorf("reported the waits %v, want 0 first and one for each snapshot", waited)
	}
}

// Parallels answers with 56521 after an approval without a restart, too. No
// button comes then.
func TestRetryAfterApproval(t *testing.T) {
	s := newStory(t, "echo '"+notAsked+"' >&2; exit 255")
	now := time.Now()
	for _, happens := range []func(time.Time) error{s.sim.Attempt, s.sim.Allow} {
		if err := happens(now); err != nil {
			t.Fatal(err)
		}
	}
	res, err := Run(t.Context(), s.options(time.Second, nil))
	if err != nil || res.Window != nil || res.Help != vmHelp {
		t.Errorf("window %v, help %q, error %v", res.Window, res.Help, err)
	}
}

func TestRetryThatEndsOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		prlctl string
		change func(*probe.Snapshot)
		err    string
		reason approval.ReasonCode
	}{
		"it starts":       {"echo 'The VM has been successfully started.'", nil, "", "started"},
		"the service":     {"echo 'Unable to connect to Parallels Service.' >&2; exit 255", nil, "does not answer", ""},
		"something else":  {"echo 'no license' >&2; exit 1", nil, "no license", ""},
		"nothing happens": {"sleep 600", nil, "", "not-tried"},
		"what runs": {"sleep 600", func(snap *probe.Snapshot) {
			snap.Situation = probe.Situation{Asked: true, Service: probe.No}
		}, "", approval.ReasonServiceDown},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, c.prlctl)
			res, err := Run(t.Context(), s.options(time.Second, c.change))
			if c.err == "" {
				if err != nil || res.Window != nil || !slices.Contains(codes(res.Reasons), c.reason) {
					t.Errorf("window %v, reasons %v, error %v; want the reason %s", res.Window, codes(res.Reasons), err, c.reason)
				}
				return
			}
			if e := (*cli.Failure)(nil); !errors.As(err, &e) || e.Exit != cli.ExitUnavailable || e.Hint() == "" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q and a hint", err, c.err)
			}
		})
	}
}

// If no policy can be read, the answer of Parallels is the evidence.
func TestRetryWithoutAPolicy(t *testing.T) {
	s := newStory(t, "echo '"+notAsked+"'; exit 255")
	if err := os.Remove(filepath.Join(s.mac.Root, "private/var/db/SystemPolicyConfiguration/KextPolicy")); err != nil {
		t.Fatal(err)
	}
	if err := s.sim.BreakTool("osascript", "none"); err != nil {
		t.Fatal(err)
	}
	res, err := Run(t.Context(), s.options(time.Minute, nil))
	if err != nil {
		t.Fatal(err)
	}
	if w := res.Window; !w.Open() || w.Basis != approval.Retry || w.MinutesLeft() != 30 {
		t.Errorf("window %+v", w)
	}
	if res.Outcome() != probe.Refused || res.Help != vmHelp || res.Product.Verdict != approval.Unknown {
		t.Errorf("outcome %s, help %q, verdict %s", res.Outcome(), res.Help, res.Product.Verdict)
	}
}

// The menu takes no snapshots here. The attempt has the time of the question,
// not of the answer.
func TestRetryFromTheMenu(t *testing.T) {
	s := newStory(t, "sleep 2; echo '"+notAsked+"'; exit 255")
	o := s.options(0, nil)
	o.Snapshot, o.Memory = nil, approval.Memory{}
	began := time.Now().UTC().Truncate(time.Second)
	res, err := Run(t.Context(), o)
	took := time.Since(began)
	if err != nil || res.Outcome() != probe.Refused || res.Attempt.From != probe.FromRetry || res.Attempt.TeamID != probe.ParallelsTeamID {
		t.Fatalf("attempt %+v, error %v", res.Attempt, err)
	}
	if asked := res.Attempt.At.Sub(began); asked+time.Second >= took {
		t.Errorf("the attempt is dated %v after the click, and the answer came after %v", asked, took)
	}
	if err := os.WriteFile(filepath.Join(s.mac.Root, "usr/local/bin/prlctl"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if res, err := Run(t.Context(), o); err == nil || res.Attempt != nil {
		t.Errorf("a start that fails: attempt %+v, error %v", res.Attempt, err)
	}
}

// Parallels reports that a virtual machine started, and macOS still blocks the kernel
// extensions, of which none is loaded: that is not well.
func TestRetryThatStartsWhatIsBlocked(t *testing.T) {
	s := newStory(t, "echo 'The VM has been successfully started.'")
	if err := s.sim.Attempt(time.Now().Add(-45 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	res, err := Run(t.Context(), s.options(time.Second, nil))
	if err != nil || res.Product.Verdict != approval.BlockedClosed || len(res.Reasons) == 0 || res.Reasons[0].Code == "started" {
		t.Errorf("verdict %s, reasons %q, error %v", res.Product.Verdict, codes(res.Reasons), err)
	}
}

// Resuming a suspended virtual machine is the attempt. It is not started, and not shut
// down.
func TestRetryResumesAVirtualMachine(t *testing.T) {
	s := newStory(t, "[ $1 = resume ] || exit 70; echo '"+notAsked+"'; exit 255")
	o := s.options(0, func(snap *probe.Snapshot) { snap.Machines.List[0].State = probe.VMSuspended })
	o.Snapshot = nil
	confirmed := &confirmedVM{}
	o.User = confirmed
	res, err := Run(t.Context(), o)
	if err != nil || res.How != ResumeVM || res.Outcome() != probe.Refused || confirmed.vm == nil || confirmed.vm.State != probe.VMSuspended {
		t.Errorf("how %s, outcome %s, confirmed %+v, error %v", res.How, res.Outcome(), confirmed.vm, err)
	}
}

// confirmedVM keeps what it confirmed.
type confirmedVM struct {
	lastVM
	vm *probe.VM
}

func (u *confirmedVM) Confirm(_ context.Context, plan Plan) (bool, error) {
	u.vm = plan.VM
	return true, nil
}

// Networking with kernel extensions asks when Parallels opens: no virtual machine is
// started, unless the user names it.
func TestRetryForNetworkingOpensTheApplication(t *testing.T) {
	s := newStory(t, "echo '"+notAsked+"'; exit 255")
	o := s.options(0, func(snap *probe.Snapshot) { snap.Machines.Kextless = probe.No })
	o.Snapshot = nil
	if res, err := Run(t.Context(), o); err != nil || res.How != OpenApp || res.VM != nil {
		t.Errorf("how %s, machine %v, error %v", res.How, res.VM, err)
	}
	o.VM = uuidA
	if res, err := Run(t.Context(), o); err != nil || res.How != StartVM {
		t.Errorf("with --vm: how %s, error %v", res.How, err)
	}
}

// A retry that failed never advises another retry.
func TestFailedRetryDoesNotAdviseRetry(t *testing.T) {
	s := newStory(t, "sleep 600")
	if err := s.sim.Attempt(time.Now().Add(-50 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	res, err := Run(t.Context(), s.options(time.Second, nil))
	if err != nil || res.Product.Verdict != approval.BlockedClosed || len(res.Reasons) == 0 {
		t.Fatalf("verdict %s, reasons %v, error %v", res.Product.Verdict, codes(res.Reasons), err)
	}
	for _, r := range res.Reasons {
		if text := strings.ToLower(r.Text + r.Next); strings.Contains(text, "try again") || strings.Contains(text, "retry") {
			t.Errorf("%s: %s %s", r.Code, r.Text, r.Next)
		}
	}
}

// Up to macOS 10.15 the application is opened, which answers nothing.
func TestRetryOpensTheApplication(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mac")
	if _, err := simmac.New(dir, simmac.Options{MacOS: "10.15.7", Parallels: "16.5.1", Now: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	s := story{t, nil, root.FS{Root: dir, UID: 501}}
	o := s.options(0, nil)
	o.Snapshot = nil
	opened := filepath.Join(dir, "private/var/db/kextwatch-sim/opened")

	o.User = lastVM{refuses: true}
	if res, err := Run(t.Context(), o); err != nil || !res.Declined || res.How != Nothing {
		t.Errorf("declined: %+v, error %v", res, err)
	}
	if _, err := os.Stat(opened); err == nil {
		t.Error("the application was opened, and the user had declined")
	}
	o.User = nil
	if res, err := Run(t.Context(), o); err != nil || res.How != OpenApp || res.Attempt != nil {
		t.Errorf("how %s, attempt %+v, error %v", res.How, res.Attempt, err)
	}
	if _, err := os.Stat(opened); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "usr/bin/open")); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), o)
	if _, ok := errors.AsType[*NotOpened](err); !ok {
		t.Errorf("without the tool open: %v", err)
	}
}
