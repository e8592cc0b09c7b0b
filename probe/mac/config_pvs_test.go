package mac

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func config(id, name, hypervisor string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<ParallelsVirtualMachine schemaVersion="1.0" dyn_lists="VirtualAppliance 0">
   <AppVersion>18.1.1-53328</AppVersion>
   <Identification dyn_lists="">
      <VmUuid>` + id + `</VmUuid>
      <SourceVmUuid>{00000000-0000-0000-0000-000000000000}</SourceVmUuid>
      <VmName>` + name + `</VmName>
   </Identification>
   <Settings dyn_lists="">
      <Runtime OptimizePowerConsumptionMode_patch="1" dyn_lists="IoLimit 0">
         <FullScreen dyn_lists="CornerAction"><CornerAction>1</CornerAction><CornerAction>0</CornerAction></FullScreen>
         <EnableAdaptiveHypervisor>0</EnableAdaptiveHypervisor>
         <HypervisorType>` + hypervisor + `</HypervisorType>
      </Runtime>
   </Settings>
</ParallelsVirtualMachine>
`
}

func TestNoMachinesOnDiskIsUnknown(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, root.FS){
		"nothing":       func(*testing.T, root.FS) {},
		"empty folders": func(t *testing.T, m root.FS) { mactest.AddFile(t, m.Root, "/Users/me/Parallels/.DS_Store", "") },
		"a file":        func(t *testing.T, m root.FS) { mactest.AddFile(t, m.Root, "/Users/me/Parallels", "") },
	} {
		t.Run(name, func(t *testing.T) {
			m := homeMac(t)
			prepare(t, m)
			got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
			if got.Known || got.From != "" || got.List != nil {
				t.Errorf("got %+v, want no list", got)
			}
			wantGaps(t, gaps, "virtual machines, virtual machines on the disk")
		})
	}
}

func TestUnreadableConfigs(t *testing.T) {
	good := config("{"+vmID+"}", "One", "1")
	for name, c := range map[string]struct {
		prepare func(*testing.T, root.FS)
		err     string
		list    int
	}{
		"damaged": {func(t *testing.T, m root.FS) {
			mactest.AddFile(t, m.Root, "/Users/me/Parallels/Two.pvm/config.pvs", good[:200])
		}, "Two.pvm", 1},
		"no config": {func(t *testing.T, m root.FS) { mactest.AddFile(t, m.Root, "/Users/me/Parallels/Two.pvm/disk", "") }, "no such file", 1},
		"a file":    {func(t *testing.T, m root.FS) { mactest.AddFile(t, m.Root, "/Users/me/Parallels/Two.pvm", "") }, "not a directory", 1},
		"a link": {func(t *testing.T, m root.FS) {
			mactest.AddLink(t, m.Root, "/Users/me/Parallels/Two.pvm", "../Documents/Two.pvm")
		}, "is a symbolic link", 1},
		"a config that is a link": {func(t *testing.T, m root.FS) {
			mactest.AddLink(t, m.Root, "/Users/me/Parallels/Two.pvm/config.pvs", "../One.pvm/config.pvs")
		}, "is a symbolic link", 1},
		"the shared folder is a link": {func(t *testing.T, m root.FS) {
			mactest.AddLink(t, m.Root, "/Users/Shared/Parallels", "/Users/me/Documents")
		}, "is a symbolic link", 1},
		"huge": {func(t *testing.T, m root.FS) {
			mactest.AddFile(t, m.Root, "/Users/me/Parallels/Two.pvm/config.pvs", good+strings.Repeat(" ", configLimit))
		}, "too large", 1},
		"too many": {func(t *testing.T, m root.FS) {
			for i := range machineLimit {
				mactest.AddFile(t, m.Root, fmt.Sprintf("/Users/Shared/Parallels/%03d.pvm/config.pvs", i), good)
			}
		}, "more than 256", machineLimit},
	} {
		t.Run(name, func(t *testing.T) {
			m := homeMac(t)
			mactest.AddFile(t, m.Root, "/Users/me/Parallels/One.pvm/config.pvs", good)
			c.prepare(t, m)
			got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
			if got.Known || got.From != "config.pvs" || len(got.List) != c.list {
				t.Errorf("got %+v, want %d machines of an incomplete list from config.pvs", got, c.list)
			}
			wantGaps(t, gaps, "virtual machines, virtual machines on the disk")
			if len(gaps) == 2 && !strings.Contains(gaps[1].Err, c.err) {
				t.Errorf("%+v, want one with %q", gaps, c.err)
			}
		})
	}
}

func TestUnknownHome(t *testing.T) {
	m := homeMac(t)
	mactest.AddFile(t, m.Root, "/Users/Shared/Parallels/One.pvm/config.pvs", config(vmID, "One", "1"))
	m.Home, m.NoTools = "", true
	got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
	if got.Known || len(got.List) != 1 {
		t.Errorf("got %+v, want one machine of an incomplete list", got)
	}
	wantGaps(t, gaps, "virtual machines, virtual machines on the disk")
	if !strings.Contains(gaps[0].Next, "on that Mac") {
		t.Errorf("the next step is %q, want one on that Mac", gaps[0].Next)
	}
}

func TestHomeOutsideRoot(t *testing.T) {
	m, elsewhere := homeMac(t), root.FS{Root: mactest.Root(t)}
	m.Home = filepath.Join(elsewhere.Root, "home")
	mactest.AddFile(t, elsewhere.Root, "/home/Parallels/One.pvm/config.pvs", config(vmID, "One", "0"))
	got, _ := searchConfigs(t.Context(), m)
	if !got.Known || len(got.List) != 1 || got.List[0].Path != m.Home+"/Parallels/One.pvm" {
		t.Errorf("got %+v, want one machine below %s", got, m.Home)
	}
}

func TestParseConfig(t *testing.T) {
	hypervisorTwice := strings.Replace(config(vmID, "x", "1"), "<EnableAdaptiveHypervisor>0</EnableAdaptiveHypervisor>", "<HypervisorType>0</HypervisorType>", 1)
	for name, c := range map[string]struct {
		data string
		want probe.VM
		err  string
	}{
		"Parallels":         {config("{"+vmID+"}", "x", "0"), probe.VM{UUID: vmID, Name: "x", Hypervisor: probe.ParallelsHypervisor}, ""},
		"Apple":             {config("{"+vmID+"}", "x", " 1\n"), probe.VM{UUID: vmID, Name: "x", Hypervisor: probe.AppleHypervisor}, ""},
		"unknown number":    {config(vmID, "x", "2"), probe.VM{UUID: vmID, Name: "x"}, ""},
		"a word":            {config(vmID, "x", "apple"), probe.VM{UUID: vmID, Name: "x"}, ""},
		"old, no type":      {strings.ReplaceAll(config(vmID, "x", "1"), "HypervisorType", "Other"), probe.VM{UUID: vmID, Name: "x"}, ""},
		"type elsewhere":    {strings.ReplaceAll(config(vmID, "x", "1"), "Runtime", "Elsewhere"), probe.VM{UUID: vmID, Name: "x"}, ""},
		"hostile name":      {config(vmID, "&lt;b&gt;&#x202e;$(id)&#10;&quot;'", "1"), probe.VM{UUID: vmID, Name: `<b>$(id) "'`, Hypervisor: probe.AppleHypervisor}, ""},
		"long name":         {config(vmID, strings.Repeat("ä", 10_000), "1"), probe.VM{UUID: vmID, Name: strings.Repeat("ä", probe.PrintableLimit), Hypervisor: probe.AppleHypervisor}, ""},
		"no UUID":           {config("", "x", "1"), probe.VM{}, "does not name"},
		"impossible UUID":   {config("{../../x}", "x", "1"), probe.VM{}, "does not name"},
		"two types":         {hypervisorTwice, probe.VM{}, "more than once"},
		"empty":             {"", probe.VM{}, "no element"},
		"text":              {"hello", probe.VM{}, "no element"},
		"cut off":           {config(vmID, "x", "1")[:300], probe.VM{}, "unexpected EOF"},
		"another document":  {"<plist/>", probe.VM{}, "does not name"},
		"own entity":        {"<!DOCTYPE x [<!ENTITY a \"b\">]>" + config(vmID, "&a;", "1"), probe.VM{}, "entity"},
		"another encoding":  {`<?xml version="1.0" encoding="UTF-16"?><a/>`, probe.VM{}, "encoding"},
		"deep":              {strings.Repeat("<a>", root.PlistDepth+1), probe.VM{}, "nested too deeply"},
		"wide":              {"<a>" + strings.Repeat("<b/>", root.PlistNodes) + "</a>", probe.VM{}, "expands to more"},
		"control character": {config(vmID, "a\x01b", "1"), probe.VM{}, "character"},
	} {
		got, err := parseConfig([]byte(c.data))
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		t.Run(name, func(t *testing.T) { wantError(t, err, c.err) })
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(config("{"+vmID+"}", "x", "0")))
	f.Add([]byte(config(vmID, "&#x202e;", "1")))
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		if vm, err := parseConfig(data); err == nil {
			wantSane(t, vm)
		} else if vm != (probe.VM{}) {
			t.Errorf("%+v, %v", vm, err)
		}
	})
}
