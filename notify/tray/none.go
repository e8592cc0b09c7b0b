//go:build !(cgo && (darwin || tray))

package tray

import (
	"errors"
	"fmt"

	"kextwatch/notify"
)

// New returns an error, because this build has no tray. The error wraps
// errors.ErrUnsupported.
func New() (notify.Tray, error) {
	return nil, fmt.Errorf("this build of kextwatch has no icon: %w; build it with cgo (CGO_ENABLED=1), on Linux also with -tags tray, or start it with --headless", errors.ErrUnsupported)
}
