package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	csrVariable = "csr-active-config"

	// allowUnapprovedKexts is CSR_ALLOW_UNAPPROVED_KEXTS in XNU's csr.h: kexts
	// need no approval.
	allowUnapprovedKexts = 0x200
)

// The forms of `csrutil status`. With a part of SIP turned off, macOS 11 and
// later print "unknown (Custom Configuration)", and earlier versions print
// "enabled (Custom Configuration)". A Mac with the flag for Apple's own staff prints
// "disabled (Apple Internal)".
var (
	sipForm     = probe.Form{Expr: `(?m)^System Integrity Protection status: (enabled|disabled|unknown)(?: \(([A-Za-z ]{1,64})\))?\.\s*$`}
	signingForm = probe.Form{Expr: `(?m)^\s*Kext Signing: (enabled|disabled)\s*$`}
)

// readSIP queries the state of System Integrity Protection. csrutil does not print
// whether kexts need an approval. If a part is turned off, readSIP also queries
// the variable in which csrutil stores its settings.
func readSIP(ctx context.Context, m root.FS) (probe.SIP, []probe.Gap) {
	out, err := tool.Query(ctx, m, probe.CsrutilTool, "status")
	if err != nil {
		return probe.SIP{}, []probe.Gap{tool.Gap(probe.FactSIP, err, "csrutil status")}
	}
	sip, err := parseSIP(out)
	if err != nil {
		return probe.SIP{}, []probe.Gap{tool.Gap(probe.FactSIP, err, "csrutil status")}
	}
	if sip.State == probe.SIPEnabled {
		return sip, nil
	}
	out, err = tool.Query(ctx, m, probe.NvramTool, csrVariable)
	if err == nil {
		sip.KextApproval, err = parseKextApproval(out)
	}
	if err != nil {
		return sip, []probe.Gap{tool.Gap(probe.FactKextApproval, err, "nvram "+csrVariable)}
	}
	return sip, nil
}

// parseSIP reads the output of csrutil. For a custom configuration it also reads the
// line about the signatures of kexts.
func parseSIP(out []byte) (probe.SIP, error) {
	matches := sipForm.FindAllSubmatch(out, 2)
	if len(matches) != 1 {
		return probe.SIP{}, fmt.Errorf("csrutil answered %q", probe.Printable(string(out)))
	}
	state, configuration := string(matches[0][1]), string(matches[0][2])
	switch {
	case state == "disabled":
		return probe.SIP{State: probe.SIPDisabled, KextSigning: probe.No}, nil
	case state == "enabled" && (configuration == "" || configuration == "Apple Internal"):
		return probe.SIP{State: probe.SIPEnabled, KextSigning: probe.Yes, KextApproval: probe.Yes}, nil
	case configuration != "":
		return probe.SIP{State: probe.SIPCustom, KextSigning: kextSigning(out)}, nil
	}
	return probe.SIP{}, errors.New("csrutil reports an unknown state")
}

func kextSigning(out []byte) probe.Answer {
	lines := signingForm.FindAllSubmatch(out, 2)
	if len(lines) != 1 {
		return ""
	}
	return probe.AnswerOf(string(lines[0][1]) == "enabled")
}

// parseKextApproval reads the four bytes of the configuration, lowest byte first:
// "csr-active-config<tab>w%02%00%00". nvram prints an unprintable byte as % and two
// hexadecimal digits.
func parseKextApproval(out []byte) (probe.Answer, error) {
	line := strings.TrimSuffix(string(out), "\n")
	value, ok := strings.CutPrefix(line, csrVariable+"\t")
	var config []byte
	for ok && len(value) > 0 && len(config) <= 4 {
		if value[0] != '%' {
			config, value = append(config, value[0]), value[1:]
			continue
		}
		ok = len(value) >= 3
		if ok {
			n, err := strconv.ParseUint(value[1:3], 16, 8)
			ok = err == nil
			config, value = append(config, byte(n)), value[3:]
		}
	}
	if !ok || len(config) != 4 {
		return "", fmt.Errorf("nvram answered %q", probe.Printable(string(bytes.TrimSpace(out))))
	}
	bits := uint32(config[0]) | uint32(config[1])<<8 | uint32(config[2])<<16 | uint32(config[3])<<24
	return probe.AnswerOf(bits&allowUnapprovedKexts == 0), nil
}
