package main

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// The test compares pixels and allows a difference of one, because another release
// of Go may compress in another way, and another processor may round in another way.
func TestFilesMatchDrawing(t *testing.T) {
	drawn := pictures()
	files, err := filepath.Glob("../*.png")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(drawn) {
		t.Errorf("%d PNG files, %d pictures drawn", len(files), len(drawn))
	}
	for name, want := range drawn {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := png.Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			if x, y, same := alike(got, want); !same {
				t.Fatalf("differs at %d,%d; run: go generate ./assets", x, y)
			}
		})
	}
}

func alike(a, b image.Image) (x, y int, same bool) {
	if a.Bounds() != b.Bounds() {
		return -1, -1, false
	}
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) <= 1 }
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			p := color.NRGBAModel.Convert(a.At(x, y)).(color.NRGBA)
			q := color.NRGBAModel.Convert(b.At(x, y)).(color.NRGBA)
			if !near(p.A, q.A) || p.A > 1 && !(near(p.R, q.R) && near(p.G, q.G) && near(p.B, q.B)) {
				return x, y, false
			}
		}
	}
	return 0, 0, true
}

func TestDistances(t *testing.T) {
	for _, test := range []struct {
		name   string
		shape  shape
		x, y   float64
		inside bool
	}{
		{"disc middle", disc(16, 16, 4), 16, 16, true},
		{"disc outside", disc(16, 16, 4), 21, 16, false},
		{"line end is round", line(8, 8, 8, 16, 4), 9.9, 17.9, false},
		{"line end", line(8, 8, 8, 16, 4), 8, 17.9, true},
		{"arc sweeps clockwise, that is down", arc(16, 16, 8, 0, 90, 2), 21.6, 21.6, true},
		{"arc gap", arc(16, 16, 8, 0, 90, 2), 21.6, 10.4, false},
		{"whole ring", arc(16, 16, 8, 0, 360, 2), 16, 8, true},
		{"triangle", polygon([2]float64{8, 0}, [2]float64{16, 8}, [2]float64{8, 16}), 10, 8, true},
		{"beside the triangle", polygon([2]float64{8, 0}, [2]float64{16, 8}, [2]float64{8, 16}), 15, 4, false},
		{"corner is rounded", roundedSquare(32, 8), 0.5, 0.5, false},
		{"edge of the square", roundedSquare(32, 8), 0.5, 16, true},
		{"hole", disc(16, 16, 8).without(disc(16, 16, 4)), 16, 16, false},
		{"left of the half", disc(16, 16, 8).within(rightHalf(16)), 12, 16, false},
		{"in the half", disc(16, 16, 8).within(rightHalf(16)), 20, 16, true},
		{"half the size", disc(16, 16, 8).scaled(0.5), 21, 16, false},
	} {
		if got := test.shape(test.x, test.y) < 0; got != test.inside {
			t.Errorf("%s: inside is %v", test.name, got)
		}
	}
}
