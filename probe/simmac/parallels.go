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

const (
	appPath    = "/Applications/Parallels Desktop.app"
	kextFolder = "/Contents/Library/Extensions/10.9/" // a name, not the host's version
	developer  = "Parallels International GmbH"
)

// parallelsKexts are the file names and the bundle ids of the extensions, in
// the order in which Parallels loads them.
var parallelsKexts = []struct{ file, id string }{
	{"prl_hypervisor", "com.parallels.kext.hypervisor"},
	{"prl_usb_connect", "com.parallels.kext.usbconnect"},
	{"prl_netbridge", "com.parallels.kext.netbridge"},
	{"prl_vnic", "com.parallels.kext.vnic"},
}

// kexts reads which extensions of Parallels lie in its application.
func (m *Mac) kexts() ([]kext, error) {
	var found []kext
	for _, p := range parallelsKexts {
		k := kext{id: p.id, team: probe.ParallelsTeamID, path: appPath + kextFolder + p.file + ".kext"}
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

// someKexts is kexts for a method that needs one.
func (m *Mac) someKexts() ([]kext, error) {
	kexts, err := m.kexts()
	if err == nil && len(kexts) == 0 {
		err = fmt.Errorf("this Mac has no kernel extension of Parallels: %w", fs.ErrNotExist)
	}
	return kexts, err
}

// UpdateParallels replaces Parallels Desktop by another version, "18.1.1" or
// "18.1.1-53328". What is loaded stays loaded, and rows of the policy stay.
// Nothing on the Mac notes when it was.
func (m *Mac) UpdateParallels(version string, _ time.Time) error {
	var info bundleInfo
	if err := m.readPlist(appPath+"/Contents/Info.plist", &info); err != nil {
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

// RemoveParallels moves Parallels Desktop to the bin. The policy, the staged
// copies and what is loaded stay, as on a real Mac.
func (m *Mac) RemoveParallels() error {
	if _, err := m.stat(appPath); err != nil {
		return notInstalled(err)
	}
	return m.removeAll(appPath)
}

func notInstalled(err error) error {
	return fmt.Errorf("no Parallels Desktop on this Mac: %w", err)
}

var bundleIDs = map[probe.Edition]string{
	probe.Standard: "com.parallels.desktop.console",
	probe.AppStore: "com.parallels.desktop.appstore",
}

// installParallels does what an installer does: it unpacks beside, moves the
// old application away and the new one in.
func (m *Mac) installParallels(release string, edition probe.Edition, arch probe.Arch) error {
	version, build, err := parseParallels(release)
	if err != nil {
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
	// Parallels 27 runs on Apple silicon alone, where no edition brings any.
	if edition == probe.Standard && arch == probe.Intel && numbers(version)[0] < 27 {
		if err := m.writeKexts(unpacked, version+" "+build); err != nil {
			return err
		}
	}
	err = m.rename(appPath, sandbox+"/old.app")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.rename(unpacked, appPath)
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
		if err := m.writeKext(kext{id: p.id, path: app + kextFolder + p.file + ".kext", version: version}); err != nil {
			return err
		}
	}
	return nil
}

const prlctl = "/usr/local/bin/prlctl"

// writePrlctl puts Parallels' own tool into the application, and a link to it
// where the installer makes one. RemoveParallels leaves that link.
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
	if err := m.mkdirAll(path.Dir(prlctl)); err != nil {
		return err
	}
	err = m.symlink(appPath+inApp, prlctl)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
