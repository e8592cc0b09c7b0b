package main

import (
	"encoding/binary"
	"image"
)

// icns returns the icon file of a macOS application with all sizes that the Finder
// uses: 16, 32, 128, 256 and 512 points, each with one and with two pixels per
// point.
//
// The file has "icns", its length, and elements with a type, a length and data
// (https://en.wikipedia.org/wiki/Apple_Icon_Image_format). Elements are PNG files,
// except for 16 and 32 pixels at one pixel per point. These have the older form of
// three color planes and a mask, which every macOS reads.
func icns(layers []layer) []byte {
	var file []byte
	add := func(kind string, data []byte) {
		file = append(file, kind...)
		file = binary.BigEndian.AppendUint32(file, uint32(8+len(data)))
		file = append(file, data...)
	}
	for _, e := range []struct {
		size        int
		color, mask string
	}{{16, "is32", "s8mk"}, {32, "il32", "l8mk"}} {
		color, mask := planes(draw(e.size, layers...))
		add(e.color, color)
		add(e.mask, mask)
	}
	for _, e := range []struct {
		size  int
		kinds []string
	}{
		{32, []string{"ic11"}}, // 16 points
		{64, []string{"ic12"}}, // 32 points
		{128, []string{"ic07"}},
		{256, []string{"ic13", "ic08"}}, // 128 points, and 256
		{512, []string{"ic14", "ic09"}},
		{1024, []string{"ic10"}}, // 512 points
	} {
		data := encode(draw(e.size, layers...))
		for _, kind := range e.kinds {
			add(kind, data)
		}
	}
	head := binary.BigEndian.AppendUint32([]byte("icns"), uint32(8+len(file)))
	return append(head, file...)
}

// planes returns the red, green and blue values, each packed, and the alpha values,
// which are never packed.
func planes(img *image.NRGBA) (color, alpha []byte) {
	for channel := range 4 {
		var plane []byte
		for i := channel; i < len(img.Pix); i += 4 {
			plane = append(plane, img.Pix[i])
		}
		if channel == 3 {
			return color, plane
		}
		color = append(color, packed(plane)...)
	}
	return nil, nil
}

// packed returns a plane in the packing of icon files. It uses only the form without
// compression: a byte n, followed by n + 1 bytes, at most 128.
func packed(plane []byte) []byte {
	var out []byte
	for len(plane) > 0 {
		n := min(len(plane), 128)
		out = append(append(out, byte(n-1)), plane[:n]...)
		plane = plane[n:]
	}
	return out
}
