package simmac

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"time"
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
			place := url.URL{Scheme: "file", Path: "/Library/StagedExtensions" + k.path + "/"}
			c.log.add(now, kextd, "", fmt.Sprintf(
				`Kext rejected due to system policy: <OSKext 0x7fb4e8c1a2b0 [0x7fff9a1c0af0]> { URL = "%s", ID = "%s" }`, &place, k.id))
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
		c.log.add(now, syspolicyd, "com.apple.syspolicy.kext", fmt.Sprintf("%s Kext (%s, %s) version: %s", words, k.team, k.id, k.cdhash()))
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

// logBooted logs the kexts that the kernel loaded from the auxiliary collection.
func (c *change) logBooted(kexts []kext, at time.Time) {
	for _, k := range kexts {
		if c.st.Loaded[k.id] != "" {
			place := url.URL{Scheme: "file", Path: k.path}
			c.log.add(at, kernelmanagerd, "", fmt.Sprintf("%s exists in Optional(%s), telling kernel to mark as available", k.id, &place))
		}
	}
}
