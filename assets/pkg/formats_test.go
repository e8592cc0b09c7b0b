//go:build formats

package pkg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Independent programs of other authors read the package here.

// Installer runs the scripts with the sh of macOS, which is not that of this machine.
// SC2250 asks for braces around each name.
func TestScriptsInShellcheck(t *testing.T) {
	for _, name := range []string{"preinstall", "postinstall", "uninstall"} {
		if out, err := exec.Command("shellcheck", "--shell=sh", "--enable=all", "--exclude=SC2250", "--severity=style", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: %v, %v, want a program", name, info, err)
		}
	}
}

func TestOtherToolsReadTheLayout(t *testing.T) {
	dir := layout(t)
	for name, tc := range map[string]struct{ program, file, want string }{
		"pkgbuild's list": {"import plistlib, sys; c, = plistlib.load(open(sys.argv[1], 'rb')); print(c['RootRelativeBundlePath'], c['BundleIsRelocatable'], c['BundleIsVersionChecked'], c['BundleHasStrictIdentifier'], c['BundleOverwriteAction'])",
			"component.plist", "Applications/Kextwatch.app False False True upgrade"},
		"productbuild's list": {"import sys, xml.etree.ElementTree as e; r = e.parse(sys.argv[1]).getroot(); p = [x for x in r.findall('pkg-ref') if x.text]; print(r.find('options').get('hostArchitectures'), r.find('.//os-version').get('min'), [(x.get('id'), x.get('version'), x.text) for x in p])",
			"distribution.xml", "x86_64,arm64 10.13 [('io.kextwatch.pkg', '1.2.3.4', 'kextwatch.pkg')]"},
		"the agent":  {"import plistlib, sys; print(plistlib.load(open(sys.argv[1], 'rb'))['Label'])", "root/Library/LaunchAgents/io.kextwatch.agent.plist", "io.kextwatch.agent"},
		"the reader": {"import plistlib, sys; print(plistlib.load(open(sys.argv[1], 'rb'))['Label'])", "root/Library/LaunchDaemons/io.kextwatch.reader.plist", "io.kextwatch.reader"},
	} {
		out, err := exec.Command("python3", "-c", tc.program, filepath.Join(dir, tc.file)).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tc.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, tc.want)
		}
	}
}
