package mac

import (
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

// A property list is read again when its file was changed, and a bundle that is gone
// is not remembered.
func TestBundleInfos(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	const kext = "/Library/Extensions/a.kext"
	var infos bundleInfos
	want := func(after, version string) {
		t.Helper()
		infos.next()
		infos.stampLast(m)
		info, err := infos.read(m, kext)
		if version == "" {
			if !root.NotExist(err) {
				t.Errorf("%s: %+v, %v; want none", after, info, err)
			}
			return
		}
		if err != nil || info.Version != version {
			t.Errorf("%s: %+v, %v; want version %s", after, info, err, version)
		}
	}
	want("nothing", "")
	addKext(t, m, kext, hypervisorID, "1.0")
	want("installed", "1.0")
	infos.now[kext] = bundleInfo{stamp: infos.now[kext].stamp, info: root.BundleInfo{Version: "remembered"}}
	want("no change", "remembered")
	addKext(t, m, kext, hypervisorID, "1.0.1")
	want("updated", "1.0.1")
	mactest.Remove(t, m.Root, kext)
	want("removed", "")
	if len(infos.now) != 0 {
		t.Errorf("remembered %+v", infos.now)
	}
	if info, err := (*bundleInfos)(nil).read(m, probe.ParallelsApp); !root.NotExist(err) {
		t.Errorf("%+v, %v", info, err)
	}
}
