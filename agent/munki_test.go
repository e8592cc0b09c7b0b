package main

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe/hostile"
	"kextwatch/probe/root"
)

// The keys of other scripts stay as they are, in the format that they have.
func TestMunkiKeepsOtherKeys(t *testing.T) {
	others := map[string]any{
		"text": "a<b>&", "number": uint64(7), "negative": int64(-7), "real": 1.5, "yes": true,
		"date": time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC), "data": []byte{0, 1, 255},
		"list": []any{"x", uint64(1)}, "dict": map[string]any{"k": []any{}},
	}
	ours := map[string]any{"kextwatch_answer": "ok"}
	for format, start := range map[int]string{plist.XMLFormat: "<?xml", plist.BinaryFormat: "bplist00"} {
		old, err := plist.Marshal(others, format)
		if err != nil {
			t.Fatal(err)
		}
		data, err := withMunkiKeys(old, ours)
		if err != nil || !bytes.HasPrefix(data, []byte(start)) {
			t.Fatalf("%v, %.20q; want %s", err, data, start)
		}
		var got map[string]any
		if _, err := plist.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if got["kextwatch_answer"] != "ok" {
			t.Errorf("our key is missing: %v", got)
		}
		delete(got, "kextwatch_answer")
		if !reflect.DeepEqual(got, others) {
			t.Errorf("got  %#v\nwant %#v", got, others)
		}
	}
}

// A file that Munki may be able to read, and kextwatch not, is left alone.
func TestMunkiFileThatCannotBeRead(t *testing.T) {
	for _, old := range []string{"damaged", "{ old = style; }", "<plist><array/></plist>", "<plist><dict><key>a</key>", "bplist00"} {
		if data, err := withMunkiKeys([]byte(old), map[string]any{"kextwatch_answer": "ok"}); !errors.Is(err, errMunkiFile) || data != nil {
			t.Errorf("%q: %q, %v; want it left alone", old, data, err)
		}
	}
	for _, old := range []string{"", " \n", "<plist><dict><key>kextwatch_blocked</key><string>of an earlier run</string><key>kextwatch</key><string>not ours</string></dict></plist>"} {
		data, err := withMunkiKeys([]byte(old), map[string]any{"kextwatch_answer": "ok"})
		if err != nil || !strings.Contains(string(data), "<key>kextwatch_answer</key>") || strings.Contains(string(data), "earlier run") {
			t.Errorf("%q: %v\n%s", old, err, data)
		}
		if strings.Contains(old, "not ours") && !strings.Contains(string(data), "not ours") {
			t.Errorf("another script's key is gone:\n%s", data)
		}
	}
}

func FuzzWithMunkiKeys(f *testing.F) {
	f.Add([]byte("<plist><dict><key>a</key><array><string>b</string><date>2026-05-06T05:50:00Z</date></array></dict></plist>"))
	hostile.Fuzz(f, func(t *testing.T, old []byte) {
		data, err := withMunkiKeys(old, map[string]any{"kextwatch_answer": "ok"})
		if err != nil {
			return
		}
		var got map[string]any
		if err := root.DecodePlist(data, &got); err != nil || got["kextwatch_answer"] != "ok" {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}
