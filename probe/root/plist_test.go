package root

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
)

func TestPlistBombs(t *testing.T) {
	for name, data := range hostile.PlistBombs() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var into any
		err := DecodePlist(data, &into)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if len(data) < 1000 && after.TotalAlloc-before.TotalAlloc > 1<<20 {
			t.Errorf("%s: %d bytes cost %d", name, len(data), after.TotalAlloc-before.TotalAlloc)
		}
	}
	// These sizes are those of the lists in public reports.
	if n := len(hostile.PlistBombs()["doubling"]); n != 151 {
		t.Errorf("28 levels have %d bytes", n)
	}
	if n := len(hostile.PlistBombs()["UTF-16 length"]); n != 51 {
		t.Errorf("the UTF-16 length has %d bytes", n)
	}
}

// Each bomb is refused for the reason that it tests.
func TestPlistBombReasons(t *testing.T) {
	for name, want := range map[string]error{
		"doubling":         errTooBig,
		"text many times":  errTooBig,
		"too many objects": errTooBig,
		"XML many":         errTooBig,
		"XML dictionaries": errTooBig,
		"itself":           errTooDeep,
		"its own value":    errTooDeep,
		"circle":           errTooDeep,
		"XML nesting":      errTooDeep,
		"XML closed":       errTooDeep,
		"UTF-16 length":    errBounds,
		"length overflows": errBounds,
		"array length":     errBounds,
		"data length":      errBounds,
		"number cut off":   errBounds,
		"text cut off":     errBounds,
		"value missing":    errBounds,
		"in the header":    errBounds,
		"no objects":       errBounds,
	} {
		if err := DecodePlist(hostile.PlistBombs()[name], new(any)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestPlistFormats(t *testing.T) {
	type all struct {
		Text   string
		Wide   string
		Number int
		Real   float64
		Yes    bool
		When   time.Time
		Data   []byte
		List   []string
		Inner  map[string]string
	}
	want := all{
		Text: "14.0.1 45154", Wide: "Größe 苹果", Number: -7, Real: 1.5, Yes: true,
		When: time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC), Data: []byte{0, 1, 255},
		List: []string{"a", "a", "b"}, Inner: map[string]string{"k": "v"},
	}
	for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
		data, err := plist.Marshal(want, format)
		if err != nil {
			t.Fatal(err)
		}
		var got all
		if err := DecodePlist(data, &got); err != nil {
			t.Errorf("%s: %v", plist.FormatNames[format], err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", plist.FormatNames[format], got, want)
		}
		if err := DecodePlist(data, &struct{ Text int }{}); err == nil {
			t.Errorf("%s: a text was decoded as a number", plist.FormatNames[format])
		}
		var number struct{ Number, Real string }
		if err := DecodePlist(data, &number); err != nil || number.Number != "-7" || number.Real != "1.5" {
			t.Errorf("%s: numbers as text: %q, %v", plist.FormatNames[format], number, err)
		}
	}
	for name, data := range map[string]string{
		"Apple's head":    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict><key>Text</key><string>x</string></dict></plist>\n",
		"byte order mark": "\ufeff<plist><dict><key>Text</key><string>x</string></dict></plist>",
		"space before":    "\n\t <plist><dict><key>Text</key><string>x</string></dict></plist>",
		"comment":         "<plist><!-- <array> --><dict><key>Text</key><string>x</string></dict></plist>",
		"CDATA":           "<plist><dict><key>Text</key><string><![CDATA[x]]></string></dict></plist>",
	} {
		var got struct{ Text string }
		if err := DecodePlist([]byte(data), &got); err != nil || got.Text != "x" {
			t.Errorf("%s: %q, %v", name, got.Text, err)
		}
	}
}

// One value of another type must not hide the others.
func TestValuesOfAnotherType(t *testing.T) {
	type entry struct {
		Name string    `plist:"name"`
		At   time.Time `plist:"at"`
	}
	type list struct {
		Text    string
		Yes     bool
		Entries []entry
		Texts   map[string][]string
		Any     any
		Number  int
	}
	at := time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)
	good := map[string]any{
		"Text": "a", "Yes": true, "Number": 5, "Any": uint64(7), "Texts": map[string]any{"k": []string{"v"}, "l": []string{}},
		"Entries": []any{map[string]any{"name": "first", "at": at}, map[string]any{"name": "second"}},
	}
	all := list{"a", true, []entry{{"first", at}, {"second", time.Time{}}}, map[string][]string{"k": {"v"}, "l": {}}, uint64(7), 5}
	for name, c := range map[string]struct {
		key   string
		value any
		want  func(*list)
		says  string
	}{
		"a number as text":       {"Text", 51588, func(l *list) { l.Text = "51588" }, ""},
		"a negative one":         {"Text", -3, func(l *list) { l.Text = "-3" }, ""},
		"a real number":          {"Text", 17.1, func(l *list) { l.Text = "17.1" }, ""},
		"yes as text":            {"Text", true, func(l *list) { l.Text = "" }, "Text has another type"},
		"a list as text":         {"Text", []string{"a"}, func(l *list) { l.Text = "" }, "Text has another type"},
		"1 as yes":               {"Yes", 1, func(*list) {}, ""},
		"0 as no":                {"Yes", 0, func(l *list) { l.Yes = false }, ""},
		"2 as yes":               {"Yes", 2, func(l *list) { l.Yes = false }, "Yes has another type"},
		"a text as yes":          {"Yes", "true", func(l *list) { l.Yes = false }, "Yes has another type"},
		"a text as number":       {"Number", "5", func(l *list) { l.Number = 0 }, "Number has another type"},
		"a text as list":         {"Entries", "first", func(l *list) { l.Entries = nil }, "Entries has another type"},
		"a text as entry":        {"Entries", []any{"first", map[string]any{"name": "second"}}, func(l *list) { l.Entries = l.Entries[1:] }, "a value in Entries has another type"},
		"a text as date":         {"Entries", []any{map[string]any{"name": "first", "at": "today"}, map[string]any{"name": "second"}}, func(l *list) { l.Entries[0].At = time.Time{} }, "at has another type"},
		"a list as dictionary":   {"Texts", []string{"k"}, func(l *list) { l.Texts = nil }, "Texts has another type"},
		"a text in a dictionary": {"Texts", map[string]any{"k": "v", "l": []string{}}, func(l *list) { delete(l.Texts, "k") }, "a value has another type"},
	} {
		values := maps.Clone(good)
		values[c.key] = c.value
		want := all
		want.Entries, want.Texts = slices.Clone(all.Entries), maps.Clone(all.Texts)
		c.want(&want)
		for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
			data, err := plist.Marshal(values, format)
			if err != nil {
				t.Fatal(err)
			}
			got := list{Text: "from before"}
			err = DecodePlist(data, &got)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrOtherType) || !errors.Is(err, ErrDamagedPlist) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%s: %v, want %q", name, err, c.says)
			}
		}
	}
	if err := DecodePlist([]byte("<plist><array/></plist>"), new(list)); err == nil || errors.Is(err, ErrOtherType) {
		t.Errorf("an array instead of a dictionary: %v", err)
	}
	if err := DecodePlist([]byte("<plist><dict><key>Text</key></dict></plist>"), new(list)); err == nil || errors.Is(err, ErrOtherType) {
		t.Errorf("a key without a value: %v", err)
	}
}

func TestReadPlistIsCapped(t *testing.T) {
	m := FS{Root: mactest.Root(t)}
	const list = "<plist><dict><key>CFBundleIdentifier</key><string>a.b</string></dict></plist>"
	mactest.AddFile(t, m.Root, "/Applications/a.app/Contents/Info.plist", list+strings.Repeat(" ", plistLimit-len(list)))
	if info, err := m.ReadInfo("/Applications/a.app"); err != nil || info.ID != "a.b" {
		t.Errorf("at the limit: %+v, %v", info, err)
	}
	mactest.AddFile(t, m.Root, "/Applications/a.app/Contents/Info.plist", list+strings.Repeat(" ", plistLimit-len(list)+1))
	if _, err := m.ReadInfo("/Applications/a.app"); err == nil {
		t.Error("over the limit: no error")
	}
}

func FuzzDecodePlist(f *testing.F) {
	f.Add([]byte("<plist>" + strings.Repeat("<array>", PlistDepth)))
	for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
		data, err := plist.Marshal(map[string]any{"CFBundleIdentifier": "a.b", "x": []any{1, 2.5, true, []byte("d"), time.Unix(0, 0)}}, format)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		if len(data) > plistLimit {
			return
		}
		var tree any
		err := DecodePlist(data, &tree)
		if err == nil && len(data) > 0 && data[0] != '<' && data[0] != 'b' && !strings.ContainsRune("\ufeff \t\r\n", []rune(string(data))[0]) {
			t.Errorf("%q is neither XML nor binary", data)
		}
		var info BundleInfo
		_ = DecodePlist(data, &info)
	})
}

func BenchmarkDecodePlist(b *testing.B) {
	for _, format := range []int{plist.XMLFormat, plist.BinaryFormat} {
		data, err := plist.Marshal(BundleInfo{ID: "com.parallels.desktop.console", ShortVersion: "18.1.1", Version: "53328"}, format)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(plist.FormatNames[format], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var info BundleInfo
				if err := DecodePlist(data, &info); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
