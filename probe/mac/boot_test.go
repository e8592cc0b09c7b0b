package mac

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/tool/tooltest"
)

// bootPolicyAnswer is the answer of system_profiler on Apple silicon, in the form of
// public captures of macOS 26 and 27.
func bootPolicyAnswer(security, users, device, manual string) string {
	return fmt.Sprintf(`{
  "SPiBridgeDataType" : [
    {
      "ibridge_boot_uuid" : "`+testSession+`",
      "ibridge_build" : "mBoot-18000.120.36",
      "ibridge_extra_boot_policies" : " ",
      "ibridge_model_identifier_top" : "Mac16,5",
      "ibridge_sb_boot_args" : "Enabled",
      "ibridge_sb_device_mdm" : %q,
      "ibridge_sb_manual_mdm" : %q,
      "ibridge_sb_other_kext" : %q,
      "ibridge_sb_sip" : "Enabled",
      "ibridge_secure_boot" : %q
    }
  ]
}
`, device, manual, users, security)
}

// diskAnswer is the answer of diskutil, with this value of Internal.
func diskAnswer(internal string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>DeviceInternal</key><string>x</string><key>Internal</key>` + internal + `<key>MountPoint</key><string>/</string></dict></plist>`
}

func TestParseBootPolicy(t *testing.T) {
	const full, reduced, permissive = probe.FullSecurity, probe.ReducedSecurity, probe.PermissiveSecurity
	const yes, no = probe.Yes, probe.No
	policy := func(security probe.Security, users, mdm probe.Answer) probe.Boot {
		return probe.Boot{Security: security, UserKexts: users, MDMKexts: mdm}
	}
	one := func(values string) string { return `{"SPiBridgeDataType": [{` + values + `}]}` }
	nothing := probe.Boot{}
	english := bootPolicyAnswer("Reduced Security", "Yes", "No", "No")
	for name, c := range map[string]struct {
		out  string
		want probe.Boot
		err  string
	}{
		"full":              {bootPolicyAnswer("Full Security", "No", "No", "No"), policy(full, no, no), ""},
		"full, MDM":         {bootPolicyAnswer("Full Security", "No", "Yes", "No"), policy(full, no, yes), ""},
		"reduced":           {bootPolicyAnswer("Reduced Security", "No", "No", "No"), policy(reduced, no, no), ""},
		"reduced, users":    {english, policy(reduced, yes, no), ""},
		"reduced, MDM":      {bootPolicyAnswer("Reduced Security", "No", "No", "Yes"), policy(reduced, no, yes), ""},
		"permissive":        {bootPolicyAnswer("Permissive Security", "Yes", "No", "No"), policy(permissive, yes, no), ""},
		"one MDM is enough": {bootPolicyAnswer("Full Security", "No", "Yes", "Nein"), policy(full, no, yes), ""},

		"German":           {bootPolicyAnswer("Vollständige Sicherheit", "Nein", "Nein", "Nein"), nothing, `returned unknown values: ibridge_secure_boot "Vollständige Sicherheit", ibridge_sb_other_kext "Nein", ibridge_sb_device_mdm "Nein", ibridge_sb_manual_mdm "Nein"`},
		"partly German":    {bootPolicyAnswer("Volle Sicherheit", "Yes", "No", "No"), policy("", yes, no), `ibridge_secure_boot "Volle Sicherheit"`},
		"users in German":  {bootPolicyAnswer("Full Security", "Nein", "No", "No"), policy(full, "", no), `ibridge_sb_other_kext "Nein"`},
		"one MDM unknown":  {bootPolicyAnswer("Full Security", "No", "No", "Nein"), policy(full, no, ""), `ibridge_sb_manual_mdm "Nein"`},
		"other cases":      {bootPolicyAnswer("full security", "YES", "no", "No "), nothing, `ibridge_secure_boot "full security"`},
		"spaces":           {bootPolicyAnswer(" Full Security", "Yes", "No", "No"), policy("", yes, no), `ibridge_secure_boot " Full Security"`},
		"empty values":     {bootPolicyAnswer("", "", "", ""), nothing, `ibridge_secure_boot ""`},
		"other types":      {one(`"ibridge_secure_boot": ["Full Security"], "ibridge_sb_other_kext": true, "ibridge_sb_device_mdm": 0, "ibridge_sb_manual_mdm": null`), nothing, `ibridge_secure_boot ["Full Security"], ibridge_sb_other_kext true, ibridge_sb_device_mdm 0, ibridge_sb_manual_mdm null`},
		"escaped":          {strings.ReplaceAll(english, "Reduced Security", `\u0052educed Security`), policy(reduced, yes, no), ""},
		"control":          {strings.ReplaceAll(english, "Reduced Security", `\u001b[31mFull Security`), policy("", yes, no), "unknown values"},
		"not UTF-8":        {strings.ReplaceAll(english, "Reduced Security", "Full Security\xff"), policy("", yes, no), `ibridge_secure_boot "Full Security"`},
		"missing security": {one(`"ibridge_sb_other_kext": "Yes", "ibridge_sb_device_mdm": "No", "ibridge_sb_manual_mdm": "No"`), policy("", yes, no), "ibridge_secure_boot is missing"},
		"missing users":    {one(`"ibridge_secure_boot": "Full Security", "ibridge_sb_device_mdm": "No", "ibridge_sb_manual_mdm": "No"`), policy(full, "", no), "ibridge_sb_other_kext is missing"},
		"missing MDM":      {one(`"ibridge_secure_boot": "Full Security", "ibridge_sb_other_kext": "No", "ibridge_sb_device_mdm": "No"`), policy(full, no, ""), "ibridge_sb_manual_mdm is missing"},
		"keys in capitals": {strings.ReplaceAll(english, "ibridge_s", "IBRIDGE_S"), nothing, "ibridge_secure_boot is missing"},
		"no values":        {one(""), nothing, "ibridge_secure_boot is missing"},

		"empty":            {"", nothing, "cannot be read"},
		"an empty object":  {"{}", nothing, "no list SPiBridgeDataType"},
		"another kind":     {`{"SPiBridgeDatatype": [{}]}`, nothing, "no list SPiBridgeDataType"},
		"a null list":      {`{"SPiBridgeDataType": null}`, nothing, "lists 0 controllers"},
		"an empty list":    {`{"SPiBridgeDataType": []}`, nothing, "lists 0 controllers"},
		"two controllers":  {`{"SPiBridgeDataType": [{"ibridge_secure_boot": "Full Security"}, {"ibridge_secure_boot": "Reduced Security"}]}`, nothing, "lists 2 controllers"},
		"an object":        {`{"SPiBridgeDataType": {"ibridge_secure_boot": "Full Security"}}`, nothing, "no list"},
		"a list of texts":  {`{"SPiBridgeDataType": ["Full Security"]}`, nothing, "no list"},
		"a list":           {`[{"ibridge_secure_boot": "Full Security"}]`, nothing, "cannot be read"},
		"the text form":    {"Controller:\n\n      Boot Policy:\n        Secure Boot: Full Security\n", nothing, "cannot be read"},
		"half":             {english[:len(english)/2], nothing, "cannot be read"},
		"text after it":    {english + english, nothing, "cannot be read"},
		"bytes":            {"\xff\xfe\x00{", nothing, "cannot be read"},
		"deep":             {`{"SPiBridgeDataType": ` + strings.Repeat("[", 100_000), nothing, "cannot be read"},
		"deep in a value":  {one(`"ibridge_secure_boot": ` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)), nothing, "cannot be read"},
		"10 MB":            {english + strings.Repeat(" ", 10<<20), nothing, "more than 262144 bytes"},
		"10 MB in a value": {bootPolicyAnswer(strings.Repeat("x", 10<<20), "Yes", "No", "No"), nothing, "more than 262144 bytes"},
		"many controllers": {`{"SPiBridgeDataType": [` + strings.Repeat("{},", 50_000) + `{}]}`, nothing, "lists 50001 controllers"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseBootPolicy([]byte(c.out))
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			wantError(t, err, c.err)
		})
	}
}

func FuzzParseBootPolicy(f *testing.F) {
	for _, out := range []string{
		bootPolicyAnswer("Full Security", "No", "Yes", "No"), bootPolicyAnswer("Vollständige Sicherheit", "Nein", "Nein", "Nein"),
		`{"SPiBridgeDataType": [{"ibridge_secure_boot": "Full Security\u0000"}, null]}`, `{"SPiBridgeDataType": [null]}`,
		`{"SPiBridgeDataType": [{"ibridge_sb_other_kext": {"": [1e999]}}]}`, "\xff\xfe", strings.Repeat(`{"SPiBridgeDataType":`, 500),
	} {
		f.Add([]byte(out))
	}
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		got, err := parseBootPolicy(out)
		complete := got.Security != "" && got.UserKexts != "" && got.MDMKexts != ""
		if complete != (err == nil) || got.External != "" || got.Virtual != "" {
			t.Errorf("%+v, %v", got, err)
		}
		if got.Security == probe.FullSecurity && !strings.Contains(string(out), "Security") && !strings.Contains(string(out), `\`) {
			t.Error("Full Security, although the output does not name it")
		}
	})
}

func TestParseBootDisk(t *testing.T) {
	binary := func(value any) string {
		data, err := plist.Marshal(value, plist.BinaryFormat)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const unknown = "does not say"
	for name, c := range map[string]struct {
		out  string
		want probe.Answer
		err  string
	}{
		"internal":          {diskAnswer("<true/>"), probe.No, ""},
		"external":          {diskAnswer("<false/>"), probe.Yes, ""},
		"binary":            {binary(map[string]any{"Internal": false}), probe.Yes, ""},
		"a number":          {diskAnswer("<integer>0</integer>"), "", unknown},
		"a binary number":   {binary(map[string]any{"Internal": 1}), "", unknown},
		"a text":            {diskAnswer("<string>true</string>"), "", unknown},
		"a list":            {diskAnswer("<array><true/></array>"), "", unknown},
		"missing":           {strings.ReplaceAll(diskAnswer("<true/>"), ">Internal<", ">internal<"), "", unknown},
		"no keys":           {`<plist version="1.0"><dict/></plist>`, "", unknown},
		"not a dictionary":  {`<plist version="1.0"><array><true/></array></plist>`, "", "cannot be read"},
		"empty":             {"", "", "cannot be read"},
		"the text form":     {"   Device Location:           Internal\n", "", "cannot be read"},
		"old text form":     {"{ Internal = true; }", "", "cannot be read"},
		"JSON":              {`{"Internal": true}`, "", "cannot be read"},
		"half":              {diskAnswer("<true/>")[:260], "", "cannot be read"},
		"bytes":             {"bplist00\xff\xff\xff\xff", "", "cannot be read"},
		"deep":              {"<plist>" + strings.Repeat("<array>", 20_000), "", "cannot be read"},
		"10 MB":             {diskAnswer("<true/>") + strings.Repeat("\n", 10<<20), "", "more than 262144 bytes"},
		"an error of macOS": {diskAnswer("<true/><key>ErrorMessage</key><string>x</string>"), probe.No, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseBootDisk([]byte(c.out))
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			wantError(t, err, c.err)
		})
	}
}

func FuzzParseBootDisk(f *testing.F) {
	f.Add([]byte(diskAnswer("<true/>")))
	f.Add([]byte(diskAnswer("<integer>1</integer>")))
	f.Add([]byte("bplist00\xd1\x01\x02XInternal\x09\x08\x0b\x14\x00\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x15"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		if got, err := parseBootDisk(out); (got == "") != (err != nil) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// newBootStory is a Mac whose tools for the start of the Mac note their calls, too.
func newBootStory(t *testing.T, version, arm64 string) *snapshotStory {
	s := newSnapshotStory(t, version, arm64)
	for name, script := range map[string]string{
		probe.ProfilerTool: prints(bootPolicyAnswer("Reduced Security", "Yes", "No", "No")),
		probe.DiskutilTool: prints(diskAnswer("<true/>")),
	} {
		mactest.AddTool(t, s.m.Root, name, "echo "+filepath.Base(name)+" >>'"+filepath.Join(s.m.Root, "queried")+"'\n"+script)
	}
	return s
}

// reducedSecurity has the facts of such a Mac.
var reducedSecurity = probe.Boot{Security: probe.ReducedSecurity, UserKexts: probe.Yes, MDMKexts: probe.No, External: probe.No, Virtual: probe.No}

// The facts about the start are queried once in a boot, also when the user asks again,
// and again after a restart. On Intel nothing is queried, and nothing is missing.
func TestBootIsQueriedOncePerBoot(t *testing.T) {
	s := newBootStory(t, "14.0", "1")
	s.sql(mactest.BlockedRow)
	// The tools run at the same time, so their order is not known.
	want := func(after string, fresh bool, tools string) {
		t.Helper()
		snap, queried := s.snapshot(fresh)
		names := strings.Fields(queried)
		slices.Sort(names)
		if got := strings.Join(names, " "); got != tools || snap.Boot != reducedSecurity || missesBoot(snap) {
			t.Errorf("%s: queried %q, want %q; %+v, gaps %+v", after, got, tools, snap.Boot, snap.Gaps)
		}
	}
	want("first snapshot", false, "diskutil sysctl system_profiler")
	want("nothing", false, "")
	want("somebody asks", true, "sysctl")
	s.sql(`UPDATE kext_policy SET allowed = 1`)
	want("another change", false, "")
	restarted := strings.ReplaceAll(sysctlScript("1"), testSession, "2F0E5B43-6E6B-4C57-9F7E-0A2E2E3B7C11")
	mactest.AddTool(t, s.m.Root, probe.SysctlTool, restarted)
	want("another boot", true, "diskutil system_profiler")

	for name, intel := range map[string]*snapshotStory{
		"10.15": newBootStory(t, "10.15.7", ""), "26": newBootStory(t, "26.2", ""), "says 0": newBootStory(t, "14.0", "0"),
	} {
		if snap, queried := intel.snapshot(true); snap.Boot != (probe.Boot{}) || strings.Contains(queried, "diskutil") || strings.Contains(queried, "system_profiler") || missesBoot(snap) {
			t.Errorf("%s: queried %q, %+v, gaps %+v", name, queried, snap.Boot, snap.Gaps)
		}
	}
}

func missesBoot(snap probe.Snapshot) bool {
	return slices.ContainsFunc(snap.Gaps, func(g probe.Gap) bool {
		return slices.Contains([]probe.Fact{probe.FactBootPolicy, probe.FactBootVolume, probe.FactVirtual}, g.Source)
	})
}

// While the processor is not known, and on the disk of another Mac, nothing is queried
// or missing.
func TestBootOfAnUnknownProcessor(t *testing.T) {
	unknown := newBootStory(t, "14.0", "1")
	mactest.AddTool(t, unknown.m.Root, probe.SysctlTool, `exit 1`)
	disk := newBootStory(t, "14.0", "1")
	disk.m.NoTools = true
	disk.prober = NewProber(disk.m)
	for name, s := range map[string]*snapshotStory{"no sysctl": unknown, "a disk": disk} {
		if snap, queried := s.snapshot(true); snap.Boot != (probe.Boot{}) || missesBoot(snap) || !probe.HasGap(snap.Gaps, probe.FactProcessor) || strings.Contains(queried, "diskutil") {
			t.Errorf("%s: queried %q, %+v, gaps %+v", name, queried, snap.Boot, snap.Gaps)
		}
	}
}

// Each tool that fails takes its own facts away, and says what to do next.
func TestBootToolsThatFail(t *testing.T) {
	noVirtual := strings.ReplaceAll(sysctlScript("1"), `kern.hv_vmm_present) echo "$name: 0"`, `kern.hv_vmm_present) echo "sysctl: unknown oid '$name'" >&2; exit 1`)
	for name, c := range map[string]struct {
		tool, script string // no script: the tool does not exist
		want         func(*probe.Boot)
		gap          probe.Fact
		next         string
	}{
		"no system_profiler":       {probe.ProfilerTool, "", forgetPolicy, probe.FactBootPolicy, "Run `system_profiler SPiBridgeDataType` in Terminal"},
		"system_profiler fails":    {probe.ProfilerTool, prints(bootPolicyAnswer("Full Security", "No", "No", "No")) + "exit 1", forgetPolicy, probe.FactBootPolicy, "Run `system_profiler SPiBridgeDataType` in Terminal"},
		"system_profiler floods":   {probe.ProfilerTool, "head -c 10485760 /dev/zero", forgetPolicy, probe.FactBootPolicy, "Run `system_profiler SPiBridgeDataType` in Terminal"},
		"system_profiler is mute":  {probe.ProfilerTool, "true", forgetPolicy, probe.FactBootPolicy, "Run `system_profiler SPiBridgeDataType` in Terminal"},
		"system_profiler crashes":  {probe.ProfilerTool, "kill -SEGV $$", forgetPolicy, probe.FactBootPolicy, "Run `system_profiler SPiBridgeDataType` in Terminal"},
		"a German system_profiler": {probe.ProfilerTool, prints(bootPolicyAnswer("Vollständige Sicherheit", "Nein", "Nein", "Nein")), forgetPolicy, probe.FactBootPolicy, "Open System Information and choose Controller"},
		"partly German":            {probe.ProfilerTool, prints(bootPolicyAnswer("Reduzierte Sicherheit", "Yes", "No", "No")), func(b *probe.Boot) { b.Security = "" }, probe.FactBootPolicy, "Open System Information and choose Controller"},
		"no diskutil":              {probe.DiskutilTool, "", func(b *probe.Boot) { b.External = "" }, probe.FactBootVolume, "Run `diskutil info /` in Terminal"},
		"diskutil fails":           {probe.DiskutilTool, "echo 'Could not find disk: /' >&2; exit 1", func(b *probe.Boot) { b.External = "" }, probe.FactBootVolume, "Run `diskutil info /` in Terminal"},
		"diskutil prints rubbish":  {probe.DiskutilTool, `printf '\377\376\000'`, func(b *probe.Boot) { b.External = "" }, probe.FactBootVolume, "Run `diskutil info /` in Terminal"},
		"an old kernel":            {probe.SysctlTool, noVirtual, func(b *probe.Boot) { b.Virtual = "" }, probe.FactVirtual, "Run `sysctl kern.hv_vmm_present` in Terminal"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSnapshotStory(t, "14.0", "1")
			mactest.Remove(t, s.m.Root, c.tool)
			if c.script != "" {
				mactest.AddTool(t, s.m.Root, c.tool, c.script)
			}
			want := reducedSecurity
			c.want(&want)
			snap, _ := s.snapshot(false)
			if snap.Boot != want {
				t.Errorf("got %+v, want %+v", snap.Boot, want)
			}
			wantGaps(t, snap.Gaps, string(c.gap))
			if len(snap.Gaps) == 1 && !strings.HasPrefix(snap.Gaps[0].Next, c.next) {
				t.Errorf("next: %q, want %q", snap.Gaps[0].Next, c.next)
			}
		})
	}
}

func forgetPolicy(b *probe.Boot) { b.Security, b.UserKexts, b.MDMKexts = "", "", "" }

// A tool that hangs delays no other answer and no snapshot, and keeps its own facts
// missing.
func TestHangingBootToolsDelayNothing(t *testing.T) {
	for _, name := range []string{probe.ProfilerTool, probe.DiskutilTool} {
		t.Run(name, func(t *testing.T) {
			tooltest.ShortLimit(t, 2*time.Second)
			s := newSnapshotStory(t, "14.0", "1")
			mactest.AddTool(t, s.m.Root, name, "sleep 60 & wait")
			ctx, cancel := context.WithCancel(t.Context())
			defer s.prober.Wait()
			defer cancel()
			answered := func(b probe.Boot) bool {
				if name == probe.ProfilerTool {
					return b.External != ""
				}
				return b.Security != ""
			}
			for {
				snap := s.prober.SnapshotNow(ctx, snapshotAt, Options{})
				if snap.Policy == nil || snap.Boot.Security != "" && snap.Boot.External != "" {
					t.Fatalf("%+v", snap)
				}
				if answered(snap.Boot) {
					if !snap.Pending || !missesBoot(snap) {
						t.Errorf("%+v", snap)
					}
					break
				}
				<-s.prober.Answers()
			}
			for {
				snap := s.prober.SnapshotNow(ctx, snapshotAt, Options{})
				if !snap.Pending {
					if !missesBoot(snap) || !strings.Contains(snap.Gaps[0].Err, "did not answer in time") {
						t.Errorf("%+v", snap.Gaps)
					}
					return
				}
				<-s.prober.Answers()
			}
		})
	}
}

// A sysctl that hangs later takes nothing away.
func TestVirtualIsKeptIfSysctlHangsLater(t *testing.T) {
	for answer, c := range map[string]struct {
		want probe.Answer
		gap  bool
	}{`echo "$name: 1"`: {probe.Yes, false}, `exit 1`: {"", true}} {
		s := newSnapshotStory(t, "14.0", "1")
		mactest.AddTool(t, s.m.Root, probe.SysctlTool, strings.ReplaceAll(sysctlScript("1"), `kern.hv_vmm_present) echo "$name: 0"`, "kern.hv_vmm_present) "+answer))
		s.snapshot(false)
		tooltest.ShortLimit(t, 200*time.Millisecond)
		mactest.AddTool(t, s.m.Root, probe.SysctlTool, "sleep 600 & wait")
		snap, _ := s.snapshot(true)
		if snap.Boot.Virtual != c.want || probe.HasGap(snap.Gaps, probe.FactVirtual) != c.gap || snap.Mac.Arch != probe.AppleSilicon || snap.Mac.BootSession != testSession {
			t.Errorf("%s: %+v, %+v, gaps %+v", answer, snap.Boot, snap.Mac, snap.Gaps)
		}
	}
}
