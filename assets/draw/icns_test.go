package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"os"
	"testing"
)

// sizes has the sizes in pixels of the pictures in an icon file, by the type of
// their element.
var sizes = map[string]int{
	"is32": 16, "il32": 32, "ic07": 128, "ic08": 256, "ic09": 512, // one pixel a point
	"ic11": 32, "ic12": 64, "ic13": 256, "ic14": 512, "ic10": 1024, // two
}

func TestIconFileMatchesDrawing(t *testing.T) {
	data, err := os.ReadFile("../app.icns")
	if err != nil {
		t.Fatal(err)
	}
	found := elements(t, data)
	for kind, size := range sizes {
		img := picture(t, kind, found, size)
		if x, y, same := alike(img, draw(size, app...)); !same {
			t.Errorf("%s differs at %d,%d; run: make icons", kind, x, y)
		}
	}
	if len(found) != len(sizes)+2 {
		t.Errorf("%d elements, want %d pictures and 2 masks", len(found), len(sizes))
	}
}

// The smallest picture is drawn in its size and not scaled: its edge is one pixel
// from the border on all sides.
func TestSmallestPictureIsSharp(t *testing.T) {
	img := draw(16, app...)
	for i, want := range []uint8{0, 255, 255} {
		if a := img.NRGBAAt(i, 8).A; a != want {
			t.Errorf("alpha %d at %d,8, want %d", a, i, want)
		}
	}
}

// elements returns the elements of an icon file.
func elements(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	if len(data) < 8 || string(data[:4]) != "icns" || int(binary.BigEndian.Uint32(data[4:])) != len(data) {
		t.Fatalf("%d bytes that begin with %q: no icon file", len(data), data[:min(len(data), 8)])
	}
	found := map[string][]byte{}
	for data = data[8:]; len(data) > 0; {
		if len(data) < 8 {
			t.Fatalf("%d bytes are left", len(data))
		}
		n := int(binary.BigEndian.Uint32(data[4:]))
		if n < 8 || n > len(data) {
			t.Fatalf("element %q has a length of %d, and %d bytes are left", data[:4], n, len(data))
		}
		found[string(data[:4])] = data[8:n]
		data = data[n:]
	}
	return found
}

func picture(t *testing.T, kind string, found map[string][]byte, size int) image.Image {
	t.Helper()
	mask, old := map[string]string{"is32": "s8mk", "il32": "l8mk"}[kind]
	if !old {
		img, err := png.Decode(bytes.NewReader(found[kind]))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return img
	}
	color, alpha := unpacked(found[kind]), found[mask]
	n := size * size
	if len(color) != 3*n || len(alpha) != n {
		t.Fatalf("%s: %d bytes of color and %d of mask, want %d and %d", kind, len(color), len(alpha), 3*n, n)
	}
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for i := range n {
		copy(img.Pix[4*i:], []byte{color[i], color[n+i], color[2*n+i], alpha[i]})
	}
	return img
}

// unpacked reads the whole format, including the part that packed does not use: a
// byte n of 128 or more means that the next byte is repeated n - 125 times.
func unpacked(data []byte) []byte {
	var out []byte
	for len(data) > 1 {
		if n := int(data[0]); n < 128 {
			out = append(out, data[1:min(n+2, len(data))]...)
			data = data[min(n+2, len(data)):]
			continue
		}
		out = append(out, bytes.Repeat(data[1:2], int(data[0])-125)...)
		data = data[2:]
	}
	return out
}
