package simmac

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

// BootPolicy is a boot policy of Apple silicon, which decides who can allow kexts.
type BootPolicy string

// The boot policies. In Full Security nobody can allow a kext.
const (
	BootFull         BootPolicy = "full"
	BootReduced      BootPolicy = "reduced"       // users cannot allow kexts either
	BootReducedUsers BootPolicy = "reduced-users" // users can allow kexts; the policy of a new Mac here
	BootPermissive   BootPolicy = "permissive"
	BootManaged      BootPolicy = "managed"    // reduced, and only MDM can allow kexts
	BootTranslated   BootPolicy = "translated" // full, on a Mac in German
)

// BootPolicies lists the boot policies for messages.
const BootPolicies = "full, reduced, reduced-users, permissive, managed or translated"

// bootPolicies have the values that system_profiler prints.
var bootPolicies = []struct {
	is                                BootPolicy
	security, users, byUser, byDevice string // the last two: MDM, by the way of enrolling
}{
	{BootFull, "Full Security", "No", "No", "No"},
	{BootReduced, "Reduced Security", "No", "No", "No"},
	{BootReducedUsers, "Reduced Security", "Yes", "No", "No"},
	{BootPermissive, "Permissive Security", "Yes", "No", "No"},
	{BootManaged, "Reduced Security", "No", "No", "Yes"},
	{BootTranslated, "Vollständige Sicherheit", "Nein", "Nein", "Nein"},
}

// SetBootPolicy changes the boot policy in Recovery and restarts the Mac.
func (m *Mac) SetBootPolicy(policy BootPolicy, now time.Time) error {
	for _, p := range bootPolicies {
		if p.is == policy {
			return m.startOtherwise(now, func(st *state) { st.BootPolicy = policy })
		}
	}
	return fmt.Errorf("unknown boot policy %q: use %s", policy, BootPolicies)
}

// SetBootDisk starts the Mac from the "internal" or from an "external" disk with the
// same content.
func (m *Mac) SetBootDisk(where string, now time.Time) error {
	if where != "internal" && where != "external" {
		return fmt.Errorf("unknown startup disk %q: use internal or external", where)
	}
	return m.startOtherwise(now, func(st *state) { st.ExternalDisk = where == "external" })
}

// SetVirtual starts macOS in a virtual machine, or on a real Mac.
func (m *Mac) SetVirtual(virtual bool, now time.Time) error {
	return m.startOtherwise(now, func(st *state) { st.Virtual = virtual })
}

// startOtherwise changes how the Mac starts, and restarts it. Only Apple silicon is
// simulated.
func (m *Mac) startOtherwise(now time.Time, change func(*state)) error {
	return m.inRecovery(now, func(st *state) error {
		if st.Arch != probe.AppleSilicon {
			return fmt.Errorf("this Mac has an Intel processor: make one with %s", probe.AppleSilicon)
		}
		change(st)
		return nil
	})
}

// startTexts returns the files with the answers about the start of a Mac with Apple
// silicon. Other Macs have no such answers here.
func startTexts(st *state) (map[string]string, error) {
	if st.Arch != probe.AppleSilicon {
		return nil, nil
	}
	disk, err := plist.MarshalIndent(diskInfo(st), plist.XMLFormat, "\t")
	if err != nil {
		return nil, err
	}
	controller := controllerOf(st)
	asJSON, err := json.MarshalIndent(map[string]any{"SPiBridgeDataType": []any{controller.values()}}, "", "  ")
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"controller.txt": controller.text(), "controller.json": string(asJSON) + "\n", "disk.plist": string(disk),
	}, nil
}

// controller is what system_profiler prints: key, label and value of each line.
type controller []struct{ key, label, value string }

func controllerOf(st *state) controller {
	policy := bootPolicies[0]
	for _, p := range bootPolicies {
		if p.is == st.bootPolicy() {
			policy = p
		}
	}
	return controller{
		{"ibridge_model_identifier_top", "Model Identifier", "Mac16,5"},
		{"ibridge_build", "Firmware Version", "mBoot-18000.120.36"},
		{"ibridge_boot_uuid", "Boot UUID", uuidOf("boot volume")},
		{"", "Boot Policy", ""},
		{"ibridge_secure_boot", "  Secure Boot", policy.security},
		{"ibridge_sb_sip", "  System Integrity Protection", "Enabled"},
		{"ibridge_sb_ssv", "  Signed System Volume", "Enabled"},
		{"ibridge_sb_ctrr", "  Kernel CTRR", "Enabled"},
		{"ibridge_sb_boot_args", "  Boot Arguments Filtering", "Enabled"},
		{"ibridge_sb_other_kext", "  Allow All Kernel Extensions", policy.users},
		{"ibridge_sb_manual_mdm", "  User Approved Privileged MDM Operations", policy.byUser},
		{"ibridge_sb_device_mdm", "  DEP Approved Privileged MDM Operations", policy.byDevice},
	}
}

func (st *state) bootPolicy() BootPolicy {
	if st.BootPolicy == "" {
		return BootReducedUsers
	}
	return st.BootPolicy
}

func (c controller) values() map[string]string {
	values := map[string]string{}
	for _, line := range c {
		if line.key != "" {
			values[line.key] = line.value
		}
	}
	return values
}

func (c controller) text() string {
	var b strings.Builder
	b.WriteString("Controller:\n\n")
	for _, line := range c {
		fmt.Fprintln(&b, strings.TrimRight("      "+line.label+": "+line.value, " "))
	}
	return b.String()
}

// diskInfo returns what `diskutil info -plist /` prints, as far as it matters here.
func diskInfo(st *state) any {
	bus := "Apple Fabric"
	if st.ExternalDisk {
		bus = "USB"
	}
	return map[string]any{
		"BusProtocol": bus, "DeviceIdentifier": "disk3s1s1", "Ejectable": st.ExternalDisk, "FilesystemType": "apfs",
		"Internal": !st.ExternalDisk, "MountPoint": "/", "RemovableMediaOrExternalDevice": st.ExternalDisk, "VolumeName": "Macintosh HD",
	}
}
