package assets

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"
)

var (
	templates = map[string][]byte{"well": Well, "waiting": Waiting, "blocked": Blocked, "todo": Todo, "unsure": Unsure}
	badges    = map[string][]byte{"well": WellBadge, "waiting": WaitingBadge, "blocked": BlockedBadge, "todo": TodoBadge, "unsure": UnsureBadge}
)

func decode(t *testing.T, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func nrgba(img image.Image, x, y int) color.NRGBA {
	return color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
}

func TestSizes(t *testing.T) {
	for _, set := range []map[string][]byte{templates, badges} {
		for name, data := range set {
			if got := decode(t, data).Bounds(); got != image.Rect(0, 0, 32, 32) {
				t.Errorf("%s is %v, want 32 × 32", name, got)
			}
		}
	}
	app, err := os.ReadFile("app.png")
	if err != nil {
		t.Fatal(err)
	}
	if got := decode(t, app).Bounds(); got != image.Rect(0, 0, 128, 128) {
		t.Errorf("app.png is %v, want 128 × 128", got)
	}
}

// macOS colors the black parts and keeps the transparent parts.
func TestTemplatesAreBlackAndTransparent(t *testing.T) {
	for name, data := range templates {
		img, solid, clear := decode(t, data), 0, 0
		for y := range 32 {
			for x := range 32 {
				c := nrgba(img, x, y)
				switch {
				case c.R != 0 || c.G != 0 || c.B != 0:
					t.Fatalf("%s: pixel %d,%d is %v, not black", name, x, y, c)
				case c.A == 255:
					solid++
				case c.A == 0:
					clear++
				}
			}
		}
		if solid < 100 || clear < 200 {
			t.Errorf("%s: %d solid and %d clear pixels of 1024: nearly empty or nearly full", name, solid, clear)
		}
	}
}

// A badge must be visible on a white and on a black panel.
func TestBadgesAreDarkAndLight(t *testing.T) {
	for name, data := range badges {
		img, dark, light := decode(t, data), 0, 0
		for y := range 32 {
			for x := range 32 {
				c := nrgba(img, x, y)
				if c.A == 255 && c.G < 64 {
					dark++
				}
				if c.A == 255 && c.G > 224 {
					light++
				}
			}
		}
		if dark < 100 || light < 60 {
			t.Errorf("%s: %d dark and %d light pixels", name, dark, light)
		}
	}
}

// Two icons differ enough if at least half of their ink is in only one of them, in
// the sizes of a menu bar (16 points) and of a panel (22 points), with one and with
// two pixels per point.
func TestShapesDiffer(t *testing.T) {
	for _, size := range []int{16, 22, 32, 44} {
		for a, adata := range templates {
			for b, bdata := range templates {
				if a >= b {
					continue
				}
				ink, differ := compare(alphas(decode(t, adata), size), alphas(decode(t, bdata), size))
				if differ*2 < ink {
					t.Errorf("%s and %s at %d pixels: %d of %d differ", a, b, size, differ, ink)
				}
			}
		}
	}
}

// With one pixel per point straight edges are as sharp as with two: they are not
// spread over two half-dark pixels.
func TestSharpAtOnePixelPerPoint(t *testing.T) {
	for _, test := range []struct {
		name   string
		x, y   int
		alpha  int
		thing  string
		shadow int // x of the pixel beside it
	}{
		{"well", 1, 7, 255, "the ring", 3},
		{"waiting", 8, 6, 0, "the hand of the clock", 9},
		{"todo", 8, 7, 0, "the exclamation mark", 9},
		{"unsure", 8, 14, 255, "the dot", 10},
	} {
		img := alphas(decode(t, templates[test.name]), 16)
		at := func(x int) int { return img[test.y*16+x] }
		if d := at(test.x) - test.alpha; d > 25 || d < -25 {
			t.Errorf("%s: alpha %d at %d,%d, want %d: %s is smeared", test.name, at(test.x), test.x, test.y, test.alpha, test.thing)
		}
		if d := at(test.shadow) - (255 - test.alpha); d > 25 || d < -25 {
			t.Errorf("%s: alpha %d at %d,%d, want %d: beside %s", test.name, at(test.shadow), test.shadow, test.y, 255-test.alpha, test.thing)
		}
	}
}

// alphas scales the picture to size × size, with the average for each pixel, and
// returns the amount of ink in each pixel.
func alphas(img image.Image, size int) []int {
	const fine = 352 // a multiple of 16, 22, 32 and 44
	step := fine / size
	out := make([]int, 0, size*size)
	for y := 0; y < fine; y += step {
		for x := 0; x < fine; x += step {
			sum := 0
			for dy := range step {
				for dx := range step {
					sum += int(nrgba(img, (x+dx)*32/fine, (y+dy)*32/fine).A)
				}
			}
			out = append(out, sum/step/step)
		}
	}
	return out
}

func compare(a, b []int) (ink, differ int) {
	for i := range a {
		ink += max(a[i], b[i])
		differ += max(a[i], b[i]) - min(a[i], b[i])
	}
	return ink, differ
}
