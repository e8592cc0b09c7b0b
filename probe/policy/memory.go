package policy

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A copy of the database never reaches the disk: SQLite reads it through a file
// system of its own (sqlite3_vfs) whose files are byte slices. So a full disk hides
// no window, and a killed process leaves no copy. What SQLite applies from a -wal and
// rolls back with a -journal changes only these slices. No name in a copy can lead
// SQLite to a file of this machine.

// memoryLimit is the number of bytes up to which SQLite may grow one file: a -wal or
// a -journal can claim any size.
const memoryLimit = len(databaseCopy{}) * copyLimit

// memoryFile is one file of the file system.
type memoryFile struct{ data []byte }

// memory holds the files by name, and those that are open by the address of their
// sqlite3_file. A temporary file has no name. memoryVFS makes the maps.
var memory struct {
	sync.Mutex
	named map[string]*memoryFile
	open  map[uintptr]*memoryFile
}

var copies atomic.Int64 // numbers the copies, so that each has a name of its own

// place makes a copy visible to SQLite. It returns the path of the database there;
// remove forgets the copy.
func (c databaseCopy) place() (path string, remove func()) {
	path = fmt.Sprintf("/%d", copies.Add(1))
	memory.Lock()
	defer memory.Unlock()
	for i, data := range c {
		if data != nil {
			memory.named[path+policyEnding(i)] = &memoryFile{data}
		}
	}
	return path, func() {
		memory.Lock()
		defer memory.Unlock()
		for name := range memory.named {
			if name == path || strings.HasPrefix(name, path+"-") {
				delete(memory.named, name)
			}
		}
	}
}

// memoryVFS registers the file system with SQLite and returns its name. Time, random
// numbers and the rest are those of SQLite's default.
var memoryVFS = sync.OnceValues(func() (string, error) {
	const name = "memory"
	memory.named, memory.open = map[string]*memoryFile{}, map[uintptr]*memoryFile{}
	tls := libc.NewTLS()
	defer tls.Close()
	ownName, err := libc.CString(name)
	if err != nil {
		return "", err
	}
	methods := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	vfs := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	if methods == 0 || vfs == 0 {
		return "", fmt.Errorf("no memory for SQLite's files")
	}
	*at[sqlite3.Tsqlite3_io_methods](methods) = sqlite3.Tsqlite3_io_methods{
		FiVersion:               1,
		FxClose:                 function(memoryClose),
		FxRead:                  function(memoryRead),
		FxWrite:                 function(memoryWrite),
		FxTruncate:              function(memoryTruncate),
		FxSync:                  function(memorySync),
		FxFileSize:              function(memorySize),
		FxLock:                  function(memoryLock),
		FxUnlock:                function(memoryLock),
		FxCheckReservedLock:     function(memoryReserved),
		FxFileControl:           function(memoryControl),
		FxSectorSize:            function(memoryTraits),
		FxDeviceCharacteristics: function(memoryTraits),
	}
	own := at[sqlite3.Tsqlite3_vfs](vfs)
	*own = *at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	own.FiVersion = 2 // without the system calls of version 3
	own.FpNext = 0
	own.FzName = ownName
	own.FpAppData = methods
	own.FszOsFile = int32(unsafe.Sizeof(sqlite3.Tsqlite3_file{}))
	own.FxOpen = function(memoryOpen)
	own.FxDelete = function(memoryDelete)
	own.FxAccess = function(memoryAccess)
	own.FxFullPathname = function(memoryFullPath)
	if code := sqlite3.Xsqlite3_vfs_register(tls, vfs, 0); code != sqlite3.SQLITE_OK {
		return "", fmt.Errorf("SQLite does not take a file system in memory: code %d", code)
	}
	return name, nil
})

// at is the C value at an address. SQLite's memory is not Go's, so it does not move.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// function is what C code calls to call a function of this package.
func function[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// opened returns the file that was opened as the sqlite3_file at this address.
func opened(file uintptr) *memoryFile {
	memory.Lock()
	defer memory.Unlock()
	return memory.open[file]
}

func memoryOpen(_ *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
	f, named := &memoryFile{}, false
	memory.Lock()
	defer memory.Unlock()
	if name != 0 {
		text := libc.GoString(name)
		var known *memoryFile
		if known, named = memory.named[text]; named {
			f = known
		} else if flags&sqlite3.SQLITE_OPEN_CREATE == 0 {
			at[sqlite3.Tsqlite3_file](file).FpMethods = 0
			return sqlite3.SQLITE_CANTOPEN
		} else {
			memory.named[text] = f
		}
	}
	memory.open[file] = f
	at[sqlite3.Tsqlite3_file](file).FpMethods = at[sqlite3.Tsqlite3_vfs](vfs).FpAppData
	if outFlags != 0 {
		*at[int32](outFlags) = flags
	}
	return sqlite3.SQLITE_OK
}

func memoryClose(_ *libc.TLS, file uintptr) int32 {
	memory.Lock()
	defer memory.Unlock()
	delete(memory.open, file)
	return sqlite3.SQLITE_OK
}

// memoryRead fills what is beyond the end with zeros, as SQLite requires.
func memoryRead(_ *libc.TLS, file, to uintptr, amount int32, offset int64) int32 {
	f, buffer := opened(file), unsafe.Slice(at[byte](to), int(amount))
	n := 0
	if offset < int64(len(f.data)) {
		n = copy(buffer, f.data[offset:])
	}
	if clear(buffer[n:]); n < len(buffer) {
		return sqlite3.SQLITE_IOERR_SHORT_READ
	}
	return sqlite3.SQLITE_OK
}

func memoryWrite(_ *libc.TLS, file, from uintptr, amount int32, offset int64) int32 {
	f := opened(file)
	end := offset + int64(amount)
	if end > int64(memoryLimit) {
		return sqlite3.SQLITE_CORRUPT // no policy has this size
	}
	if grow := end - int64(len(f.data)); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	copy(f.data[offset:], unsafe.Slice(at[byte](from), int(amount)))
	return sqlite3.SQLITE_OK
}

func memoryTruncate(_ *libc.TLS, file uintptr, size int64) int32 {
	if f := opened(file); size < int64(len(f.data)) {
		f.data = f.data[:size:size]
	}
	return sqlite3.SQLITE_OK
}

func memorySize(_ *libc.TLS, file, size uintptr) int32 {
	*at[int64](size) = int64(len(opened(file).data))
	return sqlite3.SQLITE_OK
}

// There is nothing to sync or lock: only one connection has a copy.

func memorySync(*libc.TLS, uintptr, int32) int32 { return sqlite3.SQLITE_OK }
func memoryLock(*libc.TLS, uintptr, int32) int32 { return sqlite3.SQLITE_OK }

func memoryReserved(_ *libc.TLS, _, held uintptr) int32 {
	*at[int32](held) = 0
	return sqlite3.SQLITE_OK
}

func memoryControl(*libc.TLS, uintptr, int32, uintptr) int32 { return sqlite3.SQLITE_NOTFOUND }

// memoryTraits answers 0 for the sector size and the characteristics: the defaults.
func memoryTraits(*libc.TLS, uintptr) int32 { return 0 }

func memoryDelete(_ *libc.TLS, _, name uintptr, _ int32) int32 {
	text := libc.GoString(name)
	memory.Lock()
	defer memory.Unlock()
	if _, known := memory.named[text]; !known {
		return sqlite3.SQLITE_IOERR_DELETE_NOENT
	}
	delete(memory.named, text)
	return sqlite3.SQLITE_OK
}

// memoryAccess finds only files that are not empty, as SQLite's default does.
func memoryAccess(_ *libc.TLS, _, name uintptr, _ int32, found uintptr) int32 {
	memory.Lock()
	defer memory.Unlock()
	*at[int32](found) = 0
	if f, known := memory.named[libc.GoString(name)]; known && len(f.data) > 0 {
		*at[int32](found) = 1
	}
	return sqlite3.SQLITE_OK
}

func memoryFullPath(_ *libc.TLS, _, name uintptr, size int32, full uintptr) int32 {
	text := libc.GoString(name)
	if len(text) >= int(size) {
		return sqlite3.SQLITE_CANTOPEN
	}
	copy(unsafe.Slice(at[byte](full), int(size)), text+"\x00")
	return sqlite3.SQLITE_OK
}
