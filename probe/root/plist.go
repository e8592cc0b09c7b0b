package root

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Any program can place a property list in /Applications, so its cost is
// limited. A usual Info.plist has a few KB and some hundred nodes.
const (
	plistLimit = 256 << 10 // bytes of a file
	plistBytes = 1 << 20   // bytes of strings and data

	PlistNodes = 20_000 // the most values and keys of a list, or elements of XML
	PlistDepth = 64     // the deepest nesting
)

// ErrDamagedPlist is returned for data that is not a valid property list, or
// that exceeds the limits.
var ErrDamagedPlist = errors.New("damaged property list")

// PlistCost limits a property list, counted after its references are followed.
type PlistCost struct {
	Nodes int // values and keys
	Bytes int // of strings and data
}

// ReadPlist decodes the property list at a path of the Mac. It returns the
// errors of ReadFile and DecodePlist.
func (m FS) ReadPlist(name string, into any) error {
	data, err := m.ReadFile(name, plistLimit)
	if err != nil {
		return err
	}
	if err := DecodePlist(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// DecodePlist decodes an XML or a binary property list. It checks the list
// before it decodes it, because the decoder follows references without limit,
// trusts lengths, and accepts the old text formats, in which nearly everything
// is a string. Strings of a binary list may share memory with data. The allowed
// cost grows with the length of data; the caller limits that length.
//
// It returns ErrDamagedPlist. If the error is ErrOtherType, too, only some values
// were not decoded, and all others are in into. A number is accepted as a
// text, and 1 or 0 as yes or no.
func DecodePlist(data []byte, into any) error {
	return DecodePlistWithin(data, into, PlistCost{max(PlistNodes, len(data)/16), max(plistBytes, 2*len(data))})
}

// DecodePlistWithin is DecodePlist with a limit set by the caller.
func DecodePlistWithin(data []byte, into any, most PlistCost) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamagedPlist, r)
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case bytes.HasPrefix(data, []byte(binaryMagic)):
		err = checkBinary(data, most)
	case bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("<")):
		err = checkXML(data, most)
	default:
		err = errors.New("neither XML nor binary")
	}
	if err == nil {
		err = unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamagedPlist, err)
	}
	return nil
}

// BundleInfo holds the keys that are read from the Info.plist of an application
// or a kernel extension.
type BundleInfo struct {
	ID           string   `plist:"CFBundleIdentifier"`
	ShortVersion string   `plist:"CFBundleShortVersionString"`
	Version      string   `plist:"CFBundleVersion"`
	Executable   string   `plist:"CFBundleExecutable,omitempty"`
	Libraries    []string `plist:"-"` // the keys of OSBundleLibraries, sorted
}

// ReadInfo reads the Info.plist of the bundle at a path of the Mac. A value of another
// type is empty. It returns the other errors of ReadPlist.
func (m FS) ReadInfo(bundle string) (BundleInfo, error) {
	var info struct {
		ID           string         `plist:"CFBundleIdentifier"`
		ShortVersion string         `plist:"CFBundleShortVersionString"`
		Version      string         `plist:"CFBundleVersion"`
		Executable   string         `plist:"CFBundleExecutable"`
		Libraries    map[string]any `plist:"OSBundleLibraries"`
	}
	if err := m.ReadPlist(bundle+"/Contents/Info.plist", &info); err != nil && !errors.Is(err, ErrOtherType) {
		return BundleInfo{}, err
	}
	var libraries []string
	for _, id := range slices.Sorted(maps.Keys(info.Libraries)) {
		libraries = append(libraries, strings.Clone(id))
	}
	return BundleInfo{
		ID:           strings.Clone(info.ID),
		ShortVersion: strings.Clone(info.ShortVersion),
		Version:      strings.Clone(info.Version),
		Executable:   strings.Clone(info.Executable),
		Libraries:    libraries,
	}, nil
}
