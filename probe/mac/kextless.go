package mac

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const networkSettingsLimit = 1 << 20 // bytes

// readKextless reports whether Parallels' networking works without kexts. From
// macOS 11 it does, unless UseKextless is 0. The value -1 leaves the choice to
// Parallels.
func readKextless(m root.FS) (probe.Answer, error) {
	data, err := m.ReadFile(probe.ParallelsNetworkSettings, networkSettingsLimit)
	if root.NotExist(err) {
		return probe.Yes, nil
	}
	if err != nil {
		return "", err
	}
	answer, err := parseKextless(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", probe.ParallelsNetworkSettings, err)
	}
	return answer, nil
}

func parseKextless(data []byte) (probe.Answer, error) {
	answer := probe.Yes
	found := false
	err := root.WalkXML(data, func(element, text string) error {
		if path.Base(element) != "UseKextless" {
			return nil
		}
		if found {
			return errors.New("has UseKextless more than once")
		}
		found = true
		switch text := strings.TrimSpace(text); text {
		case "-1", "1":
		case "0":
			answer = probe.No
		default:
			return fmt.Errorf("has the unknown value %q for UseKextless", probe.Printable(text))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return answer, nil
}
