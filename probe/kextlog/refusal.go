package kextlog

import (
	"path"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// The forms of kernelmanagerd and kmutil, macOS 11 and later, for a refusal that no
// approval changes. The error code does not tell the reasons apart: 71 stands for
// the exclude list, a missing dependency, another processor, a missing KDK and more.
var (
	excludedForm    = probe.Form{Expr: `In exclude list: Kext (\S+) v`}
	dependencyForm  = probe.Form{Expr: `'([^'\n]+)' names a dependency on '[^'\n]+', which was not found\b`}
	unsupportedForm = probe.Form{Expr: `Unsupported Error: one or more extensions are unsupported to load:?\s+Kext (\S+) v`}
)

// A message about an invalid extension has a heading, and below it what is wrong:
//
//	Validating extension failed: Kext com.example.x v1.24 in executable kext bundle com.example.x at /tmp/x.kext:
//
//	Filesystem error: Invalid ownership (502:20) should be (0:0) on /tmp/x.kext
const (
	invalid      = " extension failed: Kext "
	badOwnership = "Filesystem error: Invalid ownership ("
	badSignature = "Authenticating extension failed: Bad code signature"
)

// wrongArch makes a message about unsupported extensions one about the processor.
const wrongArch = "Incompatible architecture: "

// failed reads the messages of kernelmanagerd and kmutil about refusals that no
// approval changes.
func (a *attempts) failed(message string) {
	a.listed(message, &excludedForm, probe.Excluded)
	a.listed(message, &dependencyForm, probe.MissingDependency)
	if strings.Contains(message, wrongArch) {
		a.listed(message, &unsupportedForm, probe.WrongArch)
	}
	for i, part := range strings.SplitN(message, invalid, namedLimit+1) {
		id, below, found := strings.Cut(part, " v")
		if i == 0 || !found {
			continue
		}
		if strings.Contains(below, badOwnership) {
			a.add(probe.Attempt{BundleID: id, Outcome: probe.BadOwnership})
		}
		if strings.Contains(below, badSignature) {
			a.add(probe.Attempt{BundleID: id, Outcome: probe.BadSignature})
		}
	}
}

// The forms of kextd, kextload and kextutil, macOS 10.13 to 10.15.
var (
	rejectedForm = probe.Form{Expr: `(?m)^Kext rejected due to ([a-z ]+): ` +
		`<OSKext 0x[0-9a-f]+ \[0x[0-9a-f]+\]> \{ URL = "[^"\n]*",\s+ID = "([^"\n]*)"`}

	// The first group is a path or a bundle ID, the second one is the reason.
	unloadedForm    = probe.Form{Expr: `(?m)^(\S.*) failed to load - \(libkern/kext\) ([a-z/ ]+)`}
	unloadableForm  = probe.Form{Expr: `(?m)^Can't load (\S.*) - ([a-z' ]+)\.`}
	listExcludeForm = probe.Form{Expr: `(?m)^(\S.*) (is in exclude list); omitting\.`}
	unstagedForm    = probe.Form{Expr: `(?m)^Bundle \((\S.*)\) (failed to validate), deleting: `}
)

// rejected reads the messages of kextd, kextload and kextutil.
func (a *attempts) rejected(message string) {
	for _, m := range rejectedForm.FindAllStringSubmatch(message, namedLimit) {
		if outcome, known := rejection(m[1]); known {
			a.add(probe.Attempt{BundleID: m[2], Outcome: outcome})
		}
	}
	for _, form := range []*probe.Form{&unloadedForm, &unloadableForm, &listExcludeForm, &unstagedForm} {
		for _, m := range form.FindAllStringSubmatch(message, namedLimit) {
			if outcome, known := rejection(m[2]); known {
				a.named(m[1], outcome)
			}
		}
	}
}

// named keeps an attempt for a path or a bundle ID. A path in Parallels Desktop means
// Parallels Desktop as a whole. For another path, which kext it is is not known here.
func (a *attempts) named(name string, outcome probe.Outcome) {
	switch {
	case probe.InParallels(name):
		a.keep(probe.Attempt{TeamID: probe.ParallelsTeamID, Outcome: outcome})
	case strings.HasPrefix(name, "/"):
		if place, ok := kextAt(name); ok {
			a.keep(probe.Attempt{Path: place, Outcome: outcome})
		}
	default:
		a.add(probe.Attempt{BundleID: name, Outcome: outcome})
	}
}

// pathLimit is the longest path of macOS, in bytes (PATH_MAX).
const pathLimit = 1024

// kextAt returns the path at which a kext was installed, for the path of it or of its
// staged copy. It returns false for a path of macOS itself, one on another volume or in a
// Trash, and one that is no clean path of a kext.
func kextAt(name string) (place string, ok bool) {
	if len(name) > pathLimit || path.Clean(name) != name || path.Ext(name) != ".kext" || probe.OneLine(name) != name || root.Elsewhere(name) {
		return "", false
	}
	place = probe.Unstaged(root.OnBootVolume(name))
	return place, !strings.HasPrefix(place, "/System/") && len(path.Base(place)) > len(".kext")
}

// rejection returns the outcome for a reason of kextd or kextload. Texts that stand
// for several reasons are left out: "failed security checks" of kextd also follows a
// missing approval, and "authentication failure (file ownership/permissions)" of
// kextload also follows an insecure location. kextd logs the reason itself as well.
func rejection(reason string) (outcome probe.Outcome, known bool) {
	switch reason {
	case "system policy", "system policy prevents loading":
		return probe.Refused, true
	case "improper filesystem permissions":
		return probe.BadOwnership, true
	case "insecure location":
		return probe.InsecureLocation, true
	case "invalid signature", "failed to validate":
		return probe.BadSignature, true
	case "presence on exclude list", "is in exclude list":
		return probe.Excluded, true
	case "dependency resolution failure", "failed to resolve dependencies":
		return probe.MissingDependency, true
	case "requested architecture/executable not found", "no code for running kernel's architecture":
		return probe.WrongArch, true
	}
	return "", false
}
