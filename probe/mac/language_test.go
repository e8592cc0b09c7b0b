package mac

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// The language is the first one that the user prefers. Whatever else is in the file, or
// no file, is an unknown language and no missing fact.
func TestLanguage(t *testing.T) {
	list := func(body string) string {
		return `<?xml version="1.0"?><plist version="1.0"><dict><key>AppleLocale</key><string>de_AT</string>` + body + `</dict></plist>`
	}
	languages := func(tags ...string) string {
		return list("<key>AppleLanguages</key><array><string>" + strings.Join(tags, "</string><string>") + "</string></array>")
	}
	for _, tt := range []struct{ name, content, want string }{
		{"first of several", languages("de-AT", "en-US"), "de-AT"},
		{"script and region", languages("zh-Hans-CN"), "zh-Hans-CN"},
		{"numbered region", languages("es-419"), "es-419"},
		{"no key", list(""), ""},
		{"no language", list("<key>AppleLanguages</key><array/>"), ""},
		{"another type", list("<key>AppleLanguages</key><string>de</string>"), ""},
		{"numbers", list("<key>AppleLanguages</key><array><integer>1</integer></array>"), ""},
		{"not a tag", languages("de; rm -rf /"), ""},
		{"too long", languages(strings.Repeat("de-AT", 40)), ""},
		{"damaged", "bplist00\x00", ""},
	} {
		home := t.TempDir()
		path := filepath.Join(home, probe.GlobalPreferences)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		p := NewProber(root.FS{Root: t.TempDir(), Home: home, NoTools: true})
		if got := p.readLanguage(); got != "" {
			t.Errorf("%s: %q before there is a file", tt.name, got)
		}
		if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := p.readLanguage(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		for _, g := range p.SnapshotNow(t.Context(), time.Now(), Options{}).Gaps {
			if strings.Contains(g.Err, "GlobalPreferences") {
				t.Errorf("%s: a missing fact: %+v", tt.name, g)
			}
		}
	}
	if got := NewProber(root.FS{Root: t.TempDir(), NoTools: true}).readLanguage(); got != "" {
		t.Errorf("%q without a home", got)
	}
}

// A change of the language is in the next snapshot.
func TestLanguageChanges(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, probe.GlobalPreferences)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	p := NewProber(root.FS{Root: t.TempDir(), Home: home, NoTools: true})
	for _, want := range []string{"fr-CA", "pt-BR-extra"} {
		content := `<?xml version="1.0"?><plist version="1.0"><dict><key>AppleLanguages</key><array><string>` + want + `</string></array></dict></plist>`
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := p.readLanguage(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
