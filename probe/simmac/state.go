package simmac

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kextwatch/probe"
)

// simDir holds the facts that a real Mac keeps in its kernel.
const simDir = "/private/var/db/kextwatch-sim"

// state has the facts that are in no file of a real Mac. The keys of the maps are
// bundle IDs.
type state struct {
	MacOS       string
	Build       string
	Arch        probe.Arch
	BootedAt    time.Time
	BootSession string
	HistoryUUID string            // boot_uuid of the load history, the same at every boot
	Loaded      map[string]string // version in the kernel
	Linked      map[string]string // version in the auxiliary kernel collection, macOS 11 and later
	Unlinkable  bool              // the auxiliary kernel collection cannot be built again
	Approved    map[string]string // code directory hash that was approved, macOS 11 and later
	NoFramework bool              // this macOS has no SPKernelExtensionPolicy
	Kexts       []Kext            // of other vendors

	User         string
	VMs          []machine
	SIP          SIP // empty: enabled
	ConsentOff   bool
	ConsentTeams []string // allowed from Recovery

	// Of Apple silicon.
	BootPolicy   BootPolicy // empty: BootReducedUsers
	ExternalDisk bool       // it was started from an external disk
	Virtual      bool       // macOS runs in a virtual machine
}

func (st *state) version() probe.OSVersion {
	return probe.OSVersion{Version: st.MacOS, Build: st.Build}
}

func (st *state) boot(now time.Time) {
	st.BootedAt = now.UTC()
	st.BootSession = newUUID()
	st.Loaded = map[string]string{}
	for i := range st.VMs {
		st.VMs[i].State = probe.VMStopped
	}
}

func (m *Mac) loadState() (*state, error) {
	data, err := m.readFile(simDir + "/state.json")
	if err != nil {
		return nil, err
	}
	st := new(state)
	if err := json.Unmarshal(data, st); err != nil {
		return nil, fmt.Errorf("the simulation's own state is damaged: %w", err)
	}
	return st, nil
}

// saveState writes the state and the files that the tools print.
func (m *Mac) saveState(st *state) error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	machines, err := machineList(st)
	if err != nil {
		return err
	}
	texts := map[string]string{
		"state.json": string(data) + "\n",
		"sysctl":     sysctlText(st),
		"kexts":      kextTable(st),
		"collection": collectionTable(st),
		"sw_vers":    strings.Join([]string{productName(st.version()), st.MacOS, st.Build}, "\n") + "\n",

		"prlctl-list":         machines,
		"prlctl-start":        machineStarts(st),
		"csrutil":             csrutilText(st),
		"nvram":               nvramText(st),
		"kext-consent-status": consentText(st),
		"kext-consent-list":   consentTeamsText(st),
	}
	start, err := startTexts(st)
	if err != nil {
		return err
	}
	maps.Copy(texts, start)
	for name, text := range texts {
		if err := m.write(simDir+"/"+name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sysctlText returns one line for each name, as sysctl(8) prints it. An Intel Mac does
// not have hw.optional.arm64. Whether it has kern.hv_vmm_present depends on its macOS;
// here it does not.
func sysctlText(st *state) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kern.ostype: Darwin\n")
	fmt.Fprintf(&b, "kern.osrelease: %d.%d.0\n", darwin(st.version()), st.version().Minor())
	fmt.Fprintf(&b, "kern.osversion: %s\n", st.Build)
	fmt.Fprintf(&b, "kern.osproductversion: %s\n", st.MacOS)
	fmt.Fprintf(&b, "kern.boottime: { sec = %d, usec = %d } %s\n",
		st.BootedAt.Unix(), st.BootedAt.Nanosecond()/1000, st.BootedAt.Format("Mon Jan _2 15:04:05 2006"))
	fmt.Fprintf(&b, "kern.bootsessionuuid: %s\n", st.BootSession)
	fmt.Fprintf(&b, "hw.machine: %s\n", st.Arch)
	if st.Arch == probe.AppleSilicon {
		virtual := 0
		if st.Virtual {
			virtual = 1
		}
		fmt.Fprintf(&b, "hw.optional.arm64: 1\n")
		fmt.Fprintf(&b, "kern.hv_vmm_present: %d\n", virtual)
	}
	return b.String()
}

// kextTable returns the output of kextstat(8) for an ordinary user: all addresses
// are 0. The first lines are parts of the kernel, as on every Mac.
func kextTable(st *state) string {
	var t table
	kernel := fmt.Sprintf("%d.%d.0", darwin(st.version()), st.version().Minor())
	for _, id := range []string{"com.apple.kpi.bsd", "com.apple.kpi.iokit", "com.apple.kpi.libkern", "com.apple.kpi.mach"} {
		t.line(100, "0", id, kernel, "")
	}
	for _, id := range slices.Sorted(maps.Keys(st.Loaded)) {
		t.line(0, "0x27000", id, st.Loaded[id], "4 3 2 1")
	}
	return t.String()
}

// collectionTable returns the output of kmutil(8) for the auxiliary kernel collection.
// How a real one shows a kext that is not loaded is unknown.
func collectionTable(st *state) string {
	var t table
	for _, id := range slices.Sorted(maps.Keys(st.Linked)) {
		size := "0"
		if st.Loaded[id] != "" {
			size = "0x27000"
		}
		t.line(0, size, id, st.Linked[id], "4 3 2 1")
	}
	return t.String()
}

// table is a list of kexts.
type table struct {
	strings.Builder
	index int
}

func (t *table) line(refs int, size, id, version, linked string) {
	t.index++
	fmt.Fprintf(t, "%5d %4d %-18s %-10s %-10s %s (%s) %s <%s>\n",
		t.index, refs, "0", size, size, id, version, uuidOf(id+version), linked)
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	return formatUUID(b[:])
}

func uuidOf(s string) string {
	sum := sha1.Sum([]byte(s))
	return formatUUID(sum[:16])
}

func formatUUID(b []byte) string {
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
