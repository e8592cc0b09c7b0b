package kextlog

import (
	"encoding/json"
	"testing"
)

// A plus sign is part of a bundle ID in every form of the log.
func TestBundleIDWithPlus(t *testing.T) {
	const id = "com.example.c++driver"
	for process, message := range map[string]string{
		"/usr/libexec/syspolicyd":     "Kernel Extension BLOCKED: Kext (ABCDE12345, " + id + ") version: 6f1d6f1d6f1d6f1d6f1d6f1d6f1d6f1d6f1d6f1d",
		"/usr/libexec/kernelmanagerd": `Extension with identifiers ` + id + ` not approved to load. Please approve using System Settings.`,
		"/usr/libexec/kextd":          `Kext rejected due to system policy: <OSKext 0x7f [0x7f]> { URL = "file:///Library/Extensions/x.kext/", ID = "` + id + `" }`,
		"/sbin/kextload":              id + " failed to load - (libkern/kext) system policy prevents loading; check the system/kernel logs",
	} {
		line := `{"timestamp":"2026-05-06 05:50:00.000000+0000","processImagePath":"` + process + `","subsystem":"com.apple.syspolicy.kext","eventMessage":` + quoted(message) + `}`
		if got := parseLogLine([]byte(line)); len(got) != 1 || got[0].BundleID != id {
			t.Errorf("%s: %+v", process, got)
		}
	}
}

func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}
