package mac

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// loadLimit is the time that one load may take. From macOS 11 the kernel collection may
// have to be built. It is shorter than the wait of a retry, so that the user sees the error.
const loadLimit = 45 * time.Second

// ErrNotRoot is the error of LoadKext for an ordinary user.
var ErrNotRoot = errors.New("only root can make macOS load a kernel extension")

// loadOutcomes are the exit statuses of kmutil(8) and kextload(8) that tell how a load
// attempt ended. The other statuses stand for several reasons.
var loadOutcomes = [...]struct {
	status  int
	outcome probe.Outcome
}{
	{0, probe.Permitted},
	{27, probe.Refused},
	{28, probe.NeedsRestart},
}

// LoadKext makes macOS load the kext at a path of the Mac, and returns how that ended. If
// nobody has approved the kext, macOS refuses it and shows the Allow button. It loads only
// a kext that no other user could have put there. An error means that the outcome is
// unknown; for an ordinary user it is ErrNotRoot.
func LoadKext(ctx context.Context, m root.FS, macOS probe.OSVersion, place string) (probe.Outcome, error) {
	if m.UID != 0 {
		return "", ErrNotRoot
	}
	if err := Loadable(m, place); err != nil {
		return "", err
	}
	name, args := probe.KextloadTool, []string{place}
	if macOS.AtLeast(11, 0) {
		name, args = probe.KmutilTool, []string{"load", "-p", place}
	}
	_, err := tool.QueryWithin(ctx, m, loadLimit, name, args...)
	status := 0
	if err != nil {
		exit, ended := errors.AsType[*tool.ExitError](err)
		if !ended {
			return "", fmt.Errorf("loading %s: %w", path.Base(place), err)
		}
		status = exit.Code
	}
	for _, row := range loadOutcomes {
		if row.status == status {
			return row.outcome, nil
		}
	}
	return "", fmt.Errorf("loading %s: %w", path.Base(place), err)
}

// Loadable returns an error unless place is the clean path of a kext of the boot volume
// that only root or an administrator could have put there. The error names no remedy: to
// give such a file or folder to root would be worse.
func Loadable(m root.FS, place string) error {
	if !path.IsAbs(place) || path.Clean(place) != place || path.Ext(place) != ".kext" || probe.OneLine(place) != place || root.Elsewhere(place) {
		return fmt.Errorf("kextwatch does not load %q: it is not a path at which kernel extensions are installed", probe.Printable(place))
	}
	owner, err := m.Owner()
	if err == nil {
		_, err = root.Trust{Owners: []int{owner}, Admins: true}.Walk(m.Root, place)
	}
	if untrusted, found := errors.AsType[*root.Untrusted](err); found {
		err = errors.New(untrusted.What)
	}
	if err != nil {
		return fmt.Errorf("kextwatch does not load %s: %w", path.Base(place), err)
	}
	return nil
}
