package root

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
)

var (
	errTooDeep = errors.New("nested too deeply, or in itself")
	errTooBig  = errors.New("expands to more values than allowed")
	errBounds  = errors.New("a value reaches beyond the end of the file")
)

// dictNodes is what a <dict> counts in addition to its content. The decoder allocates 2 KB
// for each, also for an empty one.
const dictNodes = 7

// checkXML accepts well-formed XML with a <plist> element within the limits.
// The scanner refuses entities that a list declares.
func checkXML(data []byte, most PlistCost) error {
	scanner := xml.NewDecoder(bytes.NewReader(data))
	nodes, depth := 0, 0
	for {
		token, err := scanner.Token()
		if err == io.EOF && nodes > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if nodes == 0 && token.Name.Local != "plist" {
				return errors.New("does not begin with <plist>")
			}
			nodes++
			if token.Name.Local == "dict" {
				nodes += dictNodes
			}
			depth++
		case xml.EndElement:
			depth--
		}
		if nodes > most.Nodes {
			return errTooBig
		}
		if depth > PlistDepth {
			return errTooDeep
		}
	}
}

const (
	binaryMagic   = "bplist00"
	binaryTrailer = 32
)

// The kinds of objects in a binary list: the upper half of their first byte.
const (
	kindSimple     = 0x0
	kindInteger    = 0x1
	kindReal       = 0x2
	kindDate       = 0x3
	kindData       = 0x4
	kindASCII      = 0x5
	kindUTF16      = 0x6
	kindUID        = 0x8
	kindArray      = 0xA
	kindDictionary = 0xD
)

// checkBinary walks a binary list as if every reference were a copy. The limits
// of nodes and depth end the walk, so it detects nesting that doubles at each
// level, and lists that contain themselves, without decoding them.
func checkBinary(data []byte, most PlistCost) error {
	if len(data) < len(binaryMagic)+binaryTrailer {
		return errBounds
	}
	end := len(data) - binaryTrailer
	trailer := data[end:]
	w := binaryWalk{most: most, offsetSize: int(trailer[6]), refSize: int(trailer[7])}
	count := binary.BigEndian.Uint64(trailer[8:])
	top := binary.BigEndian.Uint64(trailer[16:])
	table := binary.BigEndian.Uint64(trailer[24:])
	switch {
	case w.offsetSize < 1 || w.offsetSize > 8 || w.refSize < 1 || w.refSize > 8:
		return errors.New("has an invalid integer size")
	case table < uint64(len(binaryMagic)) || table > uint64(end):
		return errBounds
	case count > uint64(most.Nodes):
		return errTooBig
	case int(count)*w.offsetSize > end-int(table):
		return errBounds
	}
	w.objects = data[:table]
	w.offsets = data[table:][:int(count)*w.offsetSize]
	return w.visit(top, 1)
}

type binaryWalk struct {
	most       PlistCost
	objects    []byte // all bytes before the table
	offsets    []byte // the table: the offset of each object
	offsetSize int
	refSize    int
	nodes      int
	bytes      int
}

func (w *binaryWalk) visit(id uint64, depth int) error {
	if depth > PlistDepth {
		return errTooDeep
	}
	if w.nodes++; w.nodes > w.most.Nodes {
		return errTooBig
	}
	if id >= uint64(len(w.offsets)/w.offsetSize) {
		return errBounds
	}
	offset := bigEndian(w.offsets[int(id)*w.offsetSize:][:w.offsetSize])
	if offset < uint64(len(binaryMagic)) || offset >= uint64(len(w.objects)) {
		return errBounds
	}
	kind, low := w.objects[offset]>>4, int(w.objects[offset]&0xF)
	body := w.objects[offset+1:]
	switch kind {
	case kindSimple:
		return nil
	case kindInteger, kindReal:
		return w.take(body, 1<<low)
	case kindDate:
		return w.take(body, 8)
	case kindUID:
		return w.take(body, low+1)
	}
	n, body, err := length(low, body)
	if err != nil {
		return err
	}
	switch kind {
	case kindData, kindASCII:
		return w.take(body, n)
	case kindUTF16:
		return w.take(body, 2*n)
	case kindArray:
		return w.visitAll(body, n, depth)
	case kindDictionary:
		return w.visitAll(body, 2*n, depth)
	}
	return errors.New("has a value of an unknown kind")
}

// take counts the first n bytes of the body of an object.
func (w *binaryWalk) take(body []byte, n int) error {
	if n > len(body) {
		return errBounds
	}
	if w.bytes += n; w.bytes > w.most.Bytes {
		return errTooBig
	}
	return nil
}

// visitAll visits the n objects to which the body refers.
func (w *binaryWalk) visitAll(body []byte, n, depth int) error {
	if n*w.refSize > len(body) {
		return errBounds
	}
	for i := range n {
		if err := w.visit(bigEndian(body[i*w.refSize:][:w.refSize]), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// length returns the length of an object: the lower half of its first byte, or
// the integer after it. It refuses a length above the number of bytes left.
func length(low int, body []byte) (int, []byte, error) {
	if low != 0xF {
		return low, body, nil
	}
	if len(body) == 0 || body[0]>>4 != kindInteger {
		return 0, nil, errBounds
	}
	size := 1 << (body[0] & 0xF)
	if size > 8 || 1+size > len(body) {
		return 0, nil, errBounds
	}
	n := bigEndian(body[1:][:size])
	body = body[1+size:]
	if n > uint64(len(body)) {
		return 0, nil, errBounds
	}
	return int(n), body, nil
}

// bigEndian reads a number of up to eight bytes.
func bigEndian(b []byte) uint64 {
	var n uint64
	for _, digit := range b {
		n = n<<8 | uint64(digit)
	}
	return n
}
