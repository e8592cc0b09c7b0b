package mac

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const (
	parallelsID = "com.parallels.desktop.console"
	startLimit  = 2 * time.Minute // starting or resuming a virtual machine can be slow
)

// ErrServiceDown is the error of StartVM and ResumeVM if Parallels' service does not run. In this
// case there was no load attempt.
var ErrServiceDown = errors.New("the service of Parallels (prl_disp_service) does not answer")

var errStartAsRoot = errors.New("kextwatch does not start Parallels as root: Parallels would create files that only root can change; run the command without sudo")

// OpenParallels opens Parallels Desktop for the user. Up to macOS 10.15 its service
// then tries to load the kexts. Of several copies it opens app, which may be nil. It is
// an error for root on a real Mac.
func OpenParallels(ctx context.Context, m root.FS, app *probe.App) error {
	if runsAsRoot(m) {
		return errStartAsRoot
	}
	what := []string{"-b", parallelsID}
	if app != nil && app.Path != probe.ParallelsApp && opens(m, app) {
		what = []string{app.Path}
	}
	if _, err := tool.Query(ctx, m, probe.OpenTool, what...); err != nil {
		return fmt.Errorf("opening Parallels Desktop: %w", err)
	}
	return nil
}

// opens reports whether an app that was read may be opened by its path: only root, an
// administrator or the user could put it there. Any user can run a program whose path
// makes kextwatch find an app.
func opens(m root.FS, app *probe.App) bool {
	owner, err := m.Owner()
	if err != nil || app.Version == "" || app.Path == "" || root.Elsewhere(app.Path) {
		return false
	}
	_, err = root.InTime(app.Path, func() (fs.FileInfo, error) {
		return root.Trust{Owners: []int{owner, m.UID}, Admins: true}.Walk(m.Root, app.Path)
	})
	return err == nil
}

// StartVM starts the virtual machine with this UUID. It returns the outcome of the
// load attempt for the kexts that it needs, and the page of Parallels' help if
// prlctl names one. It can take a minute and ends when ctx ends. An error means
// that the outcome is unknown; ErrServiceDown means that there was no attempt.
func StartVM(ctx context.Context, m root.FS, uuid string) (outcome probe.Outcome, helpURL string, err error) {
	return bringUp(ctx, m, "start", "starting", uuid)
}

// ResumeVM is StartVM for a suspended virtual machine. If macOS refuses the kexts, the
// virtual machine stays suspended.
func ResumeVM(ctx context.Context, m root.FS, uuid string) (outcome probe.Outcome, helpURL string, err error) {
	return bringUp(ctx, m, "resume", "resuming", uuid)
}

// bringUp runs this verb of prlctl for a virtual machine. doing is the verb in errors.
func bringUp(ctx context.Context, m root.FS, verb, doing, uuid string) (outcome probe.Outcome, helpURL string, err error) {
	if !uuidForm.MatchString(uuid) {
		return "", "", fmt.Errorf("%q is not the UUID of a virtual machine", probe.Printable(uuid))
	}
	if runsAsRoot(m) {
		return "", "", errStartAsRoot
	}
	out, err := tool.QueryWithin(ctx, m, startLimit, probe.PrlctlTool, verb, uuid)
	outcome, helpURL = parseStartAnswer(out, err)
	switch {
	case outcome != "":
		return outcome, helpURL, nil
	case strings.Contains(startText(out, err), "Unable to connect to Parallels Service"):
		return "", "", ErrServiceDown
	}
	return "", "", fmt.Errorf("%s the virtual machine: %w", doing, err)
}

// runsAsRoot reports whether the user is root on a real Mac. A simulated Mac may
// belong to root.
func runsAsRoot(m root.FS) bool { return m.Root == "/" && m.UID == 0 }

// helpForm matches the address of the help page about a blocked kext in the
// messages of Parallels 19 and 20.
var helpForm = probe.Form{Expr: `https://www\.parallels\.com/products/desktop/supportinfo/pdfm[0-9]{1,3}_[A-Za-z_]{1,10}_56521\b`}

// parseStartAnswer reads the outcome of the load attempt in prlctl's answer. It
// looks only for the number of the error, because the words change with the
// version and the language. It returns "" if the answer is about something else.
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

// startText returns all output of a tool.
func startText(out []byte, err error) string {
	if exit, ok := errors.AsType[*tool.ExitError](err); ok {
		return string(out) + "\n" + string(exit.Stderr)
	}
	return string(out)
}
