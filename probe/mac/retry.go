package mac

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	parallelsID = "com.parallels.desktop.console"
	startLimit  = 2 * time.Minute // a virtual machine may take its time to start
)

// ErrServiceDown is what StartVM answers where Parallels' service does not
// run. Then nothing tried to load a kernel extension.
var ErrServiceDown = errors.New("the service of Parallels (prl_disp_service) does not answer")

var errStartAsRoot = errors.New("nothing of Parallels is started as root: it would leave files behind that only root may change")

// OpenParallels opens Parallels Desktop for the user. Up to macOS 10.15 its
// service then tries to load the kernel extensions.
func OpenParallels(ctx context.Context, m root.FS) error {
	if runsAsRoot(m) {
		return errStartAsRoot
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, "-b", parallelsID); err != nil {
		return fmt.Errorf("opening Parallels Desktop: %w", err)
	}
	return nil
}

// StartVM starts a virtual machine, given by its UUID, and says how the load
// of the kernel extensions it needs ended, with the page of Parallels' help
// about it where one is named. It may take a minute, and ends with ctx. An
// error means that nothing is known of a load.
func StartVM(ctx context.Context, m root.FS, uuid string) (outcome probe.Outcome, helpURL string, err error) {
	if !uuidForm.MatchString(uuid) {
		return "", "", fmt.Errorf("%q is not the UUID of a virtual machine", probe.Printable(uuid))
	}
	if runsAsRoot(m) {
		return "", "", errStartAsRoot
	}
	out, err := tool.QueryWithin(ctx, m, startLimit, probe.PrlctlTool, "start", uuid)
	outcome, helpURL = parseStartAnswer(out, err)
	switch {
	case outcome != "":
		return outcome, helpURL, nil
	case strings.Contains(startText(out, err), "Unable to connect to Parallels Service"):
		return "", "", ErrServiceDown
	}
	return "", "", fmt.Errorf("starting the virtual machine: %w", err)
}

// runsAsRoot: on a Mac; a simulated one may belong to root.
func runsAsRoot(m root.FS) bool { return m.Root == "/" && m.UID == 0 }

// helpForm is the page about a kernel extension that is not allowed, as
// Parallels 19 and 20 name it.
var helpForm = regexp.MustCompile(`https://www\.parallels\.com/products/desktop/supportinfo/pdfm[0-9]{1,3}_[A-Za-z_]{1,10}_56521\b`)

// parseStartAnswer finds out how the load ended from what prlctl said. Only
// the number of the error is sure; the words around it change with version
// and language. Empty: the answer is about something else.
func parseStartAnswer(out []byte, err error) (outcome probe.Outcome, helpURL string) {
	text := startText(out, err)
	switch {
	case err == nil:
		return probe.Permitted, ""
	case strings.Contains(text, "_56521"):
		return probe.Refused, helpForm.FindString(text)
	}
	return "", ""
}

// startText is all that a tool said.
func startText(out []byte, err error) string {
	if exit, ok := errors.AsType[*tool.ExitError](err); ok {
		return string(out) + "\n" + string(exit.Stderr)
	}
	return string(out)
}
