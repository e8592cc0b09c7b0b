package policy

import (
	"bytes"
	"testing"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"
)

// A file grows when SQLite writes beyond its end. What lies between is zeros, as in a file
// on a disk, and no file grows past the limit. Truncating only makes it shorter.
func TestTheSizeOfAFileInMemory(t *testing.T) {
	if _, err := memoryVFS(); err != nil {
		t.Fatal(err)
	}
	const handle = 1 // no address of a real file
	file := &memoryFile{data: []byte("0123")}
	memory.Lock()
	memory.open[handle] = file
	memory.Unlock()
	defer memoryClose(nil, handle)
	text := []byte("abcd")
	write := func(n int32, offset int64) int32 {
		return memoryWrite(nil, handle, uintptr(unsafe.Pointer(&text[0])), n, offset)
	}
	for _, step := range []struct {
		n      int32
		offset int64
		want   string
	}{
		{2, 1, "0ab3"},
		{4, 2, "0aabcd"},
		{3, 6, "0aabcdabc"},
		{1, 11, "0aabcdabc\x00\x00a"},
	} {
		if code := write(step.n, step.offset); code != sqlite3.SQLITE_OK || !bytes.Equal(file.data, []byte(step.want)) {
			t.Fatalf("%d bytes at %d: code %d, %q; want %q", step.n, step.offset, code, file.data, step.want)
		}
	}
	for _, step := range []struct {
		size int64
		want string
	}{{12, "0aabcdabc\x00\x00a"}, {20, "0aabcdabc\x00\x00a"}, {11, "0aabcdabc\x00\x00"}, {3, "0aa"}} {
		if memoryTruncate(nil, handle, step.size); string(file.data) != step.want {
			t.Errorf("truncated to %d: %q, want %q", step.size, file.data, step.want)
		}
	}
	if code := write(1, int64(memoryLimit)); code != sqlite3.SQLITE_CORRUPT || len(file.data) != 3 {
		t.Errorf("beyond the limit: code %d, %d bytes", code, len(file.data))
	}
}
