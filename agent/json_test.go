package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// json FILE PATH [VALUE] compares a value of a JSON document; ~REGEXP as VALUE
// matches a part of it. Without VALUE, PATH must exist. With !, the
// value must differ or the last part of PATH must be missing; the parts before
// it must be there.
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json FILE PATH [VALUE]")
	}
	if err := compareJSON(ts.ReadFile(args[0]), neg, args[1], args[2:]...); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

func compareJSON(text string, neg bool, path string, want ...string) error {
	doc, err := decodeJSON(text)
	if err != nil {
		return err
	}
	value, more, err := jsonAt(doc, path)
	if err != nil {
		if neg && !more {
			return nil
		}
		return err
	}
	got, same := jsonText(value), true
	if len(want) > 0 {
		same = got == want[0]
		if pattern, ok := strings.CutPrefix(want[0], "~"); ok {
			if same, err = regexp.MatchString(pattern, got); err != nil {
				return err
			}
		}
	}
	switch {
	case neg && same:
		return fmt.Errorf("%s is %s, want something else", path, got)
	case !neg && !same:
		return fmt.Errorf("%s is %s, want %s", path, got, want[0])
	}
	return nil
}

func decodeJSON(text string) (doc any, err error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("not JSON: %w in\n%s", err, text)
	}
	if dec.More() {
		return nil, fmt.Errorf("more than one JSON document in\n%s", text)
	}
	return doc, nil
}

// pathPart is one part of a path: a key, [number] or [key=value].
var pathPart = regexp.MustCompile(`^(?:\.?([^.\[\]]+)|\[(\d+)\]|\[([^\]=]+)=([^\]]*)\])`)

// jsonAt returns the value at a path such as checks[id=sip].level. Where it is
// missing, the error shows the nearest value that is there, and more reports
// whether further parts of the path follow the missing one.
func jsonAt(doc any, path string) (value any, more bool, err error) {
	value = doc
	for at := 0; at < len(path); {
		part := pathPart.FindStringSubmatch(path[at:])
		if part == nil {
			return nil, true, fmt.Errorf("invalid path %q", path)
		}
		next, ok := jsonChild(value, part)
		if !ok {
			return nil, at+len(part[0]) < len(path), fmt.Errorf("no %s in %s, which is\n%s",
				strings.TrimPrefix(part[0], "."), cmp.Or(path[:at], "the document"), jsonIndented(value))
		}
		value, at = next, at+len(part[0])
	}
	return value, false, nil
}

func jsonChild(value any, part []string) (child any, ok bool) {
	switch v := value.(type) {
	case map[string]any:
		if part[1] == "" {
			return nil, false
		}
		child, ok = v[part[1]]
	case []any:
		if i, err := strconv.Atoi(part[2]); err == nil && i < len(v) {
			return v[i], true
		}
		for _, element := range v {
			if object, is := element.(map[string]any); is && part[3] != "" {
				if field, has := object[part[3]]; has && jsonText(field) == part[4] {
					return element, true
				}
			}
		}
	}
	return child, ok
}

// jsonText returns a string unchanged and any other value as compact JSON.
func jsonText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func jsonIndented(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestJSONPaths(t *testing.T) {
	doc, err := decodeJSON(`{"a":[{"id":"x.y","n":1},{"id":"z","on":true,"list":[1,"b"],"none":null}],"text":"<b>","nine":1792000000000000001}`)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"text":            "<b>",
		"nine":            "1792000000000000001",
		"a[0].id":         "x.y",
		"a[id=x.y].n":     "1",
		"a[on=true].id":   "z",
		"a[id=z].on":      "true",
		"a[id=z].list":    `[1,"b"]`,
		"a[1].list[1]":    "b",
		"a[1].none":       "null",
		"a[id=z].list[0]": "1",
	} {
		if got, _, err := jsonAt(doc, path); err != nil || jsonText(got) != want {
			t.Errorf("%s: %s, %v; want %s", path, jsonText(got), err, want)
		}
	}
	for path, want := range map[string]struct {
		more bool
		err  string
	}{
		"b":         {false, "no b in the document, which is\n{\n"},
		"b.c":       {true, "no b in the document"},
		"a[2]":      {false, "no [2] in a, which is\n[\n"},
		"a[id=q].n": {true, "no [id=q] in a,"},
		"a[0].m":    {false, "no m in a[0], which is\n{\n  \"id\": \"x.y\",\n  \"n\": 1\n}"},
		"a.id":      {false, "no id in a,"},
		"text[0]":   {false, "no [0] in text, which is\n\"\\u003cb\\u003e\""},
		"a[0":       {true, "invalid path"},
		"a[-1]":     {true, "invalid path"},
	} {
		if _, more, err := jsonAt(doc, path); err == nil || !strings.HasPrefix(err.Error(), want.err) || more != want.more {
			t.Errorf("%s: %v, more %v; want %q, more %v", path, err, more, want.err, want.more)
		}
	}
	for _, text := range []string{"", "no", `{"a":1`, "{}{}"} {
		if _, err := decodeJSON(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestJSONVerb(t *testing.T) {
	const doc = `{"checks":[{"id":"sip","level":"ok"}]}`
	for _, c := range []struct {
		neg  bool
		path string
		want []string
		err  string
	}{
		{false, "checks[id=sip].level", []string{"ok"}, ""},
		{false, "checks[id=sip].level", nil, ""},
		{false, "checks[id=sip].level", []string{"warn"}, "checks[id=sip].level is ok, want warn"},
		{false, "checks[id=sip].level", []string{"~^o"}, ""},
		{false, "checks[id=sip].level", []string{"~^k"}, "checks[id=sip].level is ok, want ~^k"},
		{false, "checks[id=sip].level", []string{"~("}, "error parsing regexp"},
		{true, "checks[id=sip].level", []string{"~("}, "error parsing regexp"},
		{true, "checks[id=sip].level", []string{"~^w"}, ""},
		{false, "checks[id=sip].next", nil, "no next in checks[id=sip]"},
		{true, "checks[id=sip].level", []string{"warn"}, ""},
		{true, "checks[id=sip].level", []string{"ok"}, "checks[id=sip].level is ok, want something else"},
		{true, "checks[id=sip].level", nil, "checks[id=sip].level is ok, want something else"},
		{true, "checks[id=mdm]", nil, ""},
		{true, "checks[id=mdm].level", []string{"ok"}, "no [id=mdm] in checks"},
	} {
		err := compareJSON(doc, c.neg, c.path, c.want...)
		if (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("neg %v, %s %q: %v, want %q", c.neg, c.path, c.want, err, c.err)
		}
	}
}
