package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
)

// Every path to the real Mac is treated as "/": "/Volumes/Macintosh HD" is a link to
// it.
func TestALinkToTheRootIsNoSimulatedMac(t *testing.T) {
	link := filepath.Join(t.TempDir(), "Macintosh HD")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	for root, want := range map[string]string{link: "/", link + "/.": "/", "//": "/", filepath.Dir(link): filepath.Dir(link)} {
		in := &invocation{root: root, logLevel: "info"}
		if err := in.prepare(&cobra.Command{Use: "status"}); err != nil || in.target.mac.Root != want {
			t.Errorf("%s: %q, %v, want %q", root, in.target.mac.Root, err, want)
		}
	}
}
