package root

import (
	"errors"
	"slices"
	"testing"
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
