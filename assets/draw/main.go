// Command draw writes kextwatch's pictures as PNG files into the current
// directory. Run it by "go generate ./assets".
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
)

const grid = 32 // what the shapes are drawn on

var (
	well = union(
		arc(16, 16, 13, 0, 360, 2),
		line(9.5, 16.5, 14, 21, 3.5),
		line(14, 21, 22.5, 11, 3.5),
	)
	waiting = disc(16, 16, 15).without(union(
		line(16, 16, 16, 7, 3.5),
		line(16, 16, 22, 19.5, 3.5),
	))
	todo = union(
		arc(16, 16, 11.5, -20, 290, 4),
		polygon([2]float64{13, 0}, [2]float64{22, 6}, [2]float64{13, 12}),
	)
	unsure = union(
		arc(16, 9.5, 7, 190, 215, 4.5),
		line(20.95, 14.45, 16.75, 17.5, 4.5),
		line(16, 18.5, 16, 20.5, 4.5),
		disc(16, 28, 3),
	)
	badge = roundedSquare(32, 7)
)

var (
	black  = color.NRGBA{A: 255}
	white  = color.NRGBA{R: 255, G: 255, B: 255, A: 255}
	dark   = color.NRGBA{R: 32, G: 32, B: 36, A: 255}
	indigo = color.NRGBA{R: 66, G: 76, B: 170, A: 255}
)

// layer is a shape in one colour.
type layer struct {
	shape shape
	color color.NRGBA
}

// pictures draws every picture by its file name.
func pictures() map[string]image.Image {
	all := map[string]image.Image{
		"app.png": draw(128, layer{badge, indigo}, layer{waiting.scaled(0.66), white}),
	}
	for name, s := range map[string]shape{"well": well, "waiting": waiting, "todo": todo, "unsure": unsure} {
		all[name+".png"] = draw(grid, layer{s, black})
		all[name+"-badge.png"] = draw(grid, layer{badge, dark}, layer{s.scaled(0.84), white})
	}
	return all
}

// draw paints the layers, the last one on top, on a square of size pixels.
func draw(size int, layers ...layer) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	pixel := float64(grid) / float64(size)
	for py := range size {
		for px := range size {
			var c color.NRGBA
			for _, l := range layers {
				d := l.shape((float64(px)+0.5)*pixel, (float64(py)+0.5)*pixel)
				c = over(c, l.color, min(max(0.5-d/pixel, 0), 1))
			}
			img.SetNRGBA(px, py, c)
		}
	}
	return img
}

// over puts a colour that covers part of a pixel over what is there.
func over(under, top color.NRGBA, cover float64) color.NRGBA {
	left := float64(under.A) / 255 * (1 - cover)
	alpha := cover + left
	if alpha == 0 {
		return color.NRGBA{}
	}
	mix := func(u, t uint8) uint8 {
		return uint8((float64(t)*cover+float64(u)*left)/alpha + 0.5)
	}
	return color.NRGBA{mix(under.R, top.R), mix(under.G, top.G), mix(under.B, top.B), uint8(alpha*255 + 0.5)}
}

func main() {
	for name, img := range pictures() {
		if err := write(name, img); err != nil {
			log.Fatal(err)
		}
	}
}

func write(name string, img image.Image) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(f, img); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return f.Close()
}
