package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFormula(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "source.tar.gz")
	if err := os.WriteFile(archive, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(url, homepage, version string) (string, error) {
		var out strings.Builder
		err := run([]string{"formula", "-url", url, "-homepage", homepage, "-version", version, "-archive", archive}, &out)
		return out.String(), err
	}
	const url, homepage = "https://example.org/kextwatch-v1.2.3.tar.gz", "https://example.org/kextwatch"
	text, err := write(url, homepage, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n  homepage \"" + homepage + "\"\n", "\n  url \"" + url + "\"\n", "\n  version \"1.2.3\"\n",
		"\n  sha256 \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n", // of abc: FIPS 180-2
		`system "make", "build", "VERSION=v1.2.3"`, `bin.install "bin/kextwatch", "bin/kextwatch-reader"`, "kextwatch install\n",
		`assert_match "kextwatch v1.2.3", shell_output("#{bin}/kextwatch version")`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for name, args := range map[string][3]string{
		"no address":           {"", homepage, "v1.2.3"},
		"without TLS":          {"http://example.org/a.tar.gz", homepage, "v1.2.3"},
		"Ruby in the address":  {url + `"#{exit}"`, homepage, "v1.2.3"},
		"Ruby in the homepage": {url, homepage + "#{exit}", "v1.2.3"},
		"two lines":            {url + "\nexit", homepage, "v1.2.3"},
		"not a release":        {url, homepage, "v1.2.3-4-gabcdef"},
		"not committed":        {url, homepage, "v1.2.3-dirty"},
		"no version":           {url, homepage, ""},
	} {
		if text, err := write(args[0], args[1], args[2]); err == nil || text != "" {
			t.Errorf("%s: %v, %q", name, err, text)
		}
	}
	if err := run([]string{"formula", "-url", url, "-homepage", homepage, "-version", "v1.2.3", "-archive", "/nowhere"}, &strings.Builder{}); err == nil {
		t.Error("no archive, and no error")
	}
}
