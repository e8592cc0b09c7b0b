//go:build pictures && desktop && tray && linux

package main

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"

	"kextwatch/notify"
	"kextwatch/notify/tray"
)

// showsIcon reports whether the panel shows that icon and not another one.
func showsIcon(shot, panel *image.RGBA, place image.Rectangle, want notify.Icon) bool {
	if place.Dx() < 16 || place.Dy() < 16 {
		return false
	}
	differences := map[notify.Icon]int{}
	for _, icon := range []notify.Icon{notify.IconUnsure, notify.IconWell, notify.IconWaiting, notify.IconBlocked, notify.IconTodo} {
		badge, err := png.Decode(bytes.NewReader(tray.Badge(icon)))
		if err != nil {
			panic(err)
		}
		differences[icon] = unlike(shot, panel, place, badge)
	}
	next := 1 << 30
	for icon, d := range differences {
		if icon != want {
			next = min(next, d)
		}
	}
	return differences[want]*3 < next*2 // by a wide margin
}

// unlike returns how much the screen differs from the badge on the empty panel.
func unlike(shot, panel *image.RGBA, place image.Rectangle, badge image.Image) int {
	sum := 0
	for y := place.Min.Y; y < place.Max.Y; y++ {
		for x := place.Min.X; x < place.Max.X; x++ {
			at := image.Pt((x-place.Min.X)*32/place.Dx(), (y-place.Min.Y)*32/place.Dy())
			want := panel.SubImage(image.Rect(x, y, x+1, y+1)).(*image.RGBA)
			pixel := image.NewRGBA(want.Rect)
			draw.Draw(pixel, pixel.Rect, want, want.Rect.Min, draw.Src)
			draw.Draw(pixel, pixel.Rect, badge, at, draw.Over)
			a, b := int(pixel.RGBAAt(x, y).G), int(shot.RGBAAt(x, y).G)
			sum += max(a-b, b-a)
		}
	}
	return sum
}
