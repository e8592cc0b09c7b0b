package main

import (
	"regexp"
	"strings"
	"testing"

	"kextwatch/probe/hostile"
)

func TestRedact(t *testing.T) {
	r := newRedactor(
		private{"jane", "user"}, private{"Jane Müller", "user"}, private{"root", "user"}, private{"J", "user"}, private{"", "user"},
		private{"Jane’s MacBook Pro", "computer"}, private{"Janes-MacBook-Pro.local", "computer"}, private{"Janes-MacBook-Pro", "computer"},
		private{"H4TDX1Q2P7", "serial"}, private{"Windows 11 (tax)", "vm"}, private{"ürsel", "user"}, private{"/tmp/x/mac", "root"},
	)
	tests := []struct{ name, text, want string }{
		{"nothing private", "com.parallels.kext.vnic 4C6364ACXT, 16.5.1 49187, macOS 10.15.7 (19H2026)", "com.parallels.kext.vnic 4C6364ACXT, 16.5.1 49187, macOS 10.15.7 (19H2026)"},
		{"user", "-rw-r--r-- 1 jane staff", "-rw-r--r-- 1 <user> staff"},
		{"capitals", "JANE, Jane", "<user>, <user>"},
		{"part of a word", "janet, marijane, jane2", "janet, marijane, jane2"},
		{"full name before the short one", "by Jane Müller", "by <user>"},
		{"no letters of ASCII", "Ürsel, bürsel", "<user>, bürsel"},
		{"everybody's name", "owned by root", "owned by root"},
		{"one letter", "J", "J"},
		{"computer", "Jane’s MacBook Pro is Janes-MacBook-Pro.local is janes-macbook-pro", "<computer> is <computer> is <computer>"},
		{"home", `"/Users/bob/Library" /Users/bob, file:///Users/jane/x /home/eve`, `"/Users/<user>/Library" /Users/<user>, file:///Users/<user>/x /home/<user>`},
		{"volume", `"/Volumes/My Tax Disk/x"`, `"/Volumes/<volume>/x"`},
		{"temporary folder of a user", "open /var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/x: denied", "open /var/folders/<user> denied"},
		{"hardware", "IOPlatformUUID 7BD644E2-74AB-4310-8E56-D7CE28DC8CDB", "IOPlatformUUID <uuid>"},
		{"old serial number", "C02XG0FDJGH5", "<serial>"},
		{"given serial number", "H4TDX1Q2P7", "<serial>"},
		{"named serial number", "Serial Number (system): G5K8QQ7P2L", "Serial Number (system): <serial>"},
		{"named, in JSON", `"serial_number" : "G5K8QQ7P2L"`, `"serial_number" : "<serial>"`},
		{"long word", "SYSTEMPOLICY", "SYSTEMPOLICY"},
		{"virtual machine", `"windows 11 (tax)"`, `"<vm>"`},
		{"network address", "en0 a4:83:e7:0:1:ff", "en0 <address>"},
		{"mail", "mail eve.doe@example.co.uk now", "mail <mail> now"},
		{"directory of a simulated Mac", "open /tmp/x/mac/usr/bin/log", "open <root>/usr/bin/log"},
		{"code directory hash", "c995300bc995300bc995300bc995300bc995300b", "c995300bc995300bc995300bc995300bc995300b"},
		{"time", "2026-05-06T05:45:00Z 05:45:00", "2026-05-06T05:45:00Z 05:45:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.redact(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if once, twice := r.redact(tt.text), r.redact(r.redact(tt.text)); once != twice {
				t.Errorf("once %s\ntwice %s", once, twice)
			}
		})
	}
	if got := newRedactor().redact("jane at /Users/jane"); got != "jane at /Users/<user>" {
		t.Errorf("without names: %s", got)
	}
	if got := newRedactor(private{"a.b(c", "vm"}).redact("a.b(c axb(c"); got != "<vm> axb(c" {
		t.Errorf("a name with punctuation: %s", got)
	}
}

// The redactor removes every name that is a whole word, in any context.
func FuzzRedact(f *testing.F) {
	f.Add("jane doe", "by", "; staff")
	f.Add("windows (tax) vm", "/Users/", "/x")
	f.Add("janejane", "jane", "jane")
	hostile.Fuzz(f, func(t *testing.T, name, before, after string) {
		if !regexp.MustCompile(`^[a-z][a-z ()-]{5,30}[a-z]$`).MatchString(name) || strings.Contains("<temporary folder>", name) {
			return
		}
		text := newRedactor(private{name, "vm"}).redact(before + " " + name + " " + after)
		if strings.Contains(text, " "+name+" ") && !strings.Contains(before+after, name) {
			t.Errorf("%q was not removed: %q", name, text)
		}
	})
}
