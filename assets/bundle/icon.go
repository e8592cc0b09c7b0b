package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
)

// readIcon returns assets/app.icns, or an icon with the picture assets/app.png if it
// is missing.
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

// icns returns an icon file with one PNG of 128 × 128 pixels. The file has the name of
// the format and its length, and then the same for the picture, followed by the
// picture.
func icns(picture []byte) []byte {
	element := append(binary.BigEndian.AppendUint32([]byte("ic07"), uint32(8+len(picture))), picture...)
	return append(binary.BigEndian.AppendUint32([]byte("icns"), uint32(8+len(element))), element...)
}
