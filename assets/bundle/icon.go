package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
)

// readIcon is assets/app.icns, or else the one picture of 128 × 128 pixels
// there is, as an icon.
func readIcon() ([]byte, error) {
	data, err := os.ReadFile("assets/app.icns")
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	picture, err := os.ReadFile("assets/app.png")
	if err != nil {
		return nil, err
	}
	return icns(picture), nil
}

// icns makes an icon of one PNG of 128 × 128 pixels: the name of the format,
// its length, then for each picture the same two and the picture.
func icns(picture []byte) []byte {
	element := append(binary.BigEndian.AppendUint32([]byte("ic07"), uint32(8+len(picture))), picture...)
	return append(binary.BigEndian.AppendUint32([]byte("icns"), uint32(8+len(element))), element...)
}
