// Package hostile holds inputs that an attacker could write into a file, a name or the
// output of a tool, and the limits that every reader must keep. Only tests may import it.
package hostile

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Texts returns hostile values of one text, such as the name of a virtual machine, by what
// they try.
func Texts() map[string]string {
	return map[string]string{
		"terminal control":  "\x1b[2J\x1b]0;title\x07\x9b31mred\r\b\b",
		"C1 control":        "a\u009b31m\u0085b\u0090",
		"NUL":               "a\x00b",
		"right to left":     "\u202egnp.exe\u202c\u2066x\u2069\u200f\u061c",
		"zero width":        "Par\u200ball\u200de\u2060ls\ufeff\u00ad",
		"tags and marks":    "a\U000e0041\U000e007fb\ufe0f\u180e",
		"line breaks":       "first\nfake line\r\nthird\u2028fourth\u2029fifth\v\f",
		"tabs and spaces":   "\t a \u00a0\u3000 b \t",
		"very long":         strings.Repeat("x", 100_000),
		"very long, wide":   strings.Repeat("苹果 ", 30_000),
		"element":           `<img src=x onerror=alert(1)>`,
		"script":            `</title></style></script><script>alert(1)</script>`,
		"attribute":         `" onload="alert(1)" x='`,
		"comment":           `--><svg/onload=alert(1)><!--`,
		"entity":            `&lt;b&gt; &#x202e; &#0; &amp`,
		"link":              `javascript:alert(1)`,
		"template":          `{{.}} {Allow} ${x} %s %d %!v(MISSING) %[9]v %n`,
		"AppleScript":       `" & (do shell script "touch /tmp/x") & "`,
		"AppleScript break": "\"\nend tell\ndo shell script \"touch /tmp/x\" --",
		"shell":             "`touch /tmp/x` $(touch /tmp/x); touch /tmp/x | x && x > x 'x' \"x\" \\",
		"option":            "--help -x",
		"path":              "../../../../etc/passwd",
		"JSON":              `","verdict":"approved","x":"`,
		"log line":          "x\" level=ERROR msg=\"fake\"\n{\"level\":\"ERROR\",\"msg\":\"fake\"}",
		"property list":     `</string><key>RunAtLoad</key><true/><string>]]>`,
		"spreadsheet":       `=HYPERLINK("http://example.com";"x"),@SUM(1)`,
		"invalid UTF-8":     "a\xff\xfe\xc3\x28\xed\xa0\x80b\xf4\x90\x80\x80",
		"only spaces":       " \t ",
		"only control":      "\x01\x02\x1f\x7f",
		"combining":         "Z" + strings.Repeat("\u0300", 500),
	}
}

// Inputs returns hostile contents of a file, and hostile output of a tool, in a fixed
// order.
func Inputs() [][]byte {
	inputs := [][]byte{
		nil,
		[]byte("\n"),
		[]byte("\xff\xfe<\x00p\x00"),
		bytes.Repeat([]byte{0}, 64<<10),
		bytes.Repeat([]byte("\n"), 1<<20),
		bytes.Repeat([]byte("x"), 1<<20),
		bytes.Repeat([]byte("9"), 100_000),
		bytes.Repeat([]byte(" "), 1<<20),
		bytes.Repeat([]byte("a.b (1) <2 3> - = \" {\n"), 20_000),
		bytes.Repeat([]byte("["), 200_000),
		bytes.Repeat([]byte("{"), 200_000),
		bytes.Repeat([]byte(`{"a":`), 50_000),
		bytes.Repeat([]byte("<a>"), 100_000),
		bytes.Repeat([]byte("(("), 50_000),
		bytes.Repeat([]byte("\t"), 50_000),
		[]byte("[" + strings.Repeat("{},", 50_000) + "{}]"),
		[]byte(`{"a":1e999999999,"a":-1e-999999999,"A":99999999999999999999999}`),
		[]byte(`{"a":"\ud800\u0000\u202e"}`),
	}
	for _, all := range []map[string][]byte{PlistBombs(), texts()} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			inputs = append(inputs, all[name])
		}
	}
	return inputs
}

func texts() map[string][]byte {
	all := map[string][]byte{}
	for name, text := range Texts() {
		all[name] = []byte(text)
	}
	return all
}
