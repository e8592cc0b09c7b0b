package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the formula
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"text/template"
)

//go:embed kextwatch.rb.tmpl
var formulaText string

// formula is what changes from release to release in the formula for Homebrew.
type formula struct {
	URL, SHA256 string // of the archive of the source
	Homepage    string
	Tag         string // version of git describe
	Version     string // the same without v
}

var (
	webAddress = regexp.MustCompile(`^https://[A-Za-z0-9._~/%-]+$`)
	releaseTag = regexp.MustCompile(`^v([0-9]+\.[0-9]+\.[0-9]+)$`)
)

// runFormula writes the formula for the archive of a release.
func runFormula(args []string, out io.Writer) error {
	var f formula
	flags := flag.NewFlagSet("bundle formula", flag.ContinueOnError)
	flags.StringVar(&f.URL, "url", "", "the `ADDRESS` from which people download the archive")
	flags.StringVar(&f.Homepage, "homepage", "", "the `ADDRESS` of the project")
	flags.StringVar(&f.Tag, "version", "", "the `TAG` of the release")
	archive := flags.String("archive", "", "the `FILE` of the archive")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(*archive)
	if err != nil {
		return err
	}
	f.SHA256 = fmt.Sprintf("%x", sha256.Sum256(data))
	text, err := f.write()
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// write returns the formula. The values are checked, because they become Ruby code.
func (f formula) write() ([]byte, error) {
	for name, address := range map[string]string{"-url": f.URL, "-homepage": f.Homepage} {
		if !webAddress.MatchString(address) {
			return nil, fmt.Errorf("%s %q is not an address that begins with https://", name, address)
		}
	}
	tag := releaseTag.FindStringSubmatch(f.Tag)
	if tag == nil {
		return nil, fmt.Errorf("-version %q is not a release such as v1.2.3: Homebrew installs releases only", f.Tag)
	}
	f.Version = tag[1]
	t, err := template.New("formula").Parse(formulaText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, f)
	return b.Bytes(), err
}
