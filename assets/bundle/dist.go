package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dist is a release: the app in a zip, its bill of materials, and the checksums of
// both.
type dist struct {
	app        string
	folder     string
	layoutOnly bool
	time       time.Time
}

func (d dist) write(out io.Writer) error {
	info, err := readInfo(filepath.Join(d.app, "Contents/Info.plist"))
	if err != nil {
		return err
	}
	program, err := buildinfo.ReadFile(filepath.Join(d.app, programPath))
	if err != nil {
		return err
	}
	reader, err := buildinfo.ReadFile(filepath.Join(d.app, readerPath))
	if err != nil {
		return err
	}
	modules, err := modulesOf(program, reader)
	if err != nil {
		return err
	}
	name := "kextwatch-" + strings.TrimPrefix(info.KextwatchVersion, "v") + "-macos"
	if info.KextwatchLayoutOnly != "" || !containsModule(program.Deps, trayModule) {
		if !d.layoutOnly {
			return errors.New("this app has no icon for the menu bar, so it cannot be released. " +
				"Build it on a Mac, or set LAYOUT_ONLY=1 to inspect the zip")
		}
		name += "-layout-only"
	}
	archive, err := zipped(d.app, d.time)
	if err != nil {
		return err
	}
	parts, err := billOfMaterials(info, modules, d.time)
	if err != nil {
		return err
	}
	files := tree{name + ".zip": archive, name + ".cdx.json": parts}
	sums := checksums(files)
	files["SHA256SUMS"] = sums
	fmt.Fprintf(out, "%s", sums)
	return files.write(d.folder, 0o644)
}

// checksums returns the checksums in the form of sha256sum, which shasum -c reads on a
// Mac.
func checksums(files tree) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return b.Bytes()
}

// zipped returns the app in a zip. The same files make the same zip: they are sorted,
// have the same time, and have one of two modes.
func zipped(app string, modified time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	// WalkDir visits the files in the order of their names.
	err := filepath.WalkDir(app, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file", path)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(filepath.Dir(app), path)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: filepath.ToSlash(name), Method: zip.Deflate, Modified: modified}
		header.SetMode(0o644)
		if info.Mode()&0o100 != 0 {
			header.SetMode(0o755)
		}
		file, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		return err
	})
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}
