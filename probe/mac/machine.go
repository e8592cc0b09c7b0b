package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
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
	ArmOption   = "hw.optional.arm64"   // "1" on Apple silicon, under Rosetta too
	Virtual     = "kern.hv_vmm_present" // "1" in a virtual machine
)

var (
	bootTimeForm = probe.Form{Expr: `^\{\s*sec\s*=\s*([0-9]{1,10}),\s*usec\s*=\s*([0-9]{1,6})\s*\}`}
	uuidForm     = probe.Form{Expr: `^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`}
)

// machineTime limits readMachine. sysctl needs milliseconds. The other queries of the
// first snapshot wait for it, but not longer than holdTime.
const (
	machineTime = 5 * time.Second
	holdTime    = time.Second
)

// machineFacts are the facts of readMachine.
func machineFacts(os probe.OSVersion) []probe.Fact {
	if beforeSilicon(os) {
		return []probe.Fact{probe.FactBootTime, probe.FactBootSession}
	}
	return []probe.Fact{probe.FactProcessor, probe.FactBootTime, probe.FactBootSession}
}

// machine holds the answers of readMachine.
type machine struct {
	probe.Mac
	virtual   probe.Answer // macOS runs in a virtual machine; known of Apple silicon only
	noVirtual error        // why that is not known there
}

// readMachine reads the processor, the boot time, the boot session and, of Apple
// silicon, whether macOS runs in a virtual machine, with one call of sysctl. sysctl may
// end at the first unknown name, so the names are in this order: most Macs with an Intel
// processor do not have ArmOption, and only Apple silicon needs what comes after it.
func readMachine(ctx context.Context, m root.FS, os probe.OSVersion) (machine, []probe.Gap) {
	var mac machine
	var gaps []probe.Gap
	addGap := func(fact probe.Fact, name string, err error) {
		if err != nil {
			gaps = append(gaps, tool.Gap(fact, err, "sysctl "+name))
		}
	}
	names := []string{BootTime, BootSession}
	if !beforeSilicon(os) {
		names = append(names, ArmOption, Virtual)
	}
	kernel := readKernel(ctx, m, names...)
	var err error
	mac.Arch, err = kernel.arch(os)
	addGap(probe.FactProcessor, ArmOption, err)
	mac.BootedAt, err = kernel.bootTime()
	addGap(probe.FactBootTime, BootTime, err)
	mac.BootSession, err = kernel.bootSession()
	addGap(probe.FactBootSession, BootSession, err)
	if mac.Arch == probe.AppleSilicon {
		mac.virtual, mac.noVirtual = kernel.virtual()
	}
	return mac, gaps
}

// beforeSilicon reports whether a version of macOS does not run on Apple silicon.
func beforeSilicon(os probe.OSVersion) bool { return os.Known() && !os.AtLeast(11, 0) }

// kernelValues are the answers of one call of sysctl.
type kernelValues struct {
	byName map[string]string
	err    error // values that come after it are missing
}

// readKernel queries values of the kernel with one call.
func readKernel(ctx context.Context, m root.FS, names ...string) kernelValues {
	out, err := tool.Query(ctx, m, probe.SysctlTool, names...)
	return kernelValues{parseKernel(out, names), err}
}

// parseKernel reads the lines "name: value" of these names.
func parseKernel(out []byte, names []string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, ok := strings.Cut(line, ":")
		if ok && slices.Contains(names, name) {
			values[name] = strings.TrimSpace(value)
		}
	}
	return values
}

func (k kernelValues) get(name string) (string, error) {
	value, ok := k.byName[name]
	if !ok && k.err != nil {
		return "", k.err
	}
	return value, nil
}

// arch uses an option that is correct under Rosetta, too.
func (k kernelValues) arch(os probe.OSVersion) (probe.Arch, error) {
	if beforeSilicon(os) {
		return probe.Intel, nil
	}
	value, err := k.get(ArmOption)
	exit, failed := errors.AsType[*tool.ExitError](err)
	switch {
	case failed && bytes.Contains(exit.Stderr, []byte("unknown oid")) && bytes.Contains(exit.Stderr, []byte(ArmOption)):
		return probe.Intel, nil
	case err != nil:
		return "", err
	case value == "1":
		return probe.AppleSilicon, nil
	case value == "0":
		return probe.Intel, nil
	}
	return "", unexpected(ArmOption, value)
}

func (k kernelValues) bootTime() (time.Time, error) {
	value, err := k.get(BootTime)
	if err != nil {
		return time.Time{}, err
	}
	return parseBootTime(value)
}

func (k kernelValues) bootSession() (string, error) {
	value, err := k.get(BootSession)
	if err != nil {
		return "", err
	}
	if !uuidForm.MatchString(value) {
		return "", unexpected(BootSession, value)
	}
	return value, nil
}

// virtual reports whether the kernel runs in a virtual machine.
func (k kernelValues) virtual() (probe.Answer, error) {
	value, err := k.get(Virtual)
	switch {
	case err != nil:
		return "", err
	case value == "1":
		return probe.Yes, nil
	case value == "0":
		return probe.No, nil
	}
	return "", unexpected(Virtual, value)
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
	return readKernel(ctx, m, BootSession).bootSession()
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
