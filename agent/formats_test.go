//go:build formats

package main

import (
	"bytes"
	"os/exec"
	"testing"
	"time"
)

// mandoc, which macOS uses to print manuals, accepts our manual. Its style
// warnings are ignored: cobra writes lines that are longer than 80 characters.
func TestManualIsWellFormed(t *testing.T) {
	cmd := exec.Command("mandoc", "-T", "lint", "-W", "warning,stop")
	cmd.Stdin = bytes.NewReader([]byte(manual((&invocation{}).commands(), time.Unix(0, 0).UTC())))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
