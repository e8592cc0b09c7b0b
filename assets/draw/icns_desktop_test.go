//go:build desktop && linux

package main

import (
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// An independent reader of icon files reads the drawing. It does not know the newer
// types with two pixels per point and skips them.
func TestOtherReaderReadsIconFile(t *testing.T) {
	dir := t.TempDir()
	if said, err := exec.Command("icns2png", "-x", "-o", dir, "../app.icns").CombinedOutput(); err != nil {
		t.Fatalf("this test needs icns2png, of the package icnsutils: %v\n%s", err, said)
	}
	for _, size := range []int{16, 32, 256, 512, 1024} {
		f, err := os.Open(filepath.Join(dir, fmt.Sprintf("app_%dx%[1]dx32.png", size)))
		if err != nil {
			t.Error(err)
			continue
		}
		defer f.Close()
		img, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		if x, y, same := alike(img, draw(size, app...)); !same {
			t.Errorf("the picture of %d pixels differs at %d,%d", size, x, y)
		}
	}
}
