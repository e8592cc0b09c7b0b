package main

import (
	"encoding/binary"
	"image"
)

// icns makes the icon file of a macOS application, with every size that the
// Finder asks for: 16, 32, 128, 256 and 512 points, each for one and for two
// pixels a point.
//
// The file is "icns", its length, and elements of a type, a length and data
// (https://en.wikipedia.org/wiki/Apple_Icon_Image_format). Elements are PNG
// files, but for 16 and 32 pixels at one pixel a point: these are in the
// older form of three colour planes and a mask, which every macOS reads.
func icns(layers []layer) []byte {
	var file []byte
	add := func(kind string, data []byte) {
		file = append(file, kind...)
		file = binary.BigEndian.AppendUint32(file, uint32(8+len(data)))
		file = append(file, data...)
	}
	for _, e := range []struct {
		size         int
		colour, mask string
	}{{16, "is32", "s8mk"}, {32, "il32", "l8mk"}} {
		colour, mask := planes(draw(e.size, layers...))
		add(e.colour, colour)
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

// planes are all red, all green and all blue values, packed, and all alpha
// values, which are never packed.
func planes(img *image.NRGBA) (colour, alpha []byte) {
	for channel := range 4 {
		var plane []byte
		for i := channel; i < len(img.Pix); i += 4 {
			plane = append(plane, img.Pix[i])
		}
		if channel == 3 {
			return colour, plane
		}
		colour = append(colour, packed(plane)...)
	}
	return nil, nil
}

// packed is a plane in the packing of icon files, which may leave everything
// as it is: up to 128 bytes follow their number less one.
func packed(plane []byte) []byte {
	var out []byte
	for len(plane) > 0 {
		n := min(len(plane), 128)
		out = append(append(out, byte(n-1)), plane[:n]...)
		plane = plane[n:]
	}
	return out
}
