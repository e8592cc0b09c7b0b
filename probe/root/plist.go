package root

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"howett.net/plist"
)

// Any program can place a property list in /Applications, so what one may
// cost is limited. An Info.plist has a few KB and some hundred nodes.
const (
	plistLimit = 256 << 10 // bytes of a file
	PlistNodes = 20_000
	plistBytes = 1 << 20
	PlistDepth = 64
)

var ErrDamagedPlist = errors.New("damaged property list")

// PlistCost is what a property list may cost once its references are followed.
type PlistCost struct {
	Nodes int // values and keys
	Bytes int // of strings and data
}

// ReadPlist decodes the property list at a path of the Mac.
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

// DecodePlist decodes an XML or a binary property list. It is checked first,
// because the decoder follows references without limit, believes lengths and
// takes the text formats of old, in which nearly everything is a string.
// Strings of a binary list may share memory with data. A long list may hold
// more values than a short one: how long it may be is for the caller to say.
func DecodePlist(data []byte, into any) error {
	return DecodePlistWithin(data, into, PlistCost{max(PlistNodes, len(data)/16), max(plistBytes, 2*len(data))})
}

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
		_, err = plist.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamagedPlist, err)
	}
	return nil
}

// BundleInfo is what is read of the Info.plist of an application or a kernel
// extension.
type BundleInfo struct {
	ID           string `plist:"CFBundleIdentifier"`
	ShortVersion string `plist:"CFBundleShortVersionString"`
	Version      string `plist:"CFBundleVersion"`
}

// ReadInfo reads the Info.plist of the bundle at a path of the Mac.
func (m FS) ReadInfo(bundle string) (BundleInfo, error) {
	var info BundleInfo
	if err := m.ReadPlist(bundle+"/Contents/Info.plist", &info); err != nil {
		return BundleInfo{}, err
	}
	return BundleInfo{
		ID:           strings.Clone(info.ID),
		ShortVersion: strings.Clone(info.ShortVersion),
		Version:      strings.Clone(info.Version),
	}, nil
}
