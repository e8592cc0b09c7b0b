package mac

import (
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// bundleInfos remembers what the last snapshot read of bundles: their property lists, and
// what the executables of kexts say. Each is good as long as the stamp of its file stays
// the same. Reading and parsing the lists took a fifth of the time to a new window.
type bundleInfos struct {
	last, now map[string]bundleInfo
	stamps    map[string]root.Stamp // by file, as far as stampLast took them
}

type bundleInfo struct {
	stamp root.Stamp
	info  root.BundleInfo

	codeStamp root.Stamp // of the executable; zero: it was not read
	code      code
}

// The places of both files in a bundle.
const (
	infoFile   = "/Contents/Info.plist"
	codeFolder = "/Contents/MacOS/"
)

// libraryLimit is the number of libraries of a kext that are kept. Few need ten.
const libraryLimit = 64

// read is root.FS.ReadInfo, with libraries that are bundle IDs only. A nil b remembers
// nothing.
func (b *bundleInfos) read(m root.FS, bundle string) (root.BundleInfo, error) {
	if b == nil {
		return readInfo(m, bundle)
	}
	stamp, err := b.stamp(m, bundle+infoFile)
	if err != nil || stamp == (root.Stamp{}) {
		return readInfo(m, bundle)
	}
	known, ok := b.last[bundle]
	if !ok || known.stamp != stamp {
		info, err := readInfo(m, bundle)
		if err != nil {
			return info, err
		}
		known.stamp, known.info = stamp, info
	}
	b.now[bundle] = known
	return known.info, nil
}

func readInfo(m root.FS, bundle string) (root.BundleInfo, error) {
	info, err := m.ReadInfo(bundle)
	info.Libraries = slices.DeleteFunc(info.Libraries, func(id string) bool { return !probe.IsBundleID(id) })
	info.Libraries = slices.Clip(info.Libraries[:min(len(info.Libraries), libraryLimit)])
	return info, err
}

// readKext is read for a kext, and also returns what its executable says. It is unknown if
// the executable is missing (a kext may have none) or cannot be read. The error is that of
// the property list.
func (b *bundleInfos) readKext(m root.FS, bundle string) (root.BundleInfo, code, error) {
	info, err := b.read(m, bundle)
	if err != nil || info.Executable == "" || info.Executable == ".." || strings.ContainsAny(info.Executable, "/\x00") {
		return info, code{}, err
	}
	name := bundle + codeFolder + info.Executable
	if b == nil {
		c, _, _ := readCode(m, name)
		return info, c, nil
	}
	stamp, err := b.stamp(m, name)
	if err != nil || stamp == (root.Stamp{}) {
		return info, code{}, nil
	}
	known, listed := b.now[bundle]
	if known.codeStamp != stamp {
		if known.code, known.codeStamp, err = readCode(m, name); err != nil {
			return info, code{}, nil
		}
	}
	if listed {
		b.now[bundle] = known
	}
	return info, known.code, nil
}

// next begins the next snapshot. What the last one did not read is forgotten.
func (b *bundleInfos) next() { b.last, b.now, b.stamps = b.now, map[string]bundleInfo{}, nil }

// lastFilesName is the name of the call that stampLast makes.
const lastFilesName = "files of the last snapshot"

// stampLast takes the stamps of files of the last snapshot with one call: this one will
// most likely read the same. If that call is late, they are stamped one by one, up to the
// first one that does not answer.
func (b *bundleInfos) stampLast(m root.FS) {
	var files []string
	for bundle, known := range b.last {
		files = append(files, bundle+infoFile)
		if known.codeStamp != (root.Stamp{}) {
			files = append(files, bundle+codeFolder+known.info.Executable)
		}
	}
	files = files[:min(len(files), root.StampsTogether)]
	stamps, err := m.StampsNow(lastFilesName, files)
	if err != nil {
		return
	}
	b.stamps = map[string]root.Stamp{}
	for i, file := range files {
		b.stamps[file] = stamps[i]
	}
}

// stamp is root.FS.Stamp.
func (b *bundleInfos) stamp(m root.FS, file string) (root.Stamp, error) {
	if stamp := b.stamps[file]; stamp != (root.Stamp{}) {
		return stamp, nil
	}
	return m.Stamp(file)
}
