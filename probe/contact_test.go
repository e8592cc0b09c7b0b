package probe

import (
	"strings"
	"testing"
)

// Only an address that shows where it leads can be opened, and none that runs something.
func TestIsContactURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://help.acme.example":                                  true,
		"http://help.acme.example:8080/a/b?x=1&y=%20#top":            true,
		"https://intranet":                                           true,
		"https://xn--bcher-kva.example/":                             true,
		"mailto:it@acme.example":                                     true,
		"mailto:it+mac@acme.example?subject=kextwatch":               true,
		"mailto:it@acme.example?subject=kext%20watch&body=Hello":     true,
		"tel:+1-555-0100":                                            true,
		"tel:4321":                                                   true,
		"https://a.example/" + strings.Repeat("x", MaxContactURL-18): true,
		"https://a.example/" + strings.Repeat("x", MaxContactURL-17): false,
		"":                                                          false,
		"help.acme.example":                                         false,
		"//help.acme.example":                                       false,
		"https://":                                                  false,
		"https:help":                                                false,
		"HTTPS://help.acme.example":                                 false,
		"javascript:alert(1)":                                       false,
		"file:///Applications/Calculator.app":                       false,
		"/Applications/Calculator.app":                              false,
		"-a Calculator":                                             false,
		"ssh://acme.example":                                        false,
		"x-apple.systempreferences:":                                false,
		"data:text/html,x":                                          false,
		"vbscript:x":                                                false,
		"https://acme.example@evil.example":                         false,
		"https://it:secret@acme.example/":                           false,
		"https://acme.example\\@evil.example/":                      false,
		"https://acme.example%2f@evil.example":                      false,
		"https://%65vil.example/":                                   false,
		"https://[::1]/":                                            false,
		"https://аcme.example/":                                     false, // a Cyrillic letter
		"https://acme.example/\u202egnp":                            false,
		"https://acme.example/ x":                                   false,
		"https://acme.example/\nx":                                  false,
		"https://acme.example\n":                                    false,
		"\nhttps://acme.example":                                    false,
		"https://acme.example/\x00":                                 false,
		"https://acme.example/<script>":                             false,
		"https://acme.example/\"x\"":                                false,
		"https://acme.example/`x`":                                  false,
		"https://acme.example/{Allow}":                              false,
		"mailto:it":                                                 false,
		"mailto:it@acme.example,boss@x.example":                     false,
		"mailto:it@acme.example?attach=/etc/passwd":                 false,
		"mailto:it@acme.example?cc=all@acme.example":                false,
		"mailto:it@acme.example?subject=x&attach=/etc/passwd":       false,
		"mailto:it@acme.example%0Abcc:x@x.example":                  false,
		"mailto:it@acme.example?subject=x%0D%0ABcc%3Ax%40x.example": false,
		"mailto:it@acme.example?subject=x%00":                       false,
		"mailto:it@acme.example?body=x%":                            false,
		"mailto:it@acme.example?body=one%0D%0Atwo%C3%A9":            true,
		"tel:*21*5550100#":                                          false,
		"tel:":                                                      false,
		"tel:call-me":                                               false,
	} {
		if got := IsContactURL(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
