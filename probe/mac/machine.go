package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// Names of kernel values for ReadSysctl.
const (
	BootTime    = "kern.boottime"
	wakeTime    = "kern.waketime"
	BootSession = "kern.bootsessionuuid"
	ArmOption   = "hw.optional.arm64" // "1" on Apple silicon, under Rosetta too
)

var (
	bootTimeForm = probe.Form{Expr: `^\{\s*sec\s*=\s*([0-9]{1,10}),\s*usec\s*=\s*([0-9]{1,6})\s*\}`}
	uuidForm     = probe.Form{Expr: `^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`}
)

// readMachine reads the processor, the boot time and the boot session.
func readMachine(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Mac, []probe.Gap) {
	mac := probe.Mac{OS: os}
	var gaps []probe.Gap
	addGap := func(fact probe.Fact, name string, err error) {
		if err != nil {
			gaps = append(gaps, tool.Gap(fact, err, "sysctl "+name))
		}
	}
	var err error
	mac.Arch, err = readArch(ctx, m, os)
	addGap(probe.FactProcessor, ArmOption, err)
	mac.BootedAt, err = readBootTime(ctx, m)
	addGap(probe.FactBootTime, BootTime, err)
	mac.BootSession, err = ReadBootSession(ctx, m)
	addGap(probe.FactBootSession, BootSession, err)
	return mac, gaps
}

// readArch queries an option that is correct under Rosetta, too. Most Macs with an
// Intel processor do not have the option.
func readArch(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Arch, error) {
	if os.Known() && !os.AtLeast(11, 0) {
		return probe.Intel, nil // Apple silicon needs macOS 11
	}
	answer, err := ReadSysctl(ctx, m, ArmOption)
	exit, failed := errors.AsType[*tool.ExitError](err)
	switch {
	case failed && bytes.Contains(exit.Stderr, []byte("unknown oid")):
		return probe.Intel, nil
	case err != nil:
		return "", err
	case answer == "1":
		return probe.AppleSilicon, nil
	case answer == "0":
		return probe.Intel, nil
	}
	return "", unexpected(ArmOption, answer)
}

func readBootTime(ctx context.Context, m root.FS) (time.Time, error) {
	answer, err := ReadSysctl(ctx, m, BootTime)
	if err != nil {
		return time.Time{}, err
	}
	return parseBootTime(answer)
}

// parseBootTime reads "{ sec = 1782938539, usec = 240908 } Wed Jul  1 …". The date
// at the end is in local time and is ignored.
func parseBootTime(answer string) (time.Time, error) {
	form := bootTimeForm.FindStringSubmatch(answer)
	if form == nil {
		return time.Time{}, unexpected(BootTime, answer)
	}
	sec, secErr := strconv.ParseInt(form[1], 10, 64)
	usec, usecErr := strconv.ParseInt(form[2], 10, 64)
	if secErr != nil || usecErr != nil || sec == 0 {
		return time.Time{}, unexpected(BootTime, answer)
	}
	return time.Unix(sec, usec*1000).UTC(), nil
}

// readWakeTime returns when the Mac last woke. It returns zero if that is unknown or
// the Mac has not slept since it was started.
func readWakeTime(ctx context.Context, m root.FS) time.Time {
	answer, err := ReadSysctl(ctx, m, wakeTime)
	if err != nil {
		return time.Time{}
	}
	woke, _ := parseBootTime(answer) // has the same form
	return woke
}

// ReadBootSession returns the UUID of this boot, which changes with every restart.
// The error says what sysctl answered instead of a UUID.
func ReadBootSession(ctx context.Context, m root.FS) (string, error) {
	answer, err := ReadSysctl(ctx, m, BootSession)
	if err != nil {
		return "", err
	}
	if !uuidForm.MatchString(answer) {
		return "", unexpected(BootSession, answer)
	}
	return answer, nil
}

// ReadSysctl queries one value of the kernel by its name, such as BootTime. The
// error is that of sysctl, for example for an unknown name.
func ReadSysctl(ctx context.Context, m root.FS, name string) (string, error) {
	out, err := tool.Query(ctx, m, probe.SysctlTool, "-n", name)
	if err != nil {
		return "", err
	}
	answer := strings.TrimPrefix(strings.TrimSpace(string(out)), name+":")
	return strings.TrimSpace(answer), nil
}

func unexpected(name, answer string) error {
	return fmt.Errorf("%s answered %q to %s", probe.SysctlTool, probe.Printable(answer), name)
}
