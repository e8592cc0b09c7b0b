package root

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe/hostile"
)

func TestWalkXML(t *testing.T) {
	var got []string
	note := func(path, text string) error {
		got = append(got, path+"="+text)
		return nil
	}
	const document = `<?xml version="1.0"?>
<!-- <a>no</a> -->
<a x="1">before<b>one &amp; <!-- not --> two</b>between<c/><d><b>inner</b></d>after</a>`
	if err := WalkXML([]byte(document), note); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a/b=one &  two", "a/c=", "a/d/b=inner"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	enough := errors.New("enough")
	if err := WalkXML([]byte(document), func(_, _ string) error { return enough }); err != enough {
		t.Errorf("%v", err)
	}
}

func FuzzWalkXML(f *testing.F) {
	f.Add([]byte("<a><b>x</b><c><![CDATA[y]]></c></a>"))
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		elements := 0
		err := WalkXML(data, func(path, text string) error {
			elements++
			if depth := strings.Count(path, "/") + 1; depth > PlistDepth || len(text) > len(data) {
				t.Errorf("an element of depth %d with %d bytes", depth, len(text))
			}
			return nil
		})
		if elements > PlistNodes || err == nil && elements == 0 {
			t.Errorf("%d elements, %v", elements, err)
		}
	})
}
