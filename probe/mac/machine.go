package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	BootTime    = "kern.boottime"
	wakeTime    = "kern.waketime"
	BootSession = "kern.bootsessionuuid"
	ArmOption   = "hw.optional.arm64"
)

var (
	bootTimeForm = regexp.MustCompile(`^\{\s*sec\s*=\s*([0-9]{1,10}),\s*usec\s*=\s*([0-9]{1,6})\s*\}`)
	uuidForm     = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// readMachine reads which Mac this is and since when it runs.
func readMachine(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Mac, []probe.Gap) {
	mac := probe.Mac{OS: os}
	var gaps []probe.Gap
	unless := func(source probe.Fact, name string, err error) {
		if err != nil {
			gaps = append(gaps, tool.Gap(source, err, "sysctl "+name))
		}
	}
	var err error
	mac.Arch, err = readArch(ctx, m, os)
	unless(probe.FactProcessor, ArmOption, err)
	mac.BootedAt, err = readBootTime(ctx, m)
	unless(probe.FactBootTime, BootTime, err)
	mac.BootSession, err = ReadBootSession(ctx, m)
	unless(probe.FactBootSession, BootSession, err)
	return mac, gaps
}

// readArch asks for an option that tells the truth under Rosetta, too. Macs with
// an Intel processor mostly do not know it.
func readArch(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Arch, error) {
	if os.Known() && !os.AtLeast(11, 0) {
		return probe.Intel, nil // Apple silicon came with macOS 11
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

// parseBootTime reads "{ sec = 1782938539, usec = 240908 } Wed Jul  1 …". The
// date after it is local time and ignored.
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

// readWakeTime is when the Mac last woke; zero where that is not known, or where it
// has not slept since it was started.
func readWakeTime(ctx context.Context, m root.FS) time.Time {
	answer, err := ReadSysctl(ctx, m, wakeTime)
	if err != nil {
		return time.Time{}
	}
	woke, _ := parseBootTime(answer) // of the same form
	return woke
}

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

// ReadSysctl asks the kernel for one value.
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
