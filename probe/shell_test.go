package probe

import "testing"

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{
		"/usr/local/bin/kextwatch":               "/usr/local/bin/kextwatch",
		"/Applications/Kext Watch.app/kextwatch": "'/Applications/Kext Watch.app/kextwatch'",
		"/tmp/it's":                              `'/tmp/it'\''s'`,
		"$(reboot)":                              "'$(reboot)'",
		"":                                       "''",
	} {
		if got := ShellWord(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
