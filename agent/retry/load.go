package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/agent/cli"
	"kextwatch/agent/view"
	"kextwatch/probe"
	"kextwatch/probe/mac"
)

// mostKexts is how many kexts one retry loads. One developer has one row in the pane.
const mostKexts = 8

// noAttemptHelps reports whether macOS shows no Allow button after any attempt.
func noAttemptHelps(p approval.Product) bool {
	return slices.Contains([]approval.Verdict{approval.Managed, approval.NeedsRecovery, approval.CannotLoad}, p.Verdict)
}

// blockedKexts returns the blocked kexts of a product of another vendor that macOS can be
// made to load.
func (o Options) blockedKexts(p approval.Product) ([]approval.Kext, error) {
	again := view.TryAgain(p, o.Status.Mac.OS)
	switch {
	case o.VM != "":
		return nil, cli.Usage("remove --vm", "%s has no virtual machines that kextwatch knows", p.Name)
	case !o.Status.Facts.Mac.OS.Known():
		return nil, cli.Unavailable(errors.New("unknown version of macOS: the safe method depends on it"), again)
	case p.Verdict == approval.Unknown:
		return nil, cli.Unavailable(fmt.Errorf("kextwatch cannot tell whether %s is blocked", p.Name), view.Next(p, o.Status))
	}
	kexts := slices.DeleteFunc(p.Kexts(), func(k approval.Kext) bool { return !k.Blocked || k.Path == "" })
	if p.Known == nil && o.Product == nil {
		with := "repeat this with --product"
		if probe.IsTeamID(p.TeamID) {
			with = "run kextwatch retry --product " + p.TeamID
		}
		return nil, cli.Usage("if you know it, "+with, "kextwatch does not know %s", view.Clean(p.Name))
	}
	if o.Mac.UID != 0 {
		byRoot := slices.ContainsFunc(kexts, func(k approval.Kext) bool { return mac.Loadable(o.Mac, k.Path) == nil })
		if byRoot && probe.IsTeamID(p.TeamID) {
			again += "; an administrator can also run sudo kextwatch retry --product " + p.TeamID
		}
		return nil, cli.Unavailable(fmt.Errorf("kextwatch cannot make %s try again as an ordinary user", p.Name), again)
	}
	if len(kexts) == 0 {
		return nil, cli.Unavailable(fmt.Errorf("the kernel extensions of %s were not found", p.Name), again)
	}
	return kexts[:min(len(kexts), mostKexts)], nil
}

func paths(kexts []approval.Kext) []string {
	var all []string
	for _, k := range kexts {
		all = append(all, k.Path)
	}
	return all
}

// load makes macOS load the kexts, one after the other. It stops at the first refusal: the
// Allow button is then there for all kexts of this developer. Otherwise it returns the most
// serious outcome: an error, then a needed restart, then permitted.
func (t *trial) load(ctx context.Context) answer {
	a := answer{asked: t.Clock.Now()}
	var failures []string
	for _, k := range t.kexts {
		outcome, err := mac.LoadKext(ctx, t.Mac, t.Status.Facts.Mac.OS, k.Path)
		switch {
		case err != nil:
			failures = append(failures, err.Error())
		case outcome == probe.Refused:
			a.outcome, a.bundleID = outcome, k.BundleID
			return a
		case a.outcome != probe.NeedsRestart:
			a.outcome, a.bundleID = outcome, k.BundleID
		}
	}
	if len(failures) > 0 {
		a.err = errors.New(strings.Join(failures, "; "))
	}
	return a
}
