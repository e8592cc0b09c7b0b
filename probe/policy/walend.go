package policy

import (
	"bytes"
	"encoding/binary"
	"io"
	"sort"
)

// The format of a -wal, by section 4 of SQLite's file format: a header, and frames of a
// header and a page.
const (
	walHeaderSize   = 32 // bytes
	frameHeaderSize = 24 // bytes
	saltSize        = 8  // bytes, in both headers
	walSalt         = 16 // where they are
	frameSalt       = 8
	walMagic        = 0x377f0682 // the lowest bit tells the order of the bytes in checksums
)

// walEnd returns how many of the size bytes of a file SQLite can use. It is size, except
// for a -wal. Once that has 1,000 pages, SQLite writes it from the start again, with
// another salt, and leaves the old frames behind the new ones. It reads up to the first
// frame with another salt than the header, so nothing is lost if the file ends at any
// such frame. The size stays at about 4 MB while the writer keeps its connection.
func walEnd(file io.ReaderAt, header []byte, size int64) int64 {
	if len(header) < walHeaderSize || binary.BigEndian.Uint32(header)&^1 != walMagic {
		return size
	}
	page := int64(binary.BigEndian.Uint32(header[8:]))
	if page < 512 || page > 64<<10 || page&(page-1) != 0 {
		return size
	}
	frame := frameHeaderSize + page
	salt := make([]byte, saltSize)
	// What cannot be read counts as used. Then reading the file tells why.
	old := func(i int) bool {
		_, err := file.ReadAt(salt, walHeaderSize+int64(i)*frame+frameSalt)
		return err == nil && !bytes.Equal(salt, header[walSalt:walSalt+saltSize])
	}
	frames := (size - walHeaderSize) / frame
	if used := sort.Search(int(frames), old); int64(used) < frames {
		return walHeaderSize + int64(used)*frame
	}
	return size
}
