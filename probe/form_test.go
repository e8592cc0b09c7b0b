package probe

import (
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A Form answers like a regexp.Regexp, also if several goroutines use it first.
func TestAFormIsARegularExpression(t *testing.T) {
	const expr, text = `(k)ext(\d+)`, "kext1 and kext22"
	form, re := &Form{Expr: expr}, regexp.MustCompile(expr)
	var first sync.WaitGroup
	for range 4 {
		first.Go(func() {
			if !form.MatchString(text) || form.MatchString("none") {
				t.Errorf("%s does not match like a regular expression", expr)
			}
		})
	}
	first.Wait()
	for name, pair := range map[string][2]any{
		"FindString":            {form.FindString(text), re.FindString(text)},
		"FindSubmatch":          {form.FindSubmatch([]byte(text)), re.FindSubmatch([]byte(text))},
		"FindStringSubmatch":    {form.FindStringSubmatch(text), re.FindStringSubmatch(text)},
		"ReplaceAllString":      {form.ReplaceAllString(text, "$2"), re.ReplaceAllString(text, "$2")},
		"FindAllStringIndex":    {form.FindAllStringIndex(text, -1), re.FindAllStringIndex(text, -1)},
		"FindAllSubmatch":       {form.FindAllSubmatch([]byte(text), 1), re.FindAllSubmatch([]byte(text), 1)},
		"FindAllStringSubmatch": {form.FindAllStringSubmatch(text, -1), re.FindAllStringSubmatch(text, -1)},
		"ReplaceAllStringFunc":  {form.ReplaceAllStringFunc(text, strings.ToUpper), re.ReplaceAllStringFunc(text, strings.ToUpper)},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s returns %q, want %q", name, pair[0], pair[1])
		}
	}
}
