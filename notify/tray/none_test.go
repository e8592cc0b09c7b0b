//go:build !(cgo && (darwin || tray))

package tray

import (
	"errors"
	"strings"
	"testing"
)

func TestBuildWithoutTray(t *testing.T) {
	tray, err := New()
	if tray != nil || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "--headless") {
		t.Errorf("%v, %v", tray, err)
	}
}
