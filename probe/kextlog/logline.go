package kextlog

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

const (
	// logTime is how log(1) writes a time: local, with the zone as a number.
	logTime = "2006-01-02 15:04:05.000000-0700"

	// One refusal names the extensions of one or a few products.
	namedLimit = 32
)

// logLine is what is read of a line of `log stream --style ndjson`. Others of
// its numbers are too large for a float, so they are left alone.
type logLine struct {
	Timestamp string `json:"timestamp"`
	Process   string `json:"processImagePath"`
	Subsystem string `json:"subsystem"`
	Message   string `json:"eventMessage"`
}

var (
	// syspolicyd, macOS 11 and later. The team may be "(null)" or "Apple
	// Software"; what it calls version is the code directory hash:
	//
	//	Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: 6f1d…
	policyForm = regexp.MustCompile(`(?m)^(canLoadKernelExtension - [A-Za-z, -]{0,64}|` +
		`Kernel Extension (?:ALLOWED|BLOCKED): |Triggered kext upgrade: )` +
		`Kext \((\(null\)|Apple Software|[0-9A-Z]{10}|), ([^()\s]+)\)(?: version: ([0-9A-Fa-f]{40})\b)?`)

	// kernelmanagerd and kmutil, macOS 11 and later, alone or within "Error
	// Domain=KMErrorDomain Code=27 …" and others.
	unapprovedForm = regexp.MustCompile(`Extensions? with identifiers? ([^"\n]+?) not approved to load\b`)
	rebootForm     = regexp.MustCompile(`Loading extension\(s\): ([^"\n]+?) requires? a reboot\b`)

	// kextd, macOS 10.13 to 10.15.
	rejectedForm = regexp.MustCompile(`(?m)^Kext rejected due to system policy: ` +
		`<OSKext 0x[0-9a-f]+ \[0x[0-9a-f]+\]> \{ URL = "[^"\n]*",\s+ID = "([^"\n]*)"`)

	// kextload, macOS 10.13 to 10.15, with a path or a bundle ID in front.
	preventedForm = regexp.MustCompile(`(?m)^(\S.*) failed to load - \(libkern/kext\) system policy prevents loading\b`)
)

// parseLogLine finds the attempts to load a kernel extension that a line of
// the log tells of: one for each bundle ID it names, none in most lines. Any
// program can log any text, so a line counts only if the process that wrote it
// is Apple's own. The forms and their sources: kext_tools-779 for 10.13 to
// 10.15, public logs of macOS 11 to 26.2 for the rest.
func parseLogLine(line []byte) []probe.Attempt {
	if len(line) == 0 || line[0] != '{' {
		return nil // the banner, or a blank line
	}
	var l logLine
	if json.Unmarshal(line, &l) != nil {
		return nil
	}
	at, err := time.Parse(logTime, l.Timestamp)
	if err != nil {
		return nil
	}
	var found attempts
	switch l.Process {
	case "/usr/libexec/syspolicyd":
		if l.Subsystem == "com.apple.syspolicy.kext" {
			found.evaluated(l.Message)
		}
	case "/usr/libexec/kernelmanagerd", "/usr/libexec/kernelmanager_helper", "/usr/bin/kmutil":
		found.listed(l.Message, unapprovedForm, probe.Refused)
		found.listed(l.Message, rebootForm, probe.NeedsRestart)
	case "/usr/libexec/kextd", "/sbin/kextload", "/usr/bin/kextutil":
		found.rejected(l.Message)
	}
	for i := range found {
		found[i].At = at.UTC()
		found[i].From = probe.FromLog
	}
	return found
}

// attempts collects what a line tells.
type attempts []probe.Attempt

// add keeps an attempt if what it names has the form of a bundle ID and is not
// Apple's own, which nobody has to approve.
func (a *attempts) add(one probe.Attempt) {
	if !probe.IsBundleID(one.BundleID) || strings.HasPrefix(strings.ToLower(one.BundleID), "com.apple.") {
		return
	}
	a.keep(one)
}

func (a *attempts) keep(one probe.Attempt) {
	if len(*a) < namedLimit && !slices.Contains(*a, one) {
		*a = append(*a, one)
	}
}

func (a *attempts) evaluated(message string) {
	for _, m := range policyForm.FindAllStringSubmatch(message, namedLimit) {
		team := m[2]
		if team == "Apple Software" {
			continue
		}
		if team == "(null)" {
			team = ""
		}
		a.add(probe.Attempt{TeamID: team, BundleID: m[3], CDHash: strings.ToLower(m[4]), Outcome: evaluation(m[1])})
	}
}

// evaluation is what syspolicyd's words mean. ALLOWED alone does not prove
// that the extension can be loaded: an upgrade may be found a moment later.
func evaluation(words string) probe.Outcome {
	switch words {
	case "Kernel Extension ALLOWED: ":
		return probe.Permitted
	case "Kernel Extension BLOCKED: ":
		return probe.Refused
	case "Triggered kext upgrade: ":
		return probe.Upgrade
	}
	return probe.Tried
}

// listed reads the bundle IDs of a sentence, which have commas between them.
func (a *attempts) listed(message string, form *regexp.Regexp, outcome probe.Outcome) {
	for _, m := range form.FindAllStringSubmatch(message, namedLimit) {
		for id := range strings.SplitSeq(m[1], ",") {
			a.add(probe.Attempt{BundleID: strings.TrimSpace(id), Outcome: outcome})
		}
	}
}

// rejected reads what kextd and kextload say. A path within Parallels Desktop
// stands for all of it: the bundle ID is not told.
func (a *attempts) rejected(message string) {
	for _, m := range rejectedForm.FindAllStringSubmatch(message, namedLimit) {
		a.add(probe.Attempt{BundleID: m[1], Outcome: probe.Refused})
	}
	for _, m := range preventedForm.FindAllStringSubmatch(message, namedLimit) {
		if strings.HasPrefix(probe.Unstaged(m[1]), probe.ParallelsApp+"/") {
			a.keep(probe.Attempt{TeamID: probe.ParallelsTeamID, Outcome: probe.Refused})
			continue
		}
		a.add(probe.Attempt{BundleID: m[1], Outcome: probe.Refused})
	}
}
