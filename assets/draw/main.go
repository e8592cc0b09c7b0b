// Command draw writes kextwatch's pictures into the current directory: PNG
// files, and the icon of the macOS application. Run it with "make icons".
package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
)

const grid = 32 // what the shapes are drawn on

// A menu bar with one pixel per point shows every second pixel. So straight edges,
// and the edges of the rings where they touch the grid, are on even pixels.
var (
	well = union(
		arc(16, 16, 13, 0, 360, 2),
		line(9.5, 16.5, 14, 21, 4),
		line(14, 21, 22.5, 11, 4),
	)
	waiting = disc(16, 16, 14).without(hands)
	hands   = union(
		line(16, 17, 16, 8, 4),
		line(16, 17, 21.5, 20, 3.5),
	)
	blocked = union(
		line(6, 6, 26, 26, 5),
		line(6, 26, 26, 6, 5),
	)
	todo = triangle.without(union(
		line(16, 12, 16, 16, 4),
		disc(16, 22, 2),
	))
	triangle = union(
		polygon([2]float64{16, 5}, [2]float64{27.5, 26}, [2]float64{4.5, 26}),
		line(16, 5, 27.5, 26, 4),
		line(27.5, 26, 4.5, 26, 4),
		line(4.5, 26, 16, 5, 4),
	)
	unsure = union(
		arc(16, 10, 7.5, 180, 225, 5),
		line(21.3, 15.3, 16, 19, 5),
		line(16, 19, 16, 20, 5),
		disc(16, 29, 3),
	)
	badge = roundedSquare(32, 7)

	// The picture of the program: a clock with the half hour in which the user can
	// click Allow. Its margin is one pixel at the smallest size.
	plate   = roundedSquare(28, 6.5)
	face    = disc(16, 16, 11)
	window  = disc(16, 16, 9).within(rightHalf(16))
	pointer = union(
		line(16, 16, 16, 8.5, 3),
		line(16, 16, 11.5, 18.6, 3),
	)
)

var (
	black  = color.NRGBA{A: 255}
	white  = color.NRGBA{R: 255, G: 255, B: 255, A: 255}
	dark   = color.NRGBA{R: 32, G: 32, B: 36, A: 255}
	indigo = color.NRGBA{R: 66, G: 76, B: 170, A: 255}
	amber  = color.NRGBA{R: 255, G: 178, B: 46, A: 255}
)

// layer is a shape in one color.
type layer struct {
	shape shape
	color color.NRGBA
}

// app is the picture of the program.
var app = []layer{{plate, indigo}, {face, white}, {window, amber}, {pointer, dark}}

// pictures returns every PNG file by its name.
func pictures() map[string]image.Image {
	all := map[string]image.Image{"app.png": draw(128, app...)}
	for name, s := range map[string]shape{"well": well, "waiting": waiting, "blocked": blocked, "todo": todo, "unsure": unsure} {
		all[name+".png"] = draw(grid, layer{s, black})
		all[name+"-badge.png"] = draw(grid, layer{badge, dark}, layer{s.scaled(0.84), white})
	}
	return all
}

// draw paints the layers, the last one on top, on a square of size pixels.
func draw(size int, layers ...layer) *image.NRGBA {
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

// over blends a color that covers a part of a pixel with the color below it.
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
		if err := write(name, encode(img)); err != nil {
			log.Fatal(err)
		}
	}
	if err := write("app.icns", icns(app)); err != nil {
		log.Fatal(err)
	}
}

// encode returns a PNG file.
func encode(img image.Image) []byte {
	var data bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&data, img); err != nil {
		panic(err) // a picture of our own: it can always be encoded
	}
	return data.Bytes()
}

func write(name string, data []byte) error {
	return os.WriteFile(name, data, 0o644)
}
