package mac

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
	plistNodes = 20_000
	plistBytes = 1 << 20
	plistDepth = 64
)

var errDamagedPlist = errors.New("damaged property list")

// plistCost is what a property list may cost once its references are followed.
type plistCost struct {
	nodes int // values and keys
	bytes int // of strings and data
}

// readPlist decodes the property list at a path of the Mac.
func (m Mac) readPlist(name string, into any) error {
	data, err := m.readFile(name, plistLimit)
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
	return decodePlist(data, into, plistCost{max(plistNodes, len(data)/16), max(plistBytes, 2*len(data))})
}

func decodePlist(data []byte, into any, most plistCost) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamagedPlist, r)
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
		return fmt.Errorf("%w: %w", errDamagedPlist, err)
	}
	return nil
}

// bundleInfo is what is read of the Info.plist of an application or a kernel
// extension.
type bundleInfo struct {
	ID           string `plist:"CFBundleIdentifier"`
	ShortVersion string `plist:"CFBundleShortVersionString"`
	Version      string `plist:"CFBundleVersion"`
}

// readInfo reads the Info.plist of the bundle at a path of the Mac.
func (m Mac) readInfo(bundle string) (bundleInfo, error) {
	var info bundleInfo
	if err := m.readPlist(bundle+"/Contents/Info.plist", &info); err != nil {
		return bundleInfo{}, err
	}
	return bundleInfo{
		ID:           strings.Clone(info.ID),
		ShortVersion: strings.Clone(info.ShortVersion),
		Version:      strings.Clone(info.Version),
	}, nil
}
