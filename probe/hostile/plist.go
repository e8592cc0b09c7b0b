package hostile

import (
	"encoding/binary"
	"strings"
)

const (
	binaryMagic   = "bplist00"
	binaryTrailer = 32
)

// rawBinary returns a binary list of the objects, with references and offsets of
// one byte. The first object is the top.
func rawBinary(objects ...string) []byte {
	data := []byte(binaryMagic)
	var offsets []byte
	for _, o := range objects {
		offsets = append(offsets, byte(len(data)))
		data = append(data, o...)
	}
	table := len(data)
	data = append(data, offsets...)
	trailer := make([]byte, binaryTrailer)
	trailer[6], trailer[7] = 1, 1
	binary.BigEndian.PutUint64(trailer[8:], uint64(len(objects)))
	binary.BigEndian.PutUint64(trailer[24:], uint64(table))
	return append(data, trailer...)
}

// doubling nests arrays that each hold the next one twice.
func doubling(levels int) []byte {
	var objects []string
	for i := range levels {
		objects = append(objects, "\xa2"+strings.Repeat(string(rune(i+1)), 2))
	}
	return rawBinary(append(objects, "\x51x")...)
}

// PlistBombs returns property lists that make a decoder panic, or use much more memory than
// their size, by name. A reader must refuse all of them.
func PlistBombs() map[string][]byte {
	return map[string][]byte{
		"doubling":          doubling(27),
		"UTF-16 length":     rawBinary("\x6f\x13\x7f\xff\xff\xff\xff\xff\xff\xff"),
		"length overflows":  rawBinary("\x6f\x13\x80\x00\x00\x00\x00\x00\x00\x00"),
		"array length":      rawBinary("\xaf\x13\x7f\xff\xff\xff\xff\xff\xff\xff"),
		"dictionary length": rawBinary("\xdf\x13\x80\x00\x00\x00\x00\x00\x00\x01", "\x51a"),
		"data length":       rawBinary("\x4f\x13\xff\xff\xff\xff\xff\xff\xff\xff"),
		"long length":       rawBinary("\x4f\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01a"),
		"itself":            rawBinary("\xa1\x00"),
		"its own value":     rawBinary("\xd1\x01\x00", "\x51a"),
		"circle":            rawBinary("\xa1\x01", "\xa1\x00"),
		"number cut off":    rawBinary("\x13\x00"),
		"text cut off":      rawBinary("\x62\x00a\x00"),
		"value missing":     rawBinary("\xd1\x00"),
		"in the header":     withTable(rawBinary("\x50"), 0),
		"date cut off":      rawBinary("\x33\x00"),
		"no such object":    rawBinary("\xa1\x07"),
		"unknown kind":      rawBinary("\xc1\x00"),
		"no objects":        rawBinary(),
		"sizes of zero":     withTrailer(rawBinary("\x50"), 6, 0),
		"references of 0":   withTrailer(rawBinary("\xa1\x01", "\x50"), 7, 0),
		"huge sizes":        withTrailer(rawBinary("\x50"), 6, 255),
		"too many objects":  withTrailer(rawBinary("\x50"), 8, 0x7f),
		"top out of range":  withTrailer(rawBinary("\x50"), 16, 0x80),
		"table out of file": withTrailer(rawBinary("\x50"), 24, 0xff),
		"text many times":   sameText(),
		"only a header":     []byte(binaryMagic),
		"XML nesting":       []byte("<plist>" + strings.Repeat("<array>", 30_000)),
		"XML closed":        []byte("<plist>" + strings.Repeat("<dict><key>a</key>", 100) + "<true/>" + strings.Repeat("</dict>", 100) + "</plist>"),
		"XML many":          []byte("<plist><array>" + strings.Repeat("<dict/>", 20_000) + "</array></plist>"),
		"XML dictionaries":  []byte("<plist><array>" + strings.Repeat("<dict/>", 19_000) + "</array></plist>"),
		"XML entity":        []byte(`<!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>`),
		"XML outside":       []byte(`<!DOCTYPE plist [<!ENTITY a SYSTEM "file:///etc/passwd">]><plist><string>&a;</string></plist>`),
		"XML cut off":       []byte(`<?xml version="1.0"?><plist><dict>`),
		"XML of another":    []byte(`<html></html>`),
		"XML encoding":      []byte(`<?xml version="1.0" encoding="UTF-16"?><plist><string>a</string></plist>`),
		"OpenStep":          []byte(`{ CFBundleIdentifier = "a.b"; }`),
		"OpenStep data":     []byte(`<abab>`),
		"GNUStep":           []byte(`{ a = <*I1>; }`),
		"strings file":      []byte(`CFBundleIdentifier = "a.b";`),
		"JSON":              []byte(`{"CFBundleIdentifier": "a.b"}`),
		"empty":             {},
	}
}

// withTrailer sets the byte of the trailer at an offset within it.
func withTrailer(data []byte, at int, to byte) []byte {
	data[len(data)-binaryTrailer+at] = to
	return data
}

// withTable sets the offset of the last object.
func withTable(data []byte, offset byte) []byte {
	data[len(data)-binaryTrailer-1] = offset
	return data
}

// sameText has many objects at the same place: one text of 100,000 units.
func sameText() []byte {
	const units, objects = 100_000, 200
	data := append([]byte(binaryMagic), 0xaf, 0x10, objects-1)
	for id := range objects - 1 {
		data = append(data, byte(id+1))
	}
	text := len(data)
	data = append(data, 0x6f, 0x12, 0, byte(units>>16), byte(units>>8&0xff), byte(units&0xff))
	data = append(data, make([]byte, 2*units)...)
	table := len(data)
	offsets := []int{len(binaryMagic)}
	for range objects - 1 {
		offsets = append(offsets, text)
	}
	for _, o := range offsets {
		data = binary.BigEndian.AppendUint32(data, uint32(o))
	}
	trailer := make([]byte, binaryTrailer)
	trailer[6], trailer[7] = 4, 1
	binary.BigEndian.PutUint64(trailer[8:], objects)
	binary.BigEndian.PutUint64(trailer[24:], uint64(table))
	return append(data, trailer...)
}
