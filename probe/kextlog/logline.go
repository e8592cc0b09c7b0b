package kextlog

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

const (
	// logTime is the time format of log(1): local time with a numeric zone.
	logTime = "2006-01-02 15:04:05.000000-0700"

	// namedLimit is the number of attempts that one line can show. A refusal names
	// the extensions of one or a few products.
	namedLimit = 32
)

// logLine holds the fields that are read from a line of `log stream --style
// ndjson`. Other fields hold numbers that are too large for a float64.
type logLine struct {
	Timestamp string `json:"timestamp"`
	Process   string `json:"processImagePath"`
	Subsystem string `json:"subsystem"`
	Message   string `json:"eventMessage"`
}

var (
	// syspolicyd, macOS 11 and later. The team may be "(null)" or "Apple
	// Software". The "version" is the code directory hash:
	//
	//	Kernel Extension BLOCKED: Kext (4C6364ACXT, com.parallels.kext.vnic) version: 6f1d…
	policyForm = probe.Form{Expr: `(?m)^(canLoadKernelExtension - [A-Za-z, -]{0,64}|` +
		`Kernel Extension (?:ALLOWED|BLOCKED): |Triggered kext upgrade: )` +
		`Kext \((\(null\)|Apple Software|[0-9A-Z]{10}|), ([^()\s]+)\)(?: version: ([0-9A-Fa-f]{40})\b)?`}

	// kernelmanagerd and kmutil, macOS 11 and later. The text may be alone or part
	// of an error such as "Error Domain=KMErrorDomain Code=27 …".
	unapprovedForm = probe.Form{Expr: `Extensions? with identifiers? ([^"\n]+?) not approved to load\b`}
	rebootForm     = probe.Form{Expr: `Loading extension\(s\): ([^"\n]+?) requires? a reboot\b`}
)

// parseLogLine returns the load attempts that a line of the log shows: one for
// each bundle ID in it, and none for most lines. It ignores lines of processes
// that are not Apple's, because any program can log any text.
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
		found.listed(l.Message, &unapprovedForm, probe.Refused)
		found.listed(l.Message, &rebootForm, probe.NeedsRestart)
		found.failed(l.Message)
	case "/usr/libexec/kextd", "/sbin/kextload", "/usr/bin/kextutil":
		found.rejected(l.Message)
	}
	for i := range found {
		found[i].At = at.UTC()
		found[i].From = probe.FromLog
	}
	return found
}

// attempts collects the attempts that a line shows.
type attempts []probe.Attempt

// add keeps an attempt if its bundle ID is valid and not Apple's. Apple's own
// extensions need no approval.
func (a *attempts) add(one probe.Attempt) {
	if !probe.IsKextID(one.BundleID) || strings.HasPrefix(strings.ToLower(one.BundleID), "com.apple.") {
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

// evaluation returns the outcome for a text of syspolicyd. ALLOWED alone does not
// prove that the extension can be loaded: syspolicyd may detect an upgrade a
// moment later.
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

// listed reads the bundle IDs in a sentence. Commas separate them.
func (a *attempts) listed(message string, form *probe.Form, outcome probe.Outcome) {
	for _, m := range form.FindAllStringSubmatch(message, namedLimit) {
		for id := range strings.SplitSeq(m[1], ",") {
			a.add(probe.Attempt{BundleID: strings.TrimSpace(id), Outcome: outcome})
		}
	}
}
