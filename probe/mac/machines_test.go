package mac

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool/tooltest"
)

const (
	vmID      = "c4653e88-add3-1c0d-a766-8084dd4bcdde"
	otherVMID = "DE22DF32-80E2-4E92-BA4B-EFB3A66CF092"
)

var bigSur = probe.OSVersion{Version: "11.7.10"}

func parallelsVersion(version string) *probe.App {
	return &probe.App{TeamID: probe.ParallelsTeamID, Path: probe.ParallelsApp, Version: version, Edition: probe.Standard}
}

// prints returns the script of a tool that prints text.
func prints(text string) string { return "cat <<'END'\n" + text + "\nEND\n" }

// config returns a config.pvs with parts that are read and parts that are not.
// homeMac returns a Mac with a home folder.
func homeMac(t testing.TB) root.FS {
	m := root.FS{Root: mactest.Root(t)}
	m.Home = filepath.Join(m.Root, "Users/me")
	m.UID = 501
	return m
}

func TestMachinesFromPrlctl(t *testing.T) {
	m := homeMac(t)
	mactest.AddLink(t, m.Root, probe.PrlctlTool, probe.ParallelsApp+"/Contents/MacOS/prlctl")
	mactest.AddTool(t, m.Root, probe.ParallelsApp+"/Contents/MacOS/prlctl", `[ "$*" = "list -a -i --json" ] || exit 1
`+prints(`[{"ID": "{`+vmID+`}", "Name": "Windows 11", "State": "stopped", "Home": "\/Users\/me\/Parallels\/Windows 11.pvm\/",
 "Optimization": {"Hypervisor type": "parallels", "Nested virtualization": "on"}, "Hardware": {"cpu": {"cpus": 2}}}]`))
	mactest.AddFile(t, m.Root, "/Users/me/Parallels/Ignored.pvm/config.pvs", "rubbish")
	got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
	want := probe.Machines{Known: true, From: "prlctl", Kextless: probe.Yes, List: []probe.VM{{
		UUID: vmID, Name: "Windows 11", Path: "/Users/me/Parallels/Windows 11.pvm", State: probe.VMStopped,
		Hypervisor: probe.ParallelsHypervisor, Nested: probe.Yes,
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	wantGaps(t, gaps, "")
}

func TestMachinesReadOnlyIfTheyMatter(t *testing.T) {
	m := homeMac(t)
	mactest.AddTool(t, m.Root, probe.PrlctlTool, `echo ran >'`+m.Root+`/ran'; echo '[]'`)
	store := parallelsVersion("18.1.1")
	store.Edition = probe.AppStore
	for name, c := range map[string]struct {
		app *probe.App
		os  probe.OSVersion
	}{
		"no Parallels":     {nil, bigSur},
		"App Store":        {store, bigSur},
		"Parallels 15":     {parallelsVersion("15.1.5"), bigSur},
		"unknown version":  {parallelsVersion(""), bigSur},
		"macOS 10.15":      {parallelsVersion("18.1.1"), probe.OSVersion{Version: "10.15.7"}},
		"macOS is unknown": {parallelsVersion("18.1.1"), probe.OSVersion{}},
	} {
		got, gaps := readMachines(t.Context(), m, c.app, c.os)
		if !reflect.DeepEqual(got, probe.Machines{}) || len(gaps) > 0 {
			t.Errorf("%s: %+v, %+v", name, got, gaps)
		}
	}
	if _, err := os.Stat(m.Root + "/ran"); err == nil {
		t.Error("prlctl was run")
	}
	for _, version := range []string{"16.0.1", "26.4.1"} {
		if got, _ := readMachines(t.Context(), m, parallelsVersion(version), probe.OSVersion{Version: "26.2"}); !got.Known {
			t.Errorf("%s: %+v", version, got)
		}
	}
}

// If prlctl fails in any way, the virtual machines on the disk are found, and the
// gap gives the reason.
func TestMachinesWithoutPrlctl(t *testing.T) {
	const service = "Unable to connect to Parallels Service. Make sure that the prl_disp_service process is active"
	for name, c := range map[string]struct{ script, err string }{
		"missing":          {"", "does not exist"},
		"hangs":            {"sleep 60", "in time"},
		"fails":            {"echo '" + service + "' >&2; exit 255", "prl_disp_service"},
		"fails with JSON":  {"echo '[]'; exit 1", "exit status 1"},
		"prints nothing":   {"true", "did not print a list"},
		"prints rubbish":   {`printf '\000\377[{'`, "did not print a list"},
		"another language": {prints(`[{"Kennung": "{` + vmID + `}", "Optimierung": {"Hypervisor-Typ": "Apple"}}]`), "invalid ID"},
		"a table":          {prints("UUID                                    STATUS       IP_ADDR         NAME"), "did not print a list"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "hangs") {
				tooltest.ShortLimit(t, 2*time.Second)
			}
			m := homeMac(t)
			if c.script != "" {
				mactest.AddTool(t, m.Root, probe.PrlctlTool, c.script)
			}
			mactest.AddFile(t, m.Root, "/Users/me/Parallels/One.pvm/config.pvs", config("{"+vmID+"}", "One", "1"))
			mactest.AddFile(t, m.Root, "/Users/Shared/Parallels/Two.pvm/config.pvs", config("{"+otherVMID+"}", "Two", "0"))
			mactest.AddFile(t, m.Root, "/Users/me/Documents/Parallels/Three.pvm/config.pvs", "never looked at")
			got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
			want := probe.Machines{Known: true, From: "config.pvs", Kextless: probe.Yes, List: []probe.VM{
				{UUID: otherVMID, Name: "Two", Path: "/Users/Shared/Parallels/Two.pvm", Hypervisor: probe.ParallelsHypervisor},
				{UUID: vmID, Name: "One", Path: "/Users/me/Parallels/One.pvm", Hypervisor: probe.AppleHypervisor},
			}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			wantGaps(t, gaps, "virtual machines")
			if len(gaps) > 0 && !strings.Contains(gaps[0].Err, c.err) {
				t.Errorf("%+v, want one with %q", gaps, c.err)
			}
		})
	}
}

// Only the owner of a home folder can start what is in it. The path alone says so.
func TestMachinesOfOtherUsers(t *testing.T) {
	for home, others := range map[string][]string{
		"Users/me": {"/Users/sue/Parallels/A.pvm", "/Users/mel/A.pvm"},
		"Users/ME": {"/Users/sue/Parallels/A.pvm", "/Users/mel/A.pvm"},
		"":         nil,
	} {
		m := homeMac(t)
		if m.Home = filepath.Join(m.Root, home); home == "" {
			m.Home = ""
		}
		for _, bundle := range []string{"/Users/me/Parallels/A.pvm", "/Users/Shared/Parallels/A.pvm", "/Volumes/Disk/A.pvm", "/Usersue/A.pvm", "", "/Users/sue/Parallels/A.pvm", "/Users/mel/A.pvm"} {
			if got, want := ofAnotherUser(m, bundle), slices.Contains(others, bundle); got != want {
				t.Errorf("home %q: %q is of another user: %v, want %v", home, bundle, got, want)
			}
		}
	}
	m := homeMac(t)
	mactest.AddTool(t, m.Root, probe.PrlctlTool, prints(`[{"ID": "`+vmID+`", "Home": "/Users/sue/Parallels/A.pvm/"}, {"ID": "`+otherVMID+`", "Home": "/Users/me/Parallels/B.pvm/"}]`))
	got, _ := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
	if len(got.List) != 2 || !got.List[0].OtherUsers || got.List[1].OtherUsers {
		t.Errorf("%+v, want the first of another user", got.List)
	}
}

// wantSane checks what holds for every virtual machine that was read.
func wantSane(t *testing.T, vm probe.VM) {
	t.Helper()
	if !uuidForm.MatchString(vm.UUID) || vm.Name != probe.Printable(vm.Name) || vm.Path != bundlePath(vm.Path) {
		t.Errorf("%+v", vm)
	}
}

// Without a tool the answer is never "no virtual machines".
// The path of a home outside of the Mac's root is not changed.
func TestUnknownHypervisorsAreGaps(t *testing.T) {
	m := homeMac(t)
	mactest.AddTool(t, m.Root, probe.PrlctlTool, prints(`[{"ID": "`+vmID+`", "Optimization": {"Hypervisor type": "new"}}, {"ID": "`+otherVMID+`", "Optimization": {"Hypervisor type": "apple"}}]`))
	got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
	wantGaps(t, gaps, "virtual machines")
	if !got.Known || !strings.Contains(gaps[0].Err, "1 of 2") {
		t.Errorf("%+v, %+v", got, gaps)
	}
}
