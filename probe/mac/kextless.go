package mac

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	networkSettingsLimit = 1 << 20
)

// readKextless reports whether Parallels' networking does without kernel
// extensions, as it does from macOS 11 on unless UseKextless is 0: -1 leaves
// it to Parallels.
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
	told := false
	err := root.WalkXML(data, func(element, text string) error {
		if path.Base(element) != "UseKextless" {
			return nil
		}
		if told {
			return errors.New("has UseKextless more than once")
		}
		told = true
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
