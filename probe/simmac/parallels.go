package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
)

const kextFolder = "/Contents/Library/Extensions/10.9/" // a name, not the version of macOS

// parallelsKexts has the file names and bundle IDs of the kexts, in the order in
// which Parallels loads them.
var parallelsKexts = []struct{ file, id string }{
	{"prl_hypervisor", "com.parallels.kext.hypervisor"},
	{"prl_usb_connect", "com.parallels.kext.usbconnect"},
	{"prl_netbridge", "com.parallels.kext.netbridge"},
	{"prl_vnic", "com.parallels.kext.vnic"},
}

// kexts reads the kexts in the application of Parallels.
func (m *Mac) kexts() ([]kext, error) {
	var found []kext
	for _, p := range parallelsKexts {
		k := parallelsKext(p.id, probe.ParallelsApp+kextFolder+p.file+".kext", "")
		var info bundleInfo
		err := m.readPlist(k.path+"/Contents/Info.plist", &info)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		k.version = info.CFBundleVersion
		found = append(found, k)
	}
	return found, nil
}

// parallelsKext returns a kext of Parallels, which has code for Intel only.
func parallelsKext(id, name, version string) kext {
	return kext{id: id, team: probe.ParallelsTeamID, path: name, version: version, archs: []probe.Arch{probe.Intel}}
}

// someKexts is kexts, but an error if the list is empty.
func (m *Mac) someKexts() ([]kext, error) {
	kexts, err := m.kexts()
	if err == nil && len(kexts) == 0 {
		err = fmt.Errorf("this Mac has no kernel extension of Parallels: %w", fs.ErrNotExist)
	}
	return kexts, err
}

// UpdateParallels replaces Parallels Desktop with another version, "18.1.1" or
// "18.1.1-53328". Loaded kexts stay loaded, and the rows of the policy stay. The
// Mac does not record the time of the update.
func (m *Mac) UpdateParallels(version string, _ time.Time) error {
	var info bundleInfo
	if err := m.readPlist(probe.ParallelsApp+"/Contents/Info.plist", &info); err != nil {
		return notInstalled(err)
	}
	st, err := m.loadState()
	if err != nil {
		return err
	}
	edition := probe.Standard
	if info.CFBundleIdentifier == bundleIDs[probe.AppStore] {
		edition = probe.AppStore
	}
	return m.installParallels(version, edition, st.Arch)
}

// RemoveParallels removes Parallels Desktop. The policy, the staged copies and the
// loaded kexts stay, as on a real Mac.
func (m *Mac) RemoveParallels() error {
	if _, err := m.stat(probe.ParallelsApp); err != nil {
		return notInstalled(err)
	}
	return m.removeAll(probe.ParallelsApp)
}

func notInstalled(err error) error {
	return fmt.Errorf("no Parallels Desktop on this Mac: %w", err)
}

var bundleIDs = map[probe.Edition]string{
	probe.Standard: "com.parallels.desktop.console",
	probe.AppStore: "com.parallels.desktop.appstore",
}

// installParallels works like the installer: it unpacks the new application in
// another folder, moves the old one away, and moves the new one into its place.
func (m *Mac) installParallels(release string, edition probe.Edition, arch probe.Arch) error {
	version, build, err := parseParallels(release)
	if err != nil {
		return err
	}
	if err := runsOn(arch, "Parallels Desktop", version); err != nil {
		return err
	}
	const sandbox = "/private/var/tmp/installer"
	defer m.removeAll(sandbox)
	unpacked := sandbox + "/new.app"
	if err := m.writeApp(unpacked, version, build, edition); err != nil {
		return err
	}
	if edition == probe.Standard {
		if err := m.writePrlctl(unpacked, version); err != nil {
			return err
		}
	}
	// On Apple silicon no edition has kexts.
	if edition == probe.Standard && arch == probe.Intel {
		if err := m.writeKexts(unpacked, version+" "+build); err != nil {
			return err
		}
	}
	err = m.rename(probe.ParallelsApp, sandbox+"/old.app")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.rename(unpacked, probe.ParallelsApp)
}

func (m *Mac) writeApp(app, version, build string, edition probe.Edition) error {
	if err := m.write(app+"/Contents/MacOS/prl_client_app", []byte("placeholder\n"), 0o755); err != nil {
		return err
	}
	return m.writePlist(app+"/Contents/Info.plist", bundleInfo{
		CFBundleExecutable:         "prl_client_app",
		CFBundleIdentifier:         bundleIDs[edition],
		CFBundleName:               "Parallels Desktop",
		CFBundlePackageType:        "APPL",
		CFBundleShortVersionString: version,
		CFBundleVersion:            build,
	}, plist.XMLFormat)
}

func (m *Mac) writeKexts(app, version string) error {
	for _, p := range parallelsKexts {
		if err := m.writeKext(parallelsKext(p.id, app+kextFolder+p.file+".kext", version)); err != nil {
			return err
		}
	}
	return nil
}

// writePrlctl writes Parallels' own tool into the application, and a link to it in
// the place where the installer makes one. RemoveParallels leaves the link.
func (m *Mac) writePrlctl(app, version string) error {
	script, err := tools.ReadFile("tools/prlctl.sh")
	if err != nil {
		return err
	}
	const inApp = "/Contents/MacOS/prlctl"
	if err := m.write(app+inApp, script, 0o755); err != nil {
		return err
	}
	major, _, _ := strings.Cut(version, ".")
	if err := m.write(simDir+"/parallels-major", []byte(major+"\n"), 0o644); err != nil {
		return err
	}
	if err := m.mkdirAll(path.Dir(probe.PrlctlTool)); err != nil {
		return err
	}
	err = m.symlink(probe.ParallelsApp+inApp, probe.PrlctlTool)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
