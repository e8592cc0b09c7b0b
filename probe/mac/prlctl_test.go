package mac

import (
	"reflect"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestPrlctlOfSimulatedMac(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)} // whoever is root here is nobody on a simulated Mac
	mactest.AddTool(t, m.Root, probe.PrlctlTool, "echo '[]'")
	if got, err := queryPrlctl(t.Context(), m); err != nil || !got.Known || got.From != "prlctl" || len(got.List) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParsePrlctl(t *testing.T) {
	one := func(rest string) string { return `[{"ID": "` + vmID + `"` + rest + `}]` }
	vm := func(change func(*probe.VM)) []probe.VM {
		list := []probe.VM{{UUID: vmID}}
		change(&list[0])
		return list
	}
	long := strings.Repeat("x", 10_000)
	for name, c := range map[string]struct {
		out  string
		want []probe.VM
	}{
		"none":         {"[]", nil},
		"none, spaced": {"\n [ ] \n", nil},
		"only an ID":   {one(``), vm(func(*probe.VM) {})},
		"apple":        {one(`, "Optimization": {"Hypervisor type": "apple", "Nested virtualization": "off"}`), vm(func(v *probe.VM) { v.Hypervisor, v.Nested = probe.AppleHypervisor, probe.No })},
		"capitals": {one(`, "State": "Running", "Optimization": {"Hypervisor type": "Parallels", "Nested virtualization": "ON"}`), vm(func(v *probe.VM) {
			v.State, v.Hypervisor, v.Nested = probe.VMRunning, probe.ParallelsHypervisor, probe.Yes
		})},
		"in Hardware":        {one(`, "Hardware": {"cpu": {"cpus": 4}, "Optimization": {"Hypervisor type": "parallels"}}`), vm(func(v *probe.VM) { v.Hypervisor = probe.ParallelsHypervisor })},
		"suspended":          {one(`, "State": "suspended"`), vm(func(v *probe.VM) { v.State = probe.VMSuspended })},
		"paused":             {one(`, "State": "paused"`), vm(func(*probe.VM) {})},
		"unknown hypervisor": {one(`, "Optimization": {"Hypervisor type": "kvm", "Nested virtualization": "maybe"}`), vm(func(*probe.VM) {})},
		"empty hypervisor":   {one(`, "Optimization": {}`), vm(func(*probe.VM) {})},
		"long name":          {one(`, "Name": "` + long + `"`), vm(func(v *probe.VM) { v.Name = long[:probe.PrintableLimit] })},
		"hostile name":       {one(`, "Name": "a\u0000b\u001b[31m\u202ec\n\"$(id)\u0060'"`), vm(func(v *probe.VM) { v.Name = "ab[31mc \"$(id)`'" })},
		"bad bytes":          {one(`, "Name": "` + "\xff" + `"`), vm(func(v *probe.VM) { v.Name = "\ufffd" })},
		"relative home":      {one(`, "Home": "../../etc"`), vm(func(*probe.VM) {})},
		"hostile home":       {one(`, "Home": "/Users/\u202eme"`), vm(func(*probe.VM) {})},
		"winding home":       {one(`, "Home": "/Users/me/../you/x.pvm/"`), vm(func(v *probe.VM) { v.Path = "/Users/you/x.pvm" })},
	} {
		got, err := parsePrlctl([]byte(c.out))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestParsePrlctlRefuses(t *testing.T) {
	many := strings.Repeat(`{"ID": "`+vmID+`"},`, machineLimit)
	if got, err := parsePrlctl([]byte("[" + strings.TrimSuffix(many, ",") + "]")); err != nil || len(got) != machineLimit {
		t.Errorf("at the limit: %d, %v", len(got), err)
	}
	for name, out := range map[string]string{
		"nothing":           "",
		"null":              "null",
		"an object":         `{"ID": "` + vmID + `"}`,
		"a number":          "7",
		"text":              "There are no virtual machines.",
		"null inside":       "[null]",
		"an empty object":   "[{}]",
		"an ID, not one":    `[{"ID": "../../x"}]`,
		"two IDs in one":    `[{"ID": "` + vmID + vmID + `"}]`,
		"ID a number":       `[{"ID": 7}]`,
		"name a list":       `[{"ID": "` + vmID + `", "Name": ["x"]}]`,
		"type a number":     `[{"ID": "` + vmID + `", "Optimization": {"Hypervisor type": 1}}]`,
		"optimization text": `[{"ID": "` + vmID + `", "Optimization": "Hypervisor type: apple"}]`,
		"cut off":           `[{"ID": "` + vmID + `", "Name": "x"`,
		"something after":   `[{"ID": "` + vmID + `"}] rubbish`,
		"deep":              strings.Repeat("[", 100_000),
		"too many":          "[" + many + `{"ID": "` + vmID + `"}]`,
	} {
		if got, err := parsePrlctl([]byte(out)); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzParsePrlctl(f *testing.F) {
	f.Add([]byte(`[{"ID": "{` + vmID + `}", "Name": "x", "State": "running", "Home": "/a/b", "Optimization": {"Hypervisor type": "apple", "Nested virtualization": "off"}}]`))
	f.Add([]byte(`[{"ID": "` + vmID + `", "Hardware": {"Optimization": {"Hypervisor type": "parallels"}}}]`))
	f.Add([]byte("[]"))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		list, err := parsePrlctl(out)
		if err != nil && list != nil || len(list) > machineLimit {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, vm := range list {
			wantSane(t, vm)
		}
	})
}
