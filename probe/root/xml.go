package root

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// WalkXML calls element for each element of a document that contains no other
// elements, with its path ("outer/inner") and its text. The limits of depth and
// size are PlistDepth and PlistNodes. Entities that the document declares are an
// error. WalkXML returns the first error of element.
func WalkXML(data []byte, element func(path, text string) error) error {
	scanner := xml.NewDecoder(bytes.NewReader(data))
	var path []string
	var text strings.Builder
	nodes, leaf := 0, false
	for {
		token, err := scanner.Token()
		if err == io.EOF && nodes > 0 {
			return nil
		}
		if err == io.EOF {
			return errors.New("has no element")
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			nodes++
			path = append(path, token.Name.Local)
			text.Reset()
			leaf = true
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			if leaf {
				if err := element(strings.Join(path, "/"), text.String()); err != nil {
					return err
				}
			}
			path = path[:len(path)-1]
			leaf = false
		}
		if nodes > PlistNodes {
			return errTooBig
		}
		if len(path) > PlistDepth {
			return errTooDeep
		}
	}
}
