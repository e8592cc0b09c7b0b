package mac

import (
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

const sipHead = "System Integrity Protection status: "

// customSIP returns the output of csrutil status for a custom configuration, with
// this status and this line about kexts.
func customSIP(word, signing string) string {
	return sipHead + word + ` (Custom Configuration).

Configuration:
	Apple Internal: disabled
	Kext Signing: ` + signing + `
	Filesystem Protections: enabled
	Debugging Restrictions: disabled
	DTrace Restrictions: enabled
	NVRAM Protections: enabled
	BaseSystem Verification: enabled
	Boot-arg Restrictions: enabled
	Kernel Integrity Protections: disabled
	Authenticated Root Requirement: enabled

This is an unsupported configuration, likely to break in the future and leave your machine in an unknown state.`
}

func TestParseSIP(t *testing.T) {
	for name, c := range map[string]struct {
		out  string
		want probe.SIP
	}{
		"enabled":              {sipHead + "enabled.", probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}},
		"disabled":             {sipHead + "disabled.", probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}},
		"custom up to 10.15":   {customSIP("enabled", "disabled"), probe.SIP{State: probe.SIPCustom, KextSigning: probe.No}},
		"custom from 11":       {customSIP("unknown", "enabled"), probe.SIP{State: probe.SIPCustom, KextSigning: probe.Yes}},
		"custom and cut short": {sipHead + "unknown (Custom Configuration).", probe.SIP{State: probe.SIPCustom}},
		"off, Apple Internal":  {sipHead + "disabled (Apple Internal).", probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}},
		"on, Apple Internal":   {sipHead + "enabled (Apple Internal).", probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}},
		"off, another word":    {sipHead + "disabled (Custom Configuration).", probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}}, // invented
		"on, another word":     {sipHead + "enabled (Some Configuration).", probe.SIP{State: probe.SIPCustom}},                             // invented
		"signing seen twice":   {customSIP("unknown", "enabled\n\tKext Signing: disabled"), probe.SIP{State: probe.SIPCustom}},
		"signing unknown":      {customSIP("unknown", "perhaps"), probe.SIP{State: probe.SIPCustom}},
		"CRLF":                 {strings.ReplaceAll(customSIP("unknown", "enabled"), "\n", "\r\n"), probe.SIP{State: probe.SIPCustom, KextSigning: probe.Yes}},
	} {
		got, err := parseSIP([]byte(c.out + "\n"))
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	for name, out := range map[string]string{
		"nothing":          "",
		"unknown alone":    sipHead + "unknown.",
		"another word":     sipHead + "paused.",
		"an open bracket":  sipHead + "enabled (Apple Internal.",
		"another language": "Status der Systemintegritätsschutzes: aktiviert.",
		"usage":            "usage: csrutil <command>",
		"both":             sipHead + "enabled.\n" + sipHead + "disabled.",
		"not at the start": "x " + sipHead + "enabled.",
		"and more":         sipHead + "enabled. Or not.",
	} {
		if got, err := parseSIP([]byte(out)); err == nil || got != (probe.SIP{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestParseKextApproval(t *testing.T) {
	const name = "csr-active-config\t"
	for out, want := range map[string]probe.Answer{
		name + "w%00%00%00":                   probe.Yes, // csrutil disable of old
		name + "%7f%00%00%00":                 probe.Yes,
		name + "%03%08%00%00":                 probe.Yes,
		name + "%00%02%00%00":                 probe.No,
		name + "%00%02%00%00\n":               probe.No,
		name + "%ff%0F%00%00\n":               probe.No,
		name + "w%02%00%00":                   probe.No,
		name + "%25%00%00%00":                 probe.Yes,
		name + " %00%00%00":                   probe.Yes, // a space is printable
		name + "wBCD\n":                       probe.No,  // 0x42 has the bit
		name + "":                             "",
		name + "w%00%00":                      "",
		name + "w%00%00%00%00":                "",
		name + "w%00%00%0":                    "",
		name + "w%00%00%":                     "",
		name + "w%00%00%zz":                   "",
		name + "w%00%00%+1":                   "",
		name + "00000200":                     "",
		"csr-active-config w%00%00":           "",
		"csr-data\tw%00%00%00":                "",
		"":                                    "",
		"nvram: Fehler":                       "",
		name + strings.Repeat("%00", 100_000): "",
	} {
		got, err := parseKextApproval([]byte(out))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.60q: got %q, %v, want %q", out, got, err, want)
		}
	}
}

func TestSIP(t *testing.T) {
	const nvram = "csr-active-config\t%00%02%00%00"
	for name, c := range map[string]struct {
		csrutil, nvram string // scripts; empty: no such tool
		want           probe.SIP
		gaps           string
	}{
		"enabled, nvram is not queried": {prints(sipHead + "enabled."), "exit 1", probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, ""},
		"disabled":                      {prints(sipHead + "disabled."), prints("csr-active-config\tw%00%00%00"), probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No, KextApproval: probe.Yes}, ""},
		"approvals off":                 {prints(customSIP("unknown", "enabled")), `[ "$*" = csr-active-config ] || exit 1; ` + prints(nvram), probe.SIP{State: probe.SIPCustom, KextSigning: probe.Yes, KextApproval: probe.No}, ""},
		"no variable":                   {prints(sipHead + "disabled."), "echo \"nvram: Error getting variable - 'csr-active-config': (iokit/common) data was not found\" >&2; exit 1", probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}, "approval of kernel extensions"},
		"nvram prints rubbish":          {prints(sipHead + "disabled."), prints("hello"), probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}, "approval of kernel extensions"},
		"nvram hangs":                   {prints(sipHead + "disabled."), "sleep 60", probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}, "approval of kernel extensions"},
		"no nvram":                      {prints(sipHead + "disabled."), "", probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}, "approval of kernel extensions"},
		"csrutil is missing":            {"", prints(nvram), probe.SIP{}, "System Integrity Protection"},
		"csrutil hangs":                 {"sleep 60", prints(nvram), probe.SIP{}, "System Integrity Protection"},
		"csrutil fails":                 {prints(sipHead+"enabled.") + "exit 1", prints(nvram), probe.SIP{}, "System Integrity Protection"},
		"csrutil prints rubbish":        {`printf '\000\377'`, prints(nvram), probe.SIP{}, "System Integrity Protection"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "hangs") {
				tooltest.ShortLimit(t, 2*time.Second) // enough for those before it
			}
			m := root.FS{Root: mactest.Root(t)}
			if c.csrutil != "" {
				mactest.AddTool(t, m.Root, probe.CsrutilTool, `[ "$*" = status ] || exit 1; `+c.csrutil)
			}
			if c.nvram != "" {
				mactest.AddTool(t, m.Root, probe.NvramTool, c.nvram)
			}
			got, gaps := readSIP(t.Context(), m)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			wantGaps(t, gaps, c.gaps)
		})
	}
}

func FuzzParseSIP(f *testing.F) {
	f.Add([]byte(sipHead + "enabled.\n"))
	f.Add([]byte(customSIP("unknown", "disabled")))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		got, err := parseSIP(out)
		if (err == nil) != (got.State != "") || got.KextApproval == probe.No {
			t.Errorf("%+v, %v", got, err)
		}
		if got.State == probe.SIPEnabled && strings.Contains(string(out), sipHead+"disabled.") {
			t.Errorf("%q is %+v", out, got)
		}
	})
}

func FuzzParseKextApproval(f *testing.F) {
	f.Add([]byte("csr-active-config\tw%02%00%00\n"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		got, err := parseKextApproval(out)
		if (err == nil) != (got == probe.Yes || got == probe.No) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
