package mac

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// bootAnswerLimit is the most bytes of an answer that are read. Real answers have one
// to three KB.
const bootAnswerLimit = 256 << 10

// profilerKind is what system_profiler is asked for: the chip that controls the start
// of the Mac, which on Apple silicon is the processor itself.
const profilerKind = "SPiBridgeDataType"

// The keys of system_profiler's answer that are read (osquery's table secureboot and
// public captures of macOS 26 and 27).
const (
	securityKey  = "ibridge_secure_boot"
	userKextsKey = "ibridge_sb_other_kext"
	deviceMDMKey = "ibridge_sb_device_mdm" // enrolled by Automated Device Enrollment
	manualMDMKey = "ibridge_sb_manual_mdm" // enrolled by a user
)

// errBootWords means that system_profiler answered, but with values that are not
// known. It translates values, so these may be known ones in another language.
var errBootWords = errors.New("returned unknown values")

// bootPolicy is an answer of system_profiler.
type bootPolicy struct {
	probe.Boot       // only what belongs to the policy
	words      error // errBootWords
}

// readBoot queries the facts about the start of the Mac that only Apple silicon has:
// on other Macs, and while the processor is not known, nothing is queried. They cannot
// change within a boot.
func (p *Prober) readBoot(s *shot) {
	if s.snap.Mac.Arch != probe.AppleSilicon {
		return
	}
	boot := p.boots.number(s.snap.Mac.BootSession)
	policy, gaps := answer(s, &p.bootPolicy, boot, []probe.Fact{probe.FactBootPolicy}, func(ctx context.Context) (bootPolicy, []probe.Gap) {
		return readBootPolicy(ctx, p.mac)
	})
	s.missing(gaps...)
	if policy.words != nil {
		s.missing(probe.NewGap(probe.FactBootPolicy, policy.words, "Open System Information and choose Controller: it shows the boot policy of this Mac."))
	}
	external, gaps := answer(s, &p.bootDisk, boot, []probe.Fact{probe.FactBootVolume}, func(ctx context.Context) (probe.Answer, []probe.Gap) {
		return readBootDisk(ctx, p.mac)
	})
	s.missing(gaps...)
	virtual := s.snap.Boot.Virtual // see readMac
	s.snap.Boot = policy.Boot
	s.snap.Boot.External, s.snap.Boot.Virtual = external, virtual
}

// readBootPolicy queries the boot policy. Any user may: bputil, which prints the same,
// needs root. Unknown values are no gap here: the same tool would return them again in
// this boot.
func readBootPolicy(ctx context.Context, m root.FS) (bootPolicy, []probe.Gap) {
	out, err := tool.Query(ctx, m, probe.ProfilerTool, profilerKind, "-json")
	var boot probe.Boot
	if err == nil {
		boot, err = parseBootPolicy(out)
	}
	switch {
	case errors.Is(err, errBootWords):
		return bootPolicy{boot, err}, nil
	case err != nil:
		return bootPolicy{}, []probe.Gap{tool.Gap(probe.FactBootPolicy, err, "system_profiler "+profilerKind)}
	}
	return bootPolicy{Boot: boot}, nil
}

// parseBootPolicy reads the answer of system_profiler:
//
//	{"SPiBridgeDataType": [{"ibridge_secure_boot": "Reduced Security", "ibridge_sb_other_kext": "Yes", …}]}
//
// Values that are known are returned also with errBootWords.
func parseBootPolicy(out []byte) (probe.Boot, error) {
	if len(out) > bootAnswerLimit {
		return probe.Boot{}, fmt.Errorf("system_profiler answered more than %d bytes", bootAnswerLimit)
	}
	var all map[string]json.RawMessage // the keys of a struct would match in any case
	if err := json.Unmarshal(out, &all); err != nil {
		return probe.Boot{}, fmt.Errorf("the answer of system_profiler cannot be read: %w", err)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(all[profilerKind], &list); err != nil {
		return probe.Boot{}, fmt.Errorf("the answer of system_profiler has no list %s", profilerKind)
	}
	if len(list) != 1 {
		return probe.Boot{}, fmt.Errorf("system_profiler lists %d controllers instead of one", len(list))
	}
	r := bootValues{values: list[0]}
	boot := probe.Boot{Security: r.security(), UserKexts: r.userKexts(), MDMKexts: r.mdmKexts()}
	if len(r.unknown) > 0 {
		return boot, fmt.Errorf("system_profiler %w: %s", errBootWords, strings.Join(r.unknown, ", "))
	}
	return boot, nil
}

// bootValues reads values of system_profiler's answer, and notes what is not known.
type bootValues struct {
	values  map[string]json.RawMessage
	unknown []string
}

// text returns a value, or "" for one that is missing or is no text.
func (r *bootValues) text(key string) string {
	var text string
	if err := json.Unmarshal(r.values[key], &text); err != nil {
		return ""
	}
	return text
}

// yesOrNo returns "" for a value that is not known.
func (r *bootValues) yesOrNo(key string) probe.Answer {
	switch r.text(key) {
	case "Yes":
		return probe.Yes
	case "No":
		return probe.No
	}
	return ""
}

func (r *bootValues) note(key string) {
	what := "is missing"
	if raw, ok := r.values[key]; ok {
		what = probe.Printable(string(raw))
	}
	r.unknown = append(r.unknown, key+" "+what)
}

// securityWords are the levels of security in English.
var securityWords = []struct {
	word string
	is   probe.Security
}{
	{"Full Security", probe.FullSecurity},
	{"Reduced Security", probe.ReducedSecurity},
	{"Permissive Security", probe.PermissiveSecurity},
}

func (r *bootValues) security() probe.Security {
	text := r.text(securityKey)
	for _, known := range securityWords {
		if text == known.word {
			return known.is
		}
	}
	r.note(securityKey)
	return ""
}

func (r *bootValues) userKexts() probe.Answer {
	users := r.yesOrNo(userKextsKey)
	if users == "" {
		r.note(userKextsKey)
	}
	return users
}

// mdmKexts reports whether MDM may approve kexts. There is a key for each of the two
// ways to enroll a Mac. If one of them says Yes, the other one does not matter.
func (r *bootValues) mdmKexts() probe.Answer {
	device, manual := r.yesOrNo(deviceMDMKey), r.yesOrNo(manualMDMKey)
	if device == probe.Yes || manual == probe.Yes {
		return probe.Yes
	}
	if device == "" {
		r.note(deviceMDMKey)
	}
	if manual == "" {
		r.note(manualMDMKey)
	}
	if device == "" || manual == "" {
		return ""
	}
	return probe.No
}

// readBootDisk queries whether macOS was started from an external disk.
func readBootDisk(ctx context.Context, m root.FS) (probe.Answer, []probe.Gap) {
	out, err := tool.Query(ctx, m, probe.DiskutilTool, "info", "-plist", "/")
	var external probe.Answer
	if err == nil {
		external, err = parseBootDisk(out)
	}
	if err != nil {
		return "", []probe.Gap{tool.Gap(probe.FactBootVolume, err, "diskutil info /")}
	}
	return external, nil
}

// parseBootDisk reads the key Internal of `diskutil info -plist /`.
func parseBootDisk(out []byte) (external probe.Answer, err error) {
	if len(out) > bootAnswerLimit {
		return "", fmt.Errorf("diskutil answered more than %d bytes", bootAnswerLimit)
	}
	var info map[string]any
	if err := root.DecodePlist(out, &info); err != nil {
		return "", fmt.Errorf("the answer of diskutil cannot be read: %w", err)
	}
	internal, ok := info["Internal"].(bool)
	if !ok {
		return "", errors.New("diskutil does not say whether the startup disk is internal")
	}
	return probe.AnswerOf(!internal), nil
}
