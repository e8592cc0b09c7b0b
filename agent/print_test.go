//go:build browser && linux

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/browser/mark.js
var markBlocks string

// printOn prints a page on paper of this size to a PDF file.
func printOn(t *testing.T, page, size, paper string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sized.html")
	sized := strings.Replace(page, "</style>", "@page { size: "+size+"; }</style>", 1)
	if err := os.WriteFile(file, []byte(sized), 0o600); err != nil {
		t.Fatal(err)
	}
	chromium(t, file, "--no-pdf-header-footer", "--print-to-pdf="+paper)
}

// sheets returns the text of each sheet of a PDF file.
func sheets(t *testing.T, paper string) []string {
	t.Helper()
	text, err := exec.Command("pdftotext", "-layout", paper, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\f"), "\f")
}

var blockMark = regexp.MustCompile(`\bk(\d+)([a-z])\b`)

// block is a part of a page that a person reads as one: a row (r), the head of a table
// (t), a heading (h), a box (b). The head of a table is repeated on each sheet. A
// paragraph (p) may be cut.
type block struct {
	kind     string
	from, to int // sheets
}

// blocks returns the parts in the order of the page.
func blocks(t *testing.T, sheets []string) []block {
	t.Helper()
	var all []block
	for i, text := range sheets {
		for _, m := range blockMark.FindAllStringSubmatch(text, -1) {
			number, _ := strconv.Atoi(m[1])
			for len(all) <= number {
				all = append(all, block{})
			}
			if b := &all[number]; b.kind == "" {
				*b = block{m[2], i, i}
			} else if b.kind != "t" {
				b.to = i
			}
		}
	}
	if missing := slices.IndexFunc(all, func(b block) bool { return b.kind == "" }); missing >= 0 || len(all) < 20 {
		t.Fatalf("of %d parts, number %d is on no sheet", len(all), missing)
	}
	return all
}

// On paper, no row and no picture is cut, and no heading is alone at the end of a sheet.
func TestReportOnPaperInABrowser(t *testing.T) {
	dir := pictures(t)
	for name, file := range reports(t) {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		marked := withoutPolicy(t, string(page)) + "<script>" + markBlocks + "</script>"
		for _, size := range []string{"Letter", "A4"} {
			printOn(t, string(page), size, filepath.Join(dir, name+"-"+size+".pdf"))
			paper := filepath.Join(t.TempDir(), "marked.pdf")
			printOn(t, marked, size, paper)
			printed := sheets(t, paper)
			all := blocks(t, printed)
			for i, b := range all {
				what := fmt.Sprintf("%s on %s, sheet %d", name, size, b.from+1)
				if b.kind != "p" && b.from != b.to {
					t.Errorf("%s: part %d (%s) is cut", what, i, b.kind)
				}
				if next := i + 1; (b.kind == "h" || b.kind == "t") && (next == len(all) || all[next].from != b.to) {
					t.Errorf("%s: part %d (%s) is alone at the end", what, i, b.kind)
				}
			}
			t.Logf("%s on %s: %d parts on %d sheets", name, size, len(all), len(printed))
		}
	}
}
