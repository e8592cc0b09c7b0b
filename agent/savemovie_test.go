//go:build pictures && desktop && tray && linux

package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/gif"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"kextwatch/notify/tray/desk"
)

// saveMovie writes an animated GIF that is played twice, and then shows its last picture.
// The last frame only says when the movie ends. All frames have the 255 most frequent
// colors, and only the changed pixels of each are stored.
func saveMovie(t *testing.T, name string, film []frame) {
	t.Helper()
	count := map[color.RGBA]int{}
	for _, f := range film {
		for i := 0; i < len(f.image.Pix); i += 4 {
			count[color.RGBA{f.image.Pix[i], f.image.Pix[i+1], f.image.Pix[i+2], 255}]++
		}
	}
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette := color.Palette{color.RGBA{}} // 0 is transparent
	for _, c := range often[:min(len(often), 255)] {
		palette = append(palette, c)
	}
	index := map[color.RGBA]uint8{}
	for c := range count {
		index[c] = uint8(1 + palette[1:].Index(c))
	}
	movie := gif.GIF{LoopCount: 1, Config: image.Config{ColorModel: palette, Width: film[0].image.Rect.Dx(), Height: film[0].image.Rect.Dy()}}
	for i, f := range film[:len(film)-1] {
		changed := f.image.Rect
		if i > 0 {
			changed = desk.Difference(film[i-1].image, f.image)
		}
		part := image.NewPaletted(changed, palette)
		for y := changed.Min.Y; y < changed.Max.Y; y++ {
			for x := changed.Min.X; x < changed.Max.X; x++ {
				if c := f.image.RGBAAt(x, y); i == 0 || c != film[i-1].image.RGBAAt(x, y) {
					part.SetColorIndex(x, y, index[c])
				}
			}
		}
		movie.Image = append(movie.Image, part)
		movie.Delay = append(movie.Delay, int(film[i+1].at.Sub(f.at)/(10*time.Millisecond)))
		movie.Disposal = append(movie.Disposal, gif.DisposalNone)
	}
	var data bytes.Buffer
	if err := gif.EncodeAll(&data, &movie); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d frames, %d bytes", name, len(movie.Image), data.Len())
}
