package probe

import (
	"regexp"
	"sync"
)

// Form is a regular expression that is compiled when it is first used. kextwatch
// starts a short-lived process for each alert, and compiling every expression took
// longer than posting one. A variable of this type needs no code at start:
//
//	var nameForm = probe.Form{Expr: `^[0-9A-Z]+$`}
//
// The methods are those of regexp.Regexp. They panic if Expr is invalid; a test
// compiles all of them. A Form may be used by several goroutines and must not be
// copied.
type Form struct {
	Expr string

	once sync.Once
	re   *regexp.Regexp
}

func (f *Form) compiled() *regexp.Regexp {
	f.once.Do(func() { f.re = regexp.MustCompile(f.Expr) })
	return f.re
}

func (f *Form) MatchString(s string) bool              { return f.compiled().MatchString(s) }
func (f *Form) FindString(s string) string             { return f.compiled().FindString(s) }
func (f *Form) FindSubmatch(b []byte) [][]byte         { return f.compiled().FindSubmatch(b) }
func (f *Form) FindStringSubmatch(s string) []string   { return f.compiled().FindStringSubmatch(s) }
func (f *Form) ReplaceAllString(s, with string) string { return f.compiled().ReplaceAllString(s, with) }

func (f *Form) FindAllStringIndex(s string, n int) [][]int {
	return f.compiled().FindAllStringIndex(s, n)
}

func (f *Form) FindAllSubmatch(b []byte, n int) [][][]byte {
	return f.compiled().FindAllSubmatch(b, n)
}

func (f *Form) FindAllStringSubmatch(s string, n int) [][]string {
	return f.compiled().FindAllStringSubmatch(s, n)
}

func (f *Form) ReplaceAllStringFunc(s string, with func(string) string) string {
	return f.compiled().ReplaceAllStringFunc(s, with)
}
