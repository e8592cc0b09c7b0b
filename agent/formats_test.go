//go:build formats

package main

import (
	"bytes"
	"os/exec"
	"testing"
	"time"
)

// What macOS prints its manuals with has nothing to object to in ours; it
// objects to lines above 80 letters, which are cobra's.
func TestManualIsWellFormed(t *testing.T) {
	cmd := exec.Command("mandoc", "-T", "lint", "-W", "warning,stop")
	cmd.Stdin = bytes.NewReader([]byte(manual((&invocation{}).commands(), time.Unix(0, 0).UTC())))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
