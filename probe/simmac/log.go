package simmac

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// logFile holds the output of the log tool, one line for each message.
const logFile = simDir + "/log"

// The processes that log about kexts. kernelmanagerd replaced kextd in macOS 11.
const (
	kextd          = "/usr/libexec/kextd"
	kernelmanagerd = "/usr/libexec/kernelmanagerd"
	syspolicyd     = "/usr/libexec/syspolicyd"
)

// logEntry has the fields of `log stream --style ndjson`. Two of them are too large
// for a float64.
type logEntry struct {
	TraceID                  uint64 `json:"traceID"`
	EventMessage             string `json:"eventMessage"`
	EventType                string `json:"eventType"`
	Source                   any    `json:"source"`
	FormatString             string `json:"formatString"`
	ActivityIdentifier       int    `json:"activityIdentifier"`
	Subsystem                string `json:"subsystem"`
	Category                 string `json:"category"`
	ThreadID                 int    `json:"threadID"`
	SenderImageUUID          string `json:"senderImageUUID"`
	BootUUID                 string `json:"bootUUID"`
	ProcessImagePath         string `json:"processImagePath"`
	Timestamp                string `json:"timestamp"`
	SenderImagePath          string `json:"senderImagePath"`
	MachTimestamp            uint64 `json:"machTimestamp"`
	MessageType              string `json:"messageType"`
	ProcessImageUUID         string `json:"processImageUUID"`
	ProcessID                int    `json:"processID"`
	SenderProgramCounter     int    `json:"senderProgramCounter"`
	ParentActivityIdentifier int    `json:"parentActivityIdentifier"`
	TimezoneName             string `json:"timezoneName"`
}

// setUpLog creates an empty log. Only an administrator may read it.
func (m *Mac) setUpLog(standardUser bool) error {
	if standardUser {
		if err := m.write(simDir+"/standard-user", nil, 0o644); err != nil {
			return err
		}
	}
	return m.write(logFile, nil, 0o644)
}

// journal holds the log lines of one event.
type journal struct{ bytes.Buffer }

func (j *journal) add(now time.Time, process, subsystem, message string) {
	entry := logEntry{
		TraceID: 0xfedcba9876543210, EventMessage: message, EventType: "logEvent", FormatString: "%{public}s",
		Subsystem: subsystem, ThreadID: 5174, SenderImageUUID: uuidOf(process), ProcessImagePath: process,
		Timestamp: now.Local().Format("2006-01-02 15:04:05.000000-0700"), SenderImagePath: process,
		MachTimestamp: 1<<60 + uint64(now.UnixNano()), MessageType: "Default", ProcessImageUUID: uuidOf(process),
		ProcessID: 262, SenderProgramCounter: 79292,
	}
	if subsystem != "" {
		entry.Category = "default"
	}
	data, _ := json.Marshal(entry) // plain data can always be encoded
	j.Write(bytes.ReplaceAll(data, []byte("/"), []byte(`\/`)))
	j.WriteByte('\n')
}

// saveJournal appends the lines to the log with one write.
func (m *Mac) saveJournal(j *journal) error {
	if j.Len() == 0 {
		return nil
	}
	path, err := m.resolve(logFile)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(j.Bytes())
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// logAttempt logs the messages of macOS for an attempt to load these kexts.
func (c *change) logAttempt(kexts []kext, now time.Time) error {
	var refused, unlinked []kext
	for _, k := range kexts {
		ok, err := c.permitted(k)
		if err != nil {
			return err
		}
		if !ok {
			refused = append(refused, k)
		} else if !c.linked(k) {
			unlinked = append(unlinked, k)
		}
		if c.st.version().Major() > 10 {
			if err := c.logEvaluation(k, ok, now); err != nil {
				return err
			}
		} else if !ok {
			// The message of kextd for an allowed kext is unknown.
			c.log.add(now, kextd, "", rejectedText(k, "system policy"))
		}
	}
	switch {
	case c.st.version().Major() == 10:
	case len(refused) > 0:
		c.log.add(now, kernelmanagerd, "", "failed to load/rebuild extensions: "+c.notApprovedText(refused))
	case len(unlinked) > 0:
		c.log.add(now, kmutil, "", "kmutil encountered error (28): "+needsReboot(unlinked))
	}
	return nil
}

// logEvaluation logs the messages of syspolicyd for one kext, macOS 11 and later. A
// changed binary is first allowed and then found to need another approval.
func (c *change) logEvaluation(k kext, ok bool, now time.Time) error {
	log := func(words string) {
		c.log.add(now, syspolicyd, "com.apple.syspolicy.kext", fmt.Sprintf("%s Kext (%s, %s) version: %s", words, cmp.Or(k.team, "(null)"), k.id, k.cdhash()))
	}
	var row bool
	err := c.QueryRow(`SELECT EXISTS (SELECT 1 FROM kext_policy WHERE team_id = ? AND bundle_id = ? AND allowed)`, k.team, k.id).Scan(&row)
	if err != nil {
		return fmt.Errorf("KextPolicy: %w", err)
	}
	log("canLoadKernelExtension - direct, evaluate,")
	if ok || row {
		log("Kernel Extension ALLOWED:")
	} else {
		log("Kernel Extension BLOCKED:")
	}
	if row && !ok {
		log("Triggered kext upgrade:")
	}
	return nil
}

// logAllowed logs a click on Allow. From macOS 11 it makes a restart necessary. The
// message of earlier versions is unknown.
func (c *change) logAllowed(now time.Time) {
	if c.st.version().Major() > 10 {
		c.log.add(now, kernelmanagerd, "", "auxkc build requires reboot, calling out to syspolicyd")
	}
}

// RefusalKinds lists the outcomes that LogRefusal can log.
const RefusalKinds = "refused, upgrade, needs-restart, bad-ownership, insecure-location, bad-signature, excluded, missing-dependency, wrong-architecture"

// LogRefusal logs that macOS refuses a kext, whatever the policy says, and changes
// nothing else. name is its bundle ID, of any vendor and also of a kext that this Mac
// does not have, or its path, which only macOS 10.13 to 10.15 log alone. An empty name
// means the first kext of Parallels. Some texts are known for one generation of macOS
// only.
func (m *Mac) LogRefusal(kind probe.Outcome, name string, now time.Time) error {
	if !slices.Contains(strings.Split(RefusalKinds, ", "), string(kind)) {
		return fmt.Errorf("unknown refusal %q: use %s", kind, RefusalKinds)
	}
	return m.change(func(c *change) error {
		if strings.HasPrefix(name, "/") {
			return c.logPath(name, kind, now)
		}
		k, err := m.kextToRefuse(c, name)
		if err != nil {
			return err
		}
		if c.st.version().Major() > 10 {
			return c.logRefusal(k, kind, now)
		}
		return c.logRejection(k, kind, now)
	})
}

// kextToRefuse returns the kext with a bundle ID, or an invented one.
func (m *Mac) kextToRefuse(c *change, id string) (kext, error) {
	if id == "" {
		kexts, err := m.someKexts()
		if err != nil {
			return kext{}, err
		}
		return kexts[0], nil
	}
	if !probe.IsBundleID(id) {
		return kext{}, fmt.Errorf("invalid bundle ID %q", id)
	}
	own, err := m.all()
	if err != nil {
		return kext{}, err
	}
	recorded, err := m.recordedKexts(c)
	if err != nil {
		return kext{}, err
	}
	for _, k := range slices.Concat(own, recorded) {
		if k.id == id {
			return k, nil
		}
	}
	return kext{id: id, team: "(null)", version: "1.0", path: probe.Extensions + "/" + id[strings.LastIndex(id, ".")+1:] + ".kext"}, nil
}

// logPath logs a refusal as kextload of macOS 10.13 to 10.15 does for a path.
func (c *change) logPath(name string, kind probe.Outcome, now time.Time) error {
	reasons := map[probe.Outcome]string{
		probe.Refused:           "system policy prevents loading",
		probe.MissingDependency: "dependency resolution failure",
		probe.WrongArch:         "requested architecture/executable not found",
	}
	if reasons[kind] == "" || c.st.version().Major() > 10 {
		return fmt.Errorf("macOS %s never logs %q for a path alone", c.st.MacOS, kind)
	}
	c.log.add(now, "/sbin/kextload", "", fmt.Sprintf("%s failed to load - (libkern/kext) %s; check the system/kernel logs for errors or try kextutil(8).", name, reasons[kind]))
	return nil
}

// logRefusal logs a refusal as macOS 11 and later does.
func (c *change) logRefusal(k kext, kind probe.Outcome, now time.Time) error {
	bundle := fmt.Sprintf("Kext %s v%s in executable kext bundle %[1]s at %[3]s", k.id, k.version, k.path)
	text, code := "", 71
	switch kind {
	case probe.Refused:
		text, code = c.notApprovedText([]kext{k}), 27
	case probe.NeedsRestart:
		text, code = needsReboot([]kext{k}), 28
	case probe.Upgrade:
		c.log.add(now, syspolicyd, "com.apple.syspolicy.kext", fmt.Sprintf("Triggered kext upgrade: Kext (%s, %s) version: %s", k.team, k.id, k.cdhash()))
		return nil
	case probe.BadSignature:
		text, code = "Authenticating extension failed: "+bundle+":\n\nAuthenticating extension failed: Bad code signature", 29
	case probe.BadOwnership:
		text, code = "Validating extension failed: "+bundle+":\n\nFilesystem error: Invalid ownership (501:20) should be (0:0) on "+k.path, 30
	case probe.Excluded:
		text = "In exclude list: " + bundle + " is in exclude list: inExcludeList"
	case probe.MissingDependency:
		text = "Unable to resolve dependencies: '" + k.id + "' names a dependency on 'com.apple.iokit.IOFireWireFamily', which was not found."
	case probe.WrongArch:
		text = "Incompatible architecture: Binary is for x86_64, but needed arch arm64e\nUnsupported Error: one or more extensions are unsupported to load: \t" + bundle
	default:
		return fmt.Errorf("how macOS %s logs %q is unknown", c.st.MacOS, kind)
	}
	c.log.add(now, kmutil, "", fmt.Sprintf(`Error Domain=KMErrorDomain Code=%d "%s" UserInfo={NSLocalizedDescription=%[2]s}`, code, text))
	return nil
}

// logRejection logs a refusal as macOS 10.13 to 10.15 does.
func (c *change) logRejection(k kext, kind probe.Outcome, now time.Time) error {
	reasons := map[probe.Outcome]string{
		probe.Refused: "system policy", probe.BadOwnership: "improper filesystem permissions", probe.InsecureLocation: "insecure location",
		probe.BadSignature: "invalid signature", probe.Excluded: "presence on exclude list",
	}
	unloadable := map[probe.Outcome]string{
		probe.MissingDependency: "failed to resolve dependencies", probe.WrongArch: "no code for running kernel's architecture",
	}
	switch {
	case reasons[kind] != "":
		c.log.add(now, kextd, "", rejectedText(k, reasons[kind]))
	case unloadable[kind] != "":
		c.log.add(now, kextd, "", fmt.Sprintf("Can't load /Library/StagedExtensions%s - %s.", k.path, unloadable[kind]))
	default:
		return fmt.Errorf("macOS %s never logs %q", c.st.MacOS, kind)
	}
	return nil
}

// rejectedText is the message of kextd.
func rejectedText(k kext, reason string) string {
	place := url.URL{Scheme: "file", Path: "/Library/StagedExtensions" + k.path + "/"}
	return fmt.Sprintf(`Kext rejected due to %s: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "%s", ID = "%s" }`, reason, &place, k.id)
}

// logBooted logs the kexts that the kernel loaded from the auxiliary collection.
func (c *change) logBooted(kexts []kext, at time.Time) {
	for _, k := range kexts {
		if c.st.Loaded[k.id] != "" {
			place := url.URL{Scheme: "file", Path: k.path}
			c.log.add(at, kernelmanagerd, "", fmt.Sprintf("%s exists in Optional(%s), telling kernel to mark as available", k.id, &place))
		}
	}
}
